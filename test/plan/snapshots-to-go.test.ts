/** Which snapshots of sources go by themselves, and when, stands in the plan. */
import { expect, it } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import type { SnapshotFacts } from '../../src/stores/control/facts.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare } from '../support/specs.ts';

const facts = (...known: readonly (readonly [string, SnapshotFacts])[]) => ({ sourceSnapshots: new Map(known) });
const VISITS: SnapshotFacts = {
  all: { snapshots: 5, bytes: 500_000 },
  unneeded: { snapshots: 3, bytes: 120_000, since: new Date('2026-11-01T04:00:00Z') },
};

async function planned(
  given: ReturnType<typeof facts> | undefined,
  { keep, mode = 'apply' }: { readonly keep?: string; readonly mode?: 'apply' | 'destroy' } = {},
): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(healthcare(), state, { effects: memoryEffects() });
  const project = { ...healthcare(), environments: { dev: keep === undefined ? {} : { snapshots: { keep } } } };
  return planOf(project, state, { mode, ...(given && { facts: given }) });
}

it('says when those that nothing needs go, by snapshots.keep', async () => {
  expect((await planned(facts(['visits', VISITS]))).summary.snapshots).toEqual({
    keep: '30d',
    goes: [{ source: 'visits', snapshots: 3, bytes: 120_000, from: '2026-12-01T04:00:00.000Z' }],
  });
  expect((await planned(facts(['visits', VISITS]), { keep: '2w' })).summary.snapshots).toMatchObject({
    keep: '2w',
    goes: [{ from: '2026-11-15T04:00:00.000Z' }],
  });
});

it('counts those of a source that it destroys, so long after it is applied', async () => {
  const plan = await planned(facts(['visits', VISITS]), { mode: 'destroy' });
  expect(plan.summary.snapshots?.goes).toEqual([
    { source: 'visits', snapshots: 3, bytes: 120_000, from: '2026-12-01T04:00:00.000Z' },
    { source: 'visits', snapshots: 2, bytes: 380_000, from: null },
  ]);
});

it('is null where it is not known, and empty where none goes', async () => {
  expect((await planned(undefined)).summary.snapshots).toBeNull();
  const all = { all: { snapshots: 1, bytes: 9 }, unneeded: null };
  expect((await planned(facts(['visits', all]))).summary.snapshots).toEqual({ keep: '30d', goes: [] });
});

it('is said also where there is nothing to change, on the terminal and in the comment on a pull request', async () => {
  const plan = await planned(facts(['visits', VISITS]));
  expect(renderHuman(plan, { color: false })).toContain(
    'Snapshots to be deleted once nothing needs them: 3 of visits, 120 kB, from 2026-12-01 on (snapshots.keep 30d).',
  );
  expect(renderMarkdown(plan)).toContain('3 of `visits`, 120 kB, from 2026-12-01 on (snapshots.keep 30d)');
  const destroyed = renderHuman(await planned(facts(['visits', VISITS]), { mode: 'destroy' }), { color: false });
  expect(destroyed).toContain('2 of visits, 380 kB, 30d after this is applied');
});
