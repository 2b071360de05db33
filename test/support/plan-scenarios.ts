/** Plans of the healthcare project after one edit each: what the golden files of test/cases/plan show. */
import type { Plan } from '../../src/plan/plan.ts';
import { applyProject, memoryEffects, planOf } from './apply.ts';
import { memoryStateStore } from './memory-state-store.ts';
import { type HealthcareEdits, healthcare, TREND_QUERY } from './specs.ts';

/** The golden files must not depend on a random lineage. */
const fixed = (plan: Plan): Plan => ({
  ...plan,
  lineage: plan.lineage === null ? null : '00000000-0000-4000-8000-000000000000',
});

export async function afterApply(edits: HealthcareEdits, options: Parameters<typeof planOf>[2] = {}): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(healthcare(), state, { effects: memoryEffects() });
  return fixed(await planOf(healthcare(edits), state, options));
}

const labs = healthcare().resources.get('feature_set.patient_labs')?.spec as {
  features: Record<string, { dtype: 'float64' }>;
};
const { bili_albumin: _, ...withoutRatio } = labs.features;

export const scenarios: Readonly<Record<string, () => Promise<Plan>>> = {
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
