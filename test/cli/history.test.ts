/** Renaming, forgetting and going back, and saved plans that no longer fit: the compiled command line on a project of its own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject } from '../support/project.ts';

const project = emptyProject('history');
const { mlops } = project;
const write = (name: string, text: string): void => writeFileSync(join(project.folder, name), text);
const json = async (...args: string[]): Promise<unknown> => {
  const { stdout, stderr } = await mlops([...args, '--json']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
};
const ok = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await mlops(args);
  expect([code, stderr]).toEqual([0, expect.anything()]);
  return stdout;
};
const SECRETS = { NIGHT_TOKEN: 'token-swordfish', OTHER_TOKEN: 'other-hunter2' };

interface Spelling {
  readonly set?: string;
  readonly movedFrom?: string;
  readonly owner?: string;
  readonly retries?: number;
  readonly service?: boolean;
}
const specs = ({
  set = 'labs',
  movedFrom,
  owner,
  retries = 1,
  service = true,
}: Spelling = {}): string => `project: history
resources:
  - { kind: Entity, name: patient, keys: { id: int64 }${owner === undefined ? '' : `, owner: ${owner}`} }
  - kind: FeatureSet
    name: ${set}
    entity: patient
    push: true
    eventTime: at${movedFrom === undefined ? '' : `\n    movedFrom: ${movedFrom}`}
    features: { bili: { dtype: float64 } }
${service ? `  - { kind: FeatureService, name: inputs, features: [${set}.bili] }\n` : ''}  - kind: Pipeline
    name: nightly
    tasks:
      report:
        operator: command
        command: [python, scripts/report.py]
        env: { TOKEN: '\${env:NIGHT_TOKEN}', OTHER: { $env: OTHER_TOKEN } }
        retry: { limit: ${retries} }
`;

beforeAll(() => {
  mkdirSync(join(project.folder, 'scripts'));
  write('scripts/report.py', 'print("first")\n');
  write('mlops.config.yaml', specs());
});
afterAll(() => project.remove(), 60_000);

describe('on an empty state', () => {
  it('there is nothing to list, show, rename, forget or go back to', async () => {
    expect(await ok('state', 'list')).toContain('Nothing is applied');
    expect(await ok('state', 'history')).toContain('Nothing is applied');
    expect(await json('state', 'history')).toEqual({ serials: [] });
    for (const args of [
      ['state', 'show', 'entity.patient'],
      ['state', 'mv', 'entity.patient', 'entity.person'],
      ['state', 'rm', 'entity.patient'],
      ['state', 'history', 'entity.patient'],
    ])
      expect(await json(...args)).toMatchObject({ error: { code: 'SP104' } });
    expect(await json('plan', '--against', '1')).toMatchObject({
      error: { code: 'AP114', hint: 'nothing was applied yet' },
    });
  });
});

describe('a saved plan', () => {
  it('holds no secret, also where the variables are set', async () => {
    const { code } = await mlops(['plan', '--out', 'first.plan'], { env: SECRETS });
    expect(code).toBe(0);
    const text = readFileSync(join(project.folder, 'first.plan'), 'utf8');
    expect(text).toContain('NIGHT_TOKEN');
    expect(text).toContain('OTHER_TOKEN');
    for (const secret of Object.values(SECRETS)) expect(text).not.toContain(secret);
    for (const format of ['human', 'json', 'markdown', 'sarif', 'junit'])
      for (const secret of Object.values(SECRETS))
        expect((await mlops(['plan', '--format', format], { env: SECRETS })).stdout).not.toContain(secret);
  });

  it('is refused while the specs differ, naming them, and applied exactly once they are back', async () => {
    write('mlops.config.yaml', specs({ owner: 'ann' }));
    const refused = await mlops(['apply', 'first.plan']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('AP102')]);
    expect(refused.stderr).toContain('entity.patient differs');
    write('scripts/report.py', 'print("edited")\n');
    write('mlops.config.yaml', specs());
    expect((await mlops(['apply', 'first.plan'])).stderr).toContain('pipeline.nightly differs');
    expect(await json('state', 'list')).toMatchObject({ resources: [] });
    write('scripts/report.py', 'print("first")\n');
    await ok('apply', 'first.plan');
  });

  it('is refused once the state moved, saying what, by whom and when', async () => {
    write('mlops.config.yaml', specs({ owner: 'ann' }));
    await ok('plan', '--out', 'stale.plan');
    await ok('apply', '--yes');
    const refused = await mlops(['apply', 'stale.plan']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /serial 1 of the state; it is at 2 now\. Since then: update entity\.patient \(\S+@\S+, \d{4}-/,
    );
  });
});

describe('renaming', () => {
  it('with movedFrom is one update with its data', async () => {
    write('mlops.config.yaml', specs({ owner: 'ann', set: 'blood', movedFrom: 'labs' }));
    const shown = await ok('plan');
    expect(shown).toContain('renamed from feature_set.labs');
    await ok('apply', '--yes');
    expect((await mlops(['plan', '--detailed-exitcode'])).code).toBe(0);
    const set = (await json('features', 'show', 'labs')) as { name: string; versions: readonly { version: number }[] };
    expect([set.name, set.versions.map(({ version }) => version)]).toEqual(['blood', [1]]);
    expect(await json('state', 'show', 'feature_set.labs')).toMatchObject({
      error: { detail: 'feature_set.labs was renamed to feature_set.blood.' },
    });
  });

  it('with state mv needs no apply: specs under the new name change nothing', async () => {
    expect(await json('state', 'mv', 'pipeline.nightly', 'pipeline.daily')).toEqual({
      from: 'pipeline.nightly',
      to: 'pipeline.daily',
      serial: 4,
    });
    write('mlops.config.yaml', specs({ owner: 'ann', set: 'blood' }).replace('name: nightly', 'name: daily'));
    expect((await mlops(['plan', '--detailed-exitcode'])).code).toBe(0);
    for (const [from, to] of [
      ['pipeline.daily', 'model.daily'],
      ['entity.patient', 'entity.patient'],
    ] as const)
      expect(await json('state', 'mv', from, to)).toMatchObject({ error: { code: 'AP108' } });
    expect(await json('state', 'mv', 'pipeline.daly', 'pipeline.x')).toMatchObject({
      error: { code: 'SP104', hint: expect.stringContaining('pipeline.daily') },
    });
  });
});

describe('forgetting', () => {
  it('is refused while others depend on it, and says what is left behind', async () => {
    expect(await json('state', 'rm', 'feature_set.blood')).toMatchObject({
      error: { code: 'SP120', detail: expect.stringContaining('feature_service.inputs') },
    });
    await ok('state', 'rm', 'feature_service.inputs');
    expect(await ok('state', 'rm', 'feature_set.blood')).toContain('Left as it is: its versions with their rows');
    expect(await ok('state', 'list')).not.toContain('blood');
    await ok('apply', '--yes');
    const set = (await json('features', 'show', 'blood')) as { versions: readonly { version: number }[] };
    expect(set.versions.map(({ version }) => version)).toEqual([1]);
  });
});

describe('going back', () => {
  it('starts from the history, of all and of one resource', async () => {
    const { serials } = (await json('state', 'history')) as {
      serials: readonly { serial: number; operation: string }[];
    };
    expect(serials.map(({ serial, operation }) => `${serial} ${operation}`)).toEqual([
      '7 apply',
      '6 rm',
      '5 rm',
      '4 mv',
      '3 apply',
      '2 apply',
      '1 apply',
    ]);
    expect(await ok('state', 'history', 'entity.patient')).toMatch(
      /update entity\.patient\n {4}owner {2}\(none\) → "ann"/,
    );
    expect(await ok('state', 'history', 'pipeline.daily')).toContain('rename pipeline.nightly to pipeline.daily');
    expect(await json('state', 'show', 'feature_set.labs', '--at', '1')).toMatchObject({
      address: 'feature_set.labs',
      serial: 1,
    });
    expect(await json('state', 'show', 'feature_set.lab', '--at', '1')).toMatchObject({
      error: { hint: expect.stringContaining('feature_set.labs') },
    });
    expect(await json('plan', '--against', '70')).toMatchObject({
      error: { code: 'AP114', hint: expect.stringContaining('5, 6, 7') },
    });
  });

  it('shows what would change back, and does it as an apply like any other', async () => {
    // Whoever goes back may have broken what is there now.
    write(
      'mlops.config.yaml',
      'project: history\nresources:\n  - { kind: Entity, name: patient, keys: { id: int46 } }\n',
    );
    const plan = (await json('plan', '--against', '1')) as {
      against: number;
      changes: readonly { address: string; previousAddress: string | null; actions: readonly string[] }[];
    };
    expect(plan.against).toBe(1);
    expect(plan.changes.map(({ address, previousAddress }) => [address, previousAddress])).toEqual(
      expect.arrayContaining([
        ['pipeline.nightly', 'pipeline.daily'],
        ['entity.patient', null],
      ]),
    );
    expect((await mlops(['apply', '--against', '1'])).stderr).toContain('CL103');
    await ok('plan', '--against', '1', '--out', 'back.plan');
    await ok('apply', 'back.plan');
    write('mlops.config.yaml', specs());
    expect((await mlops(['plan', '--detailed-exitcode'])).code).toBe(0);
    expect((await mlops(['plan', '--against', '1', '--detailed-exitcode'])).code).toBe(0);
    await ok('apply', '--against', '7', '--yes');
    expect(await ok('state', 'list')).toContain('pipeline.daily');
  });
});

describe('pruning the history', () => {
  it('says what is forgotten before it does it, and never does it by itself', async () => {
    expect(await json('state', 'prune')).toMatchObject({ error: { code: 'CL101' } });
    expect(await json('state', 'prune', '--older-than', 'long')).toMatchObject({ error: { code: 'CL101' } });
    expect(await ok('state', 'prune', '--older-than', '1d')).toBe('Nothing is older.\n');
    const { serials } = (await json('state', 'history')) as { serials: readonly { serial: number }[] };
    const newest = serials[0]?.serial ?? 0;
    const would = await ok('state', 'prune', '--keep', '2');
    expect(would).toContain(
      `Would forget serials 1 to ${newest - 3}. What serial ${newest - 1} and later ones changed stays`,
    );
    expect(would).toContain('Nothing was changed: --yes does it.');
    expect(await json('state', 'history')).toEqual({ serials });
    const after = (await json('plan', '--against', String(newest - 2))) as { changes: unknown };
    expect(await ok('state', 'prune', '--keep', '2', '--yes')).toContain(`Forgot serials 1 to ${newest - 3}.`);
    expect(((await json('state', 'history')) as typeof after & { serials: unknown[] }).serials).toHaveLength(3);
    expect(((await json('plan', '--against', String(newest - 2))) as typeof after).changes).toEqual(after.changes);
    expect(await json('plan', '--against', '1')).toMatchObject({
      error: { code: 'AP114', detail: `The history of this state has no serial 1: it begins at serial ${newest - 2}.` },
    });
  });
});
