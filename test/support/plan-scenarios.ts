/** Plans of the healthcare project after one edit each: what the golden files of test/cases/plan show. */
import type { Plan } from '../../src/plan/plan.ts';
import type { PlanFacts } from '../../src/stores/control/facts.ts';
import { applyProject, memoryEffects, planOf } from './apply.ts';
import { memoryStateStore } from './memory-state-store.ts';
import { type HealthcareEdits, healthcare, TREND_QUERY } from './specs.ts';

/** Of a store that has been at work. */
export const MEASURED: PlanFacts = {
  featureSets: new Map([
    [
      'patient_trend',
      {
        version: 3,
        rows: 1945,
        bytes: 120_431,
        firstEventTime: 126_230_400_000_000n,
        lastEventTime: 574_128_000_000_000n,
        lastMaterialization: { rows: 1945, seconds: 0.0474, endedAt: new Date('2026-11-26T10:00:00Z') },
      },
    ],
  ]),
  requestsPerDay: new Map([['mortality', 1240.4]]),
  onlineReads: {
    days: 30,
    bySet: new Map([
      [
        'patient_trend',
        [
          { feature: 'visits_365d', reader: 'key:svc-triage', reads: 12_000 },
          { feature: 'bili_change_365d', reader: 'key:svc-triage', reads: 9_000 },
          { feature: 'visits_365d', reader: 'endpoint:mortality', reads: 310 },
        ],
      ],
    ]),
  },
};

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
/** A version of the model answers. */
const served: PlanFacts = {
  models: new Map([['pbc_mortality', { versions: 3, production: 2, staging: null, servedFeatures: [] }]]),
};

const { bili_albumin: _, ...withoutRatio } = labs.features;

export const scenarios: Readonly<Record<string, () => Promise<Plan>>> = {
  'first-create': async () => planOf(healthcare(), memoryStateStore()),
  'nothing-to-do': () => afterApply({}),
  'in-place': () =>
    afterApply({
      labs: { ttl: '500d', description: 'Liver laboratory values', tags: { domain: 'liver' } },
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
  'served-meaning-changed': () =>
    afterApply(
      {
        labs: {
          ttl: '30d',
          features: {
            ...labs.features,
            bili: { ...labs.features['bili'], unit: 'umol/l' } as never,
            bili_albumin: { dtype: 'float64', expr: 'bili / (albumin + 1)' } as never,
          },
        },
        model: { gates: [{ metric: 'auc', min: 0.7 }] },
        endpoint: {
          variants: {
            control: { model: 'pbc_mortality', stage: 'production' },
            pinned: { model: 'pbc_mortality', version: 9 },
          },
          split: { control: 75, pinned: 25 },
        },
      },
      { facts: served },
    ),
  'suppressed-with-a-reason': () =>
    afterApply(
      {
        trend: {
          query: TREND_QUERY.replace('365 days', '180 days'),
          suppress: [
            { code: 'FS107', reason: 'the old window counted visits twice; retraining follows on Friday' },
            { code: 'FS101', reason: 'nothing is removed' },
          ],
        },
        endpoint: { key: 'site' },
      },
      { facts: served, rules: { EP102: 'error', FS102: 'off' } },
    ),
  'renamed-or-replaced': () =>
    afterApply({
      endpoint: { name: 'mortality_risk' },
      labs: {
        features: {
          bilirubin: { dtype: 'float64', column: 'bili', unit: 'mg/dl' },
          albumin: { dtype: 'float64', unit: 'g/dl' },
          bili_albumin: { dtype: 'float64', expr: 'bilirubin / albumin' },
        },
      },
    }),
  measured: () =>
    afterApply(
      { trend: { query: TREND_QUERY.replace('365 days', '180 days') }, endpoint: { owner: 'hepatology' } },
      { facts: MEASURED },
    ),
  destroy: () => afterApply({}, { mode: 'destroy' }),
  /** A policy that is weakened where it would deny: the record still judges. */
  denied: async () => {
    const each = "change.class == 'destructive'";
    const state = memoryStateStore();
    await applyProject(healthcare({ policy: { each } }), state, { effects: memoryEffects() });
    const without = ['model.pbc_mortality', 'endpoint.mortality'] as const;
    return fixed(await planOf(healthcare({ policy: { each, enforcement: 'warn' }, without }), state));
  },
};
