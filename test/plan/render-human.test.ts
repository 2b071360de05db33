import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { digestOf, sha256 } from '../../src/lib/canonical.ts';
import { changedCodeDigests } from '../../src/plan/code-changes.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderJson } from '../../src/plan/render/json.ts';
import { applyProject, memoryArtifacts, memoryEffects, planOf } from '../support/apply.ts';
import { expectGolden } from '../support/golden.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { type HealthcareEdits, healthcare, TREND_QUERY } from '../support/specs.ts';

const cases = fileURLToPath(new URL('../cases/plan', import.meta.url));

/** The golden files must not depend on a random lineage. */
const fixed = (plan: Plan): Plan => ({
  ...plan,
  lineage: plan.lineage === null ? null : '00000000-0000-4000-8000-000000000000',
});

async function afterApply(edits: HealthcareEdits, options: Parameters<typeof planOf>[2] = {}): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(healthcare(), state, { effects: memoryEffects() });
  return fixed(await planOf(healthcare(edits), state, options));
}

const labs = healthcare().resources.get('feature_set.patient_labs')?.spec as {
  features: Record<string, { dtype: 'float64' }>;
};
const { bili_albumin: _, ...withoutRatio } = labs.features;

const scenarios: Readonly<Record<string, () => Promise<Plan>>> = {
  'first-create': async () => planOf(healthcare(), memoryStateStore()),
  'nothing-to-do': () => afterApply({}),
  'in-place': () =>
    afterApply({
      labs: { ttl: '365d', description: 'Liver laboratory values', tags: { domain: 'liver' } },
      pipeline: { schedule: { cron: '0 3 * * 0', timezone: 'America/Chicago' } },
      endpoint: { protect: true },
    }),
  'new-version': () =>
    afterApply({
      trend: { query: TREND_QUERY.replace('365 days', '180 days').replace('visits\n', 'visits -- all of them\n') },
    }),
  'feature-removed-while-read': () =>
    afterApply({
      labs: { features: withoutRatio },
      service: { features: ['patient_labs.bili', 'patient_labs.albumin', 'patient_trend.visits_365d'] },
    }),
  'feature-retyped': () => afterApply({ labs: { features: { ...labs.features, bili: { dtype: 'string' as never } } } }),
  'keys-changed': () => afterApply({ entity: { keys: { id: 'int64', site: 'string' } } }),
  'source-changed': () =>
    afterApply({
      source: { nulls: ['NA', '-'], columns: { event_time: "timestamp '1974-01-01' + day * interval 1 day" } },
    }),
  'model-and-endpoint-removed': () => afterApply({ without: ['model.pbc_mortality', 'endpoint.mortality'] }),
  destroy: () => afterApply({}, { mode: 'destroy' }),
};

const script = {
  before: 'import sys\n\nprint("train")\n',
  after: 'import sys\n\nprint("train harder")\nsys.exit(0)\n',
};

function withScript(text: string): HealthcareEdits {
  const files = { 'scripts/train.py': sha256(text), 'scripts/lib.py': sha256('lib') };
  const train = {
    operator: 'command',
    command: 'python3 scripts/train.py',
    needs: [],
    bundle: { digest: digestOf(files), files },
  };
  return { pipeline: { tasks: { train } as never } };
}

describe('plans as people and programs read them', () => {
  for (const [name, make] of Object.entries(scenarios)) {
    it(`${name} reads as in its golden files`, async () => {
      const plan = await make();
      expectGolden(`${cases}/${name}.golden.txt`, renderHuman(plan, { color: false }));
      expectGolden(`${cases}/${name}.golden.json`, renderJson(plan));
    });
  }

  it('shows the lines of code that changed', async () => {
    const state = memoryStateStore();
    const artifacts = { ...memoryArtifacts(), has: async (digest: string) => ({ digest, bytes: 0 }) };
    await applyProject(healthcare(withScript(script.before)), state, { artifacts });
    const plan = await planOf(healthcare(withScript(script.after)), state);
    const texts = new Map([script.before, script.after].map((text) => [sha256(text), text]));
    expect(changedCodeDigests(plan)).toEqual([...texts.keys()].sort());
    const text = renderHuman(plan, { color: false, codeText: (digest) => texts.get(digest) });
    expectGolden(`${cases}/code-changed.golden.txt`, text);
    expect(renderHuman(plan, { color: false })).toContain('~ tasks.train code scripts/train.py  (changed)');
  });

  it('colours only when asked', async () => {
    const plan = await planOf(healthcare(), memoryStateStore());
    const plain = renderHuman(plan, { color: false });
    const painted = renderHuman(plan, { color: true });
    const esc = String.fromCharCode(27);
    expect(plain).not.toContain(esc);
    expect(painted).toContain(`${esc}[32m+`);
    expect(painted.replaceAll(new RegExp(`${esc}\\[[0-9;]*m`, 'g'), '')).toBe(plain);
  });
});
