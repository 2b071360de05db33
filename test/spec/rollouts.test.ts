import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadProject } from '../../src/spec/load.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

interface Written {
  readonly rollout?: string;
  readonly variants?: string;
  readonly more?: string;
}

const VARIANTS = 'control: { model: risk }, treatment: { model: risk, stage: staging }';

async function load({ rollout = 'steps: [{ share: 5 }]', variants = VARIANTS, more = '' }: Written) {
  writeFileSync(
    join(directory.path, 'mlops.config.yaml'),
    `project: p
environments: { dev: {} }
resources:
  - { kind: Model, name: risk, framework: onnx }
  - { kind: Model, name: other, framework: onnx }
  - kind: Endpoint
    name: mortality
    key: id
    variants: { ${variants} }
    rollout: { candidate: treatment, baseline: control, ${rollout} }
${more}
`,
  );
  return loadProject({ root: directory.path });
}

const problems = async (written: Written): Promise<string[]> =>
  (await load(written)).diagnostics.map(({ code, detail }) => `${code} ${detail}`);

it('a rollout gives all keys to the baseline where no split says otherwise', async () => {
  const { project, diagnostics } = await load({});
  expect(diagnostics).toEqual([]);
  const resource = project?.resources.get('endpoint.mortality' as never);
  expect(resource).toMatchObject({ spec: { split: { control: 100 } } });
});

it.each<[string, Written, string]>([
  ['names a variant that there is not', { rollout: 'steps: [{ share: 5 }], candidate: treatmnt' }, ''],
  [
    'goes on with shares that fall',
    { rollout: 'steps: [{ share: 50 }, { share: 5 }]' },
    'SP103 The share falls from 50 to 5 %',
  ],
  [
    'has a share of the split for its candidate',
    { more: '    split: { control: 90, treatment: 10 }' },
    'SP103 The share of "treatment" is the rollout\'s alone',
  ],
  [
    'takes keys from a baseline without any',
    { variants: `${VARIANTS}, all: { model: risk }`, more: '    split: { all: 100 }' },
    'SP103 "control" has no share of the split',
  ],
  [
    'is of a version against itself',
    { variants: 'control: { model: risk }, treatment: { model: risk }' },
    'SP103 "treatment" and "control" follow the same version',
  ],
  [
    'promotes past a baseline that stays',
    { variants: 'control: { model: risk, version: 1 }, treatment: { model: risk, stage: staging }' },
    'SP103 "control" stays at version 1',
  ],
  [
    'promotes one model to the place of another',
    { variants: 'control: { model: risk }, treatment: { model: other }' },
    'SP103 "treatment" is of model.other',
  ],
  [
    'keeps a metric to nothing',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: errors }]' },
    'SP102 "errors" must keep to something',
  ],
  [
    'has a margin to nothing',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: errors, max: 1, margin: 1 }]' },
    'SP103 A margin is one to the baseline',
  ],
  [
    'takes a higher score for a better one',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: score, atLeast: baseline }]' },
    'SP103 Neither a higher nor a lower mean score',
  ],
  [
    'is sure of a latency',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: latency_p99, max: 5, confidence: 0.9 }]' },
    'SP103 How sure "latency_p99" is',
  ],
  [
    'asks for a metric after its last step',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: errors, max: 1, fromStep: 2 }]' },
    'SP103 There are 1 steps',
  ],
  [
    'bounds a metric twice',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: errors, max: 1 }, { metric: errors, max: 2 }]' },
    'SP105 "errors" has "max" twice',
  ],
  [
    'measures outcomes that nobody tells',
    { rollout: 'steps: [{ share: 5 }], analysis: [{ metric: auc, min: 0.7 }]' },
    'SP102 "auc" is measured against outcomes',
  ],
  [
    'measures a shadow that there is not',
    { rollout: 'steps: [{ share: 0 }, { share: 5 }]' },
    'SP102 A step without a share is measured on a shadow',
  ],
])('refuses one that %s', async (_, written, expected) => {
  if (expected === '') {
    // The name twice is YAML's own problem: the baseline is misspelt instead.
    expect(
      (
        await problems({
          rollout: 'steps: [{ share: 5 }]',
          variants: 'contrl: { model: risk }, treatment: { model: risk, stage: staging }',
          more: '    split: { contrl: 100 }',
        })
      )[0],
    ).toBe('SP104 There is no variant "control".');
    return;
  }
  expect((await problems(written))[0]).toMatch(new RegExp(`^${expected.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
});

it('takes outcomes where the endpoint does, and another model where it is held', async () => {
  const rollout = 'steps: [{ share: 5 }], analysis: [{ metric: auc, min: 0.7 }], onSuccess: hold';
  const variants = 'control: { model: risk }, treatment: { model: other }';
  const more = '    feedback: { outcome: died, type: binary }';
  expect(await problems({ rollout, variants, more })).toEqual([]);
});
