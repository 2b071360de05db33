/**
 * What each edit of each field of each kind means: the class and the codes that the plan gives it. The table covers the schemas (a field
 * without a line fails the test) and is the one that docs/plan.md shows.
 */
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { Project } from '../../src/spec/project.ts';
import type { PlanFacts } from '../../src/stores/control/facts.ts';
import { healthcare, projectOf, resource } from './specs.ts';

export interface Edit {
  readonly kind: Kind;
  /** In the schema: `features.*.unit`, `tasks.model_training.label`; `tasks.*` for what every task has. */
  readonly field: string;
  readonly edit: string;
  /** In the spec that is edited. */
  readonly path: string;
  /** Undefined: absent. */
  readonly was: unknown;
  readonly becomes: unknown;
  readonly class: string;
  readonly codes: readonly string[];
}

/** A version of the model is in production, another in staging; three there are. */
export const FACTS: PlanFacts = {
  models: new Map([['pbc_mortality', { versions: 3, production: 2, staging: 3, servedFeatures: [] }]]),
  liveRuns: new Map(),
};

/** Every kind, every operator, and something else to refer to. */
export function everything(): Project {
  const all = [
    ...healthcare({
      labs: { createdTime: 'entered_at', materialize: { cron: '0 2 * * *', lookback: '2d' } },
      pipeline: {
        params: { depth: 3 },
        schedule: { cron: '0 0 * * 0', timezone: 'America/Chicago', catchup: 'last', overlap: 'queue' },
        tasks: {
          ingest: { operator: 'data_ingestion', source: 'visits', needs: [] },
          validate: { operator: 'data_validation', featureSets: ['patient_labs', 'patient_trend'], needs: ['ingest'] },
          compute: { operator: 'sql_query', query: 'select id, event_time, bili from visits', needs: ['ingest'] },
          materialize: {
            operator: 'feature_materialization',
            featureSets: ['patient_labs', 'patient_trend'],
            needs: ['validate', 'compute'],
          },
          dataset: {
            operator: 'training_dataset',
            features: 'mortality_inputs',
            spine: 'select id, event_time, died from visits',
            needs: ['materialize'],
          },
          train: {
            operator: 'model_training',
            trainer: 'gradient_boosting',
            label: 'died',
            resources: { cpu: 2, memory: '2Gi', gpu: 1 },
            pool: { large: 4 },
            needs: ['dataset'],
          },
          evaluate: { operator: 'model_evaluation', metrics: ['auc', 'brier'], needs: ['train'] },
          register: { operator: 'model_registration', model: 'pbc_mortality', needs: ['evaluate'] },
          promote: { operator: 'model_promotion', model: 'pbc_mortality', to: 'staging', needs: ['register'] },
          predict: { operator: 'batch_prediction', model: 'pbc_mortality', source: 'visits', needs: ['promote'] },
          deploy: {
            operator: 'deployment',
            model: 'pbc_mortality',
            endpoint: 'mortality',
            variant: 'control',
            needs: ['promote'],
          },
          tell: { operator: 'command', command: 'tell', needs: ['promote'] },
          score: { operator: 'python', script: 'score.py', needs: ['promote'] },
          check: { operator: 'typescript', run: 'check.ts#run', needs: ['promote'] },
          ask: { operator: 'http_request', url: 'https://example.org/a', needs: ['promote'] },
          wait: { operator: 'wait_for', that: 'true', needs: ['promote'] },
          say: { operator: 'notify', channel: 'ops', message: 'done', needs: ['promote'] },
          sub: { operator: 'run_pipeline', pipeline: 'other', needs: ['promote'] },
        },
      },
      model: {
        gates: [{ metric: 'auc', min: 0.8 }],
        card: { intendedUse: 'risk', limitations: 'few', ethics: 'care' },
      },
      endpoint: {
        variants: {
          control: { model: 'pbc_mortality', stage: 'production' },
          treatment: { model: 'pbc_mortality', stage: 'staging' },
        },
        split: { control: 90, treatment: 10 },
      },
    }).resources.values(),
    resource('source', { name: 'wards', file: 'data/wards.csv' }),
    resource('entity', { name: 'person', keys: { person: 'int64' } }),
    resource('feature_service', { name: 'few_inputs', features: ['patient_labs.bili'] }, ['feature_set.patient_labs']),
    resource('pipeline', {
      name: 'nightly',
      tasks: { ingest: { operator: 'data_ingestion', source: 'wards', needs: [] } },
    }),
    resource('model', { name: 'other', framework: 'onnx' }),
    resource('environment', {
      name: 'dev',
      pools: { small: 4, large: 8 },
      resources: { cpu: 4, memory: '8Gi', gpu: 1 },
    }),
  ];
  return projectOf(all);
}

export const EDITED: Readonly<Record<Kind, string>> = {
  source: 'visits',
  entity: 'patient',
  feature_set: 'patient_labs',
  feature_service: 'mortality_inputs',
  pipeline: 'weekly_retraining',
  model: 'pbc_mortality',
  endpoint: 'mortality',
  policy: 'keep_patient_rows',
  environment: 'dev',
};

/** The project with one value of one resource put in place; undefined takes it out. */
export function withValue(project: Project, kind: Kind, path: string, value: unknown): Project {
  return projectOf(
    [...project.resources.values()].map((one) => {
      if (one.kind !== kind || one.name !== EDITED[kind]) return one;
      const spec = structuredClone(one.spec) as unknown as Record<string, unknown>;
      put(spec, path.split('.'), value);
      return resource(kind, spec as unknown as CanonicalSpecs[Kind], one.dependsOn);
    }),
  );
}

function put(into: Record<string, unknown>, [first = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length > 0) {
    into[first] ??= {};
    put(into[first] as Record<string, unknown>, rest, value);
  } else if (value === undefined) delete into[first];
  else into[first] = value;
}

const edits: Edit[] = [];

/** `[field, path in the spec, edit, was, becomes, class, ...codes]`; the path defaults to the field. */
type Line = readonly [string, string | null, string, unknown, unknown, string, ...string[]];

function table(kind: Kind, lines: readonly Line[]): void {
  const common: readonly Line[] = [
    ['description', null, 'changed', 'a', 'b', 'safe'],
    ['owner', null, 'changed', 'a', 'b', 'safe'],
    ['tags.*', 'tags.team', 'changed', 'a', 'b', 'safe'],
    ['protect', null, 'lifted', true, false, 'safe'],
    [
      'suppress[].code',
      'suppress',
      'added, of a finding that is not there',
      undefined,
      [{ code: 'FS101', reason: 'r' }],
      'safe',
      'SP119',
    ],
    ['suppress[].reason', 'suppress', 'removed', [{ code: 'FS101', reason: 'r' }], undefined, 'safe'],
    ['movedFrom', null, 'left in after the rename', undefined, 'long_ago', 'safe'],
  ];
  for (const [field, path, edit, was, becomes, gravest, ...codes] of [
    ...lines,
    ...(kind === 'environment' ? [] : common),
  ])
    edits.push({ kind, field, path: path ?? field, edit, was, becomes, class: gravest, codes });
}

table('source', [
  ['file', null, 'another file', 'a.csv', 'b.csv', 'backfill', 'FS105'],
  ['format', null, 'changed', 'csv', 'jsonl', 'backfill', 'FS105'],
  ['delimiter', null, 'changed', ',', ';', 'backfill', 'FS105'],
  ['nulls', null, 'changed', ['NA'], ['NA', '-'], 'breaking', 'FS105', 'FS107'],
  ['types.*', 'types.bili', 'changed', 'float64', 'string', 'breaking', 'FS105', 'FS107', 'FS121'],
  ['columns.*', 'columns.bili', 'another expression', 'a', 'b', 'breaking', 'FS105', 'FS107'],
  ['query', null, 'changed', 'select 1', 'select 2', 'breaking', 'FS105', 'FS107'],
  ['table', null, 'changed', 'clinic.visits', 'clinic.seen', 'breaking', 'FS105', 'FS107'],
  ['database', null, 'changed', { $env: 'EHR_URL' }, { $env: 'COPY_URL' }, 'backfill', 'FS105'],
  ['incremental.column', null, 'changed', 'day', 'futime', 'backfill', 'FS105'],
  ['incremental.lookback', null, 'changed', '1d', '2d', 'backfill', 'FS105'],
]);
table('entity', [
  ['keys.*', 'keys', 'added, removed or retyped', { id: 'int64' }, { id: 'string' }, 'breaking', 'FS104'],
]);
table('feature_set', [
  ['entity', null, 'one with other keys', 'patient', 'person', 'breaking', 'FS102', 'FS107'],
  ['source', null, 'changed', 'visits', 'wards', 'breaking', 'FS102', 'FS107'],
  ['query', null, 'changed', 'select 1', 'select 2', 'breaking', 'FS102', 'FS107'],
  ['push', null, 'instead of a source', undefined, true, 'breaking', 'FS112'],
  ['eventTime', null, 'changed', 'event_time', 'seen_at', 'breaking', 'FS102', 'FS107'],
  ['createdTime', null, 'changed', 'entered_at', 'known_at', 'breaking', 'FS102', 'FS107'],
  ['asKnownAt', null, 'changed', 'spine', 'now', 'breaking', 'FS102', 'FS107'],
  ['ttl', null, 'shortened', '400d', '30d', 'breaking', 'FS108'],
  ['ttl', null, 'lengthened', '400d', '500d', 'safe', 'FS108'],
  ['features.*', 'features.more', 'added', undefined, { dtype: 'float64' }, 'new-version', 'FS102'],
  [
    'features.*',
    'features.albumin',
    'removed while it is read',
    { dtype: 'float64' },
    undefined,
    'breaking',
    'FS101',
    'FS102',
  ],
  ['features.*', 'features.more', 'removed, read by nobody', { dtype: 'float64' }, undefined, 'new-version', 'FS102'],
  [
    'features.*.dtype',
    'features.albumin.dtype',
    'changed',
    'float64',
    'float32',
    'breaking',
    'FS101',
    'FS102',
    'FS107',
  ],
  [
    'features.*.dtype',
    'features.embedding.dtype',
    'an embedding of another length',
    'vector<2>',
    'vector<3>',
    'new-version',
    'FS102',
  ],
  ['features.*.column', 'features.albumin.column', 'changed', 'a', 'b', 'breaking', 'FS102', 'FS107'],
  ['features.*.expr', 'features.bili_albumin.expr', 'changed', 'bili / albumin', 'bili', 'breaking', 'FS102', 'FS107'],
  ['features.*.unit', 'features.albumin.unit', 'changed', 'g/dl', 'g/l', 'breaking', 'FS107', 'FS111'],
  ['features.*.unit', 'features.albumin.unit', 'told for the first time', undefined, 'g/l', 'safe'],
  ['features.*.description', 'features.albumin.description', 'changed', 'a', 'b', 'safe'],
  ['features.*.default', 'features.albumin.default', 'changed', 1, 2, 'breaking', 'FS107'],
  ['features.*.default', 'features.albumin.default', 'added', undefined, 2, 'safe', 'FS110'],
  ['features.*.default', 'features.albumin.default', 'removed', 1, undefined, 'breaking', 'FS110'],
  ['features.*.expect.min', 'features.bili.expect.min', 'raised', 0, 1, 'safe', 'FS109'],
  ['features.*.expect.max', 'features.bili.expect.max', 'raised', 60, 70, 'safe', 'FS109'],
  ['features.*.expect.maxNull', 'features.bili.expect.maxNull', 'lowered', 0.5, 0.1, 'safe', 'FS109'],
  ['features.*.expect.minLength', 'features.note.expect.minLength', 'raised', 0, 1, 'safe', 'FS109'],
  ['features.*.expect.maxLength', 'features.note.expect.maxLength', 'lowered', 9, 5, 'safe', 'FS109'],
  ['features.*.expect.in', 'features.bili.expect.in', 'fewer values', [1, 2], [1], 'safe', 'FS109'],
  ['features.*.expect.pattern', 'features.bili.expect.pattern', 'another', '^a', '^b', 'safe', 'FS109'],
  ['features.*.expect.onFailure', 'features.bili.expect.onFailure', 'stricter', 'warn', 'quarantine', 'safe', 'FS109'],
  ['expect.minRows', 'expect.minRows', 'raised', 1, 10, 'safe', 'FS109'],
  ['expect.unique', 'expect.unique', 'asked for', undefined, true, 'safe', 'FS109'],
  ['expect.freshness', 'expect.freshness', 'shorter', '7d', '2d', 'safe', 'FS109'],
  ['expect.onFailure', 'expect.onFailure', 'stricter', 'warn', 'fail', 'safe', 'FS109'],
  ['features.*.expect', 'features.bili.expect', 'removed', { min: 0 }, undefined, 'safe', 'FS109'],
  ['materialize.cron', null, 'changed', '0 2 * * *', '0 3 * * *', 'safe'],
  ['materialize.cron', null, 'removed', '0 2 * * *', undefined, 'safe'],
  ['materialize.timezone', null, 'changed', 'UTC', 'Asia/Tokyo', 'safe'],
  ['materialize.lookback', null, 'shortened', '2d', '1d', 'safe', 'FS114'],
]);
const inputs = ['patient_labs.bili', 'patient_labs.albumin'];
table('feature_service', [
  ['features', null, 'one removed', inputs, inputs.slice(1), 'breaking', 'FS106'],
  ['features', null, 'one added', inputs.slice(1), inputs, 'safe', 'FS115'],
  ['features', null, 'another order', inputs, [...inputs].reverse(), 'safe', 'FS115'],
]);
const waiting = (task: object): object => ({ operator: 'wait_for', needs: ['promote'], ...task });
const deploying = (task: object): object => ({
  operator: 'deployment',
  model: 'pbc_mortality',
  endpoint: 'mortality',
  variant: 'control',
  needs: ['promote'],
  ...task,
});
const predicting = (task: object): object => ({
  operator: 'batch_prediction',
  model: 'pbc_mortality',
  source: 'visits',
  needs: ['promote'],
  ...task,
});
const train = (task: object): object => ({ operator: 'model_training', label: 'died', needs: ['dataset'], ...task });
table('pipeline', [
  ['schedule', null, 'removed', { cron: '0 0 * * 0' }, undefined, 'safe', 'PL105'],
  ['schedule.cron', null, 'changed', '0 0 * * 0', '0 0 * * 1', 'safe'],
  ['schedule.timezone', null, 'changed', 'UTC', 'Asia/Tokyo', 'safe'],
  ['schedule.catchup', null, 'none to all', 'none', 'all', 'safe', 'PL106'],
  ['schedule.overlap', null, 'to cancel', 'queue', 'cancel', 'safe', 'PL106'],
  ['triggers', null, 'one added', undefined, [{ cron: '0 3 * * *' }], 'safe', 'PL121'],
  ['triggers', null, 'one removed', [{ promoted: 'pbc_mortality' }], [], 'safe', 'PL121'],
  ['breaker.failures', null, 'fewer', 5, 3, 'safe', 'PL122'],
  ['breaker.pause', null, 'shorter', '2h', '1h', 'safe', 'PL122'],
  ['tasks.*.queuedTimeout', 'tasks.train.queuedTimeout', 'shorter', '10m', '5m', 'safe'],
  ['tasks.*.cache.ttl', 'tasks.train.cache.ttl', 'longer', '1h', '1d', 'safe'],
  ['tasks.*.cache.key', 'tasks.train.cache.key', 'another', 'params', 'run.instant', 'safe'],
  ['concurrency.runs', null, 'fewer', 3, 1, 'safe'],
  ['concurrency.tasks', null, 'fewer', 8, 4, 'safe'],
  ['tasks.*.pool', 'tasks.train.pool', 'another', 'small', 'large', 'safe'],
  ['tasks.*.forEach', 'tasks.tell.forEach', 'other items', [1, 2], [1, 2, 3], 'safe'],
  ['tasks.*.concurrency', 'tasks.tell.concurrency', 'fewer', 8, 4, 'safe'],
  ['params.*', 'params.depth', 'another default', 3, 4, 'safe'],
  ['params.*', 'params.depth', 'removed', 3, undefined, 'breaking', 'PL113'],
  ['params.*', 'params.depth', 'retyped', 3, 'three', 'breaking', 'PL113'],
  ['notify[].to', 'notify', 'another channel', [{ to: 'ops' }], [{ to: 'team' }], 'safe'],
  ['notify[].on', 'notify', 'other events', [{ to: 'ops' }], [{ to: 'ops', on: ['failed'] }], 'safe'],
  ['expect.within', null, 'changed', '1h', '2h', 'safe'],
  ['expect.by', 'expect', 'instead of within', { within: '1h' }, { by: '06:00' }, 'safe'],
  ['params.*', 'params.depth', 'bounded', 3, { type: 'number', default: 3, max: 5 }, 'breaking', 'PL113'],
  ['params.*', 'params.depth', 'must be given', 3, { type: 'number', required: true }, 'breaking', 'PL113'],
  ['params.*', 'params.depth', 'written at length', 3, { type: 'number', default: 3 }, 'safe'],
  [
    'tasks.*.operator',
    'tasks.train',
    'changed',
    train({ trainer: 'random_forest' }),
    { operator: 'command', command: 'x', needs: ['dataset'] },
    'safe',
    'PL102',
  ],
  ['tasks.*.description', 'tasks.train.description', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.needs', 'tasks.promote.needs', 'waits for less', ['register', 'evaluate'], ['register'], 'safe', 'PL111'],
  ['tasks.*.needs', 'tasks.promote.needs', 'waits for more', ['register'], ['register', 'evaluate'], 'safe', 'PL111'],
  [
    'tasks.*.trigger',
    'tasks.promote.trigger',
    'starts though something failed',
    'all_success',
    'always',
    'safe',
    'PL111',
  ],
  ['tasks.*.when', 'tasks.promote.when', 'changed', 'true', 'false', 'safe', 'PL111'],
  ['tasks.*.retry.limit', 'tasks.train.retry.limit', 'changed', 2, 1, 'safe'],
  ['tasks.*.retry.backoff.initial', 'tasks.train.retry.backoff.initial', 'changed', '1s', '2s', 'safe'],
  ['tasks.*.retry.backoff.factor', 'tasks.train.retry.backoff.factor', 'changed', 2, 3, 'safe'],
  ['tasks.*.retry.backoff.cap', 'tasks.train.retry.backoff.cap', 'changed', '5m', '1m', 'safe'],
  ['tasks.*.retry.backoff.jitter', 'tasks.train.retry.backoff.jitter', 'changed', true, false, 'safe'],
  ['tasks.*.retry.on', 'tasks.train.retry.on', 'changed', ['failed'], ['crashed'], 'safe'],
  ['tasks.*.timeout', 'tasks.train.timeout', 'changed', '10m', '5m', 'safe'],
  ['tasks.*.deadline', 'tasks.train.deadline', 'changed', '10m', '5m', 'safe'],
  ['tasks.*.resources.cpu', 'tasks.train.resources.cpu', 'changed', 1, 2, 'safe'],
  ['tasks.*.resources.memory', 'tasks.train.resources.memory', 'changed', '1Gi', '2Gi', 'safe'],
  ['tasks.*.resources.gpu', 'tasks.train.resources.gpu', 'changed', 0, 1, 'safe'],
  ['tasks.*.runner', 'tasks.tell.runner', 'changed', 'process', 'kubernetes', 'safe'],
  ['tasks.*.kubernetes.image', 'tasks.tell.kubernetes.image', 'changed', 'python:3.11', 'python:3.12', 'safe'],
  ['tasks.*.kubernetes.imagePullPolicy', 'tasks.tell.kubernetes.imagePullPolicy', 'changed', 'Always', 'Never', 'safe'],
  ['tasks.*.kubernetes.serviceAccount', 'tasks.tell.kubernetes.serviceAccount', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.nodeSelector.*', 'tasks.tell.kubernetes.nodeSelector.disk', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.tolerations', 'tasks.tell.kubernetes.tolerations', 'changed', [], [{ key: 'gpu' }], 'safe'],
  ['tasks.*.kubernetes.queue', 'tasks.tell.kubernetes.queue', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.priorityClass', 'tasks.tell.kubernetes.priorityClass', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.runtimeClass', 'tasks.tell.kubernetes.runtimeClass', 'changed', 'a', 'b', 'safe'],
  [
    'tasks.*.kubernetes.gpuResource',
    'tasks.tell.kubernetes.gpuResource',
    'changed',
    'nvidia.com/gpu',
    'amd.com/gpu',
    'safe',
  ],
  ['tasks.*.kubernetes.runAsUser', 'tasks.tell.kubernetes.runAsUser', 'changed', 1000, 1001, 'safe'],
  ['tasks.*.kubernetes.secretEnv.*.name', 'tasks.tell.kubernetes.secretEnv.TOKEN.name', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.secretEnv.*.key', 'tasks.tell.kubernetes.secretEnv.TOKEN.key', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.labels.*', 'tasks.tell.kubernetes.labels.team', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.kubernetes.annotations.*', 'tasks.tell.kubernetes.annotations.team', 'changed', 'a', 'b', 'safe'],
  ['tasks.*.priority', 'tasks.train.priority', 'changed', 0, 1, 'safe'],
  [
    'tasks.data_ingestion',
    'tasks.ingest',
    'removed',
    { operator: 'data_ingestion', source: 'visits', needs: [] },
    undefined,
    'safe',
    'PL102',
    'PL104',
  ],
  ['tasks.data_ingestion.source', 'tasks.ingest.source', 'changed', 'visits', 'wards', 'safe', 'PL104'],
  [
    'tasks.data_validation',
    'tasks.validate',
    'removed',
    { operator: 'data_validation', featureSets: ['patient_labs'], needs: [] },
    undefined,
    'safe',
    'PL103',
  ],
  ['tasks.data_validation.source', 'tasks.validate.source', 'told', undefined, 'visits', 'safe'],
  [
    'tasks.data_validation.featureSets',
    'tasks.validate.featureSets',
    'fewer',
    ['patient_labs', 'patient_trend'],
    ['patient_labs'],
    'safe',
    'PL103',
  ],
  ['tasks.data_validation.onFailure', 'tasks.validate.onFailure', 'only warns', 'fail', 'warn', 'safe', 'PL103'],
  ['tasks.sql_query.query', 'tasks.compute.query', 'changed', 'select 1', 'select 2', 'safe', 'PL114'],
  ['tasks.sql_query.into', 'tasks.compute.into', 'told', undefined, 'patient_labs', 'safe'],
  ['tasks.sql_query.into', 'tasks.compute.into', 'another set', 'patient_labs', 'patient_trend', 'backfill', 'PL114'],
  [
    'tasks.feature_materialization.featureSets',
    'tasks.materialize.featureSets',
    'one that nothing else fills goes',
    ['patient_labs', 'patient_trend'],
    ['patient_labs'],
    'breaking',
    'PL104',
  ],
  [
    'tasks.feature_materialization.featureSets',
    'tasks.materialize.featureSets',
    'one that its own cron fills goes',
    ['patient_labs', 'patient_trend'],
    ['patient_trend'],
    'safe',
    'PL104',
  ],
  [
    'tasks.training_dataset.features',
    'tasks.dataset.features',
    'changed',
    'mortality_inputs',
    'few_inputs',
    'breaking',
    'PL108',
  ],
  ['tasks.training_dataset.spine', 'tasks.dataset.spine', 'changed', 'select 1', 'select 2', 'breaking', 'PL108'],
  ['tasks.training_dataset.split.by', 'tasks.dataset.split.by', 'changed', 'entity', 'row', 'safe', 'PL107'],
  ['tasks.training_dataset.split.test', 'tasks.dataset.split.test', 'changed', 0.2, 0.3, 'safe', 'PL107'],
  ['tasks.training_dataset.split.seed', 'tasks.dataset.split.seed', 'changed', 0, 1, 'safe', 'PL107'],
  ['tasks.model_training', 'tasks.train', 'removed', train({ trainer: 'random_forest' }), undefined, 'safe', 'PL102'],
  [
    'tasks.model_training.trainer',
    'tasks.train.trainer',
    'changed',
    'random_forest',
    'gradient_boosting',
    'safe',
    'PL107',
  ],
  ['tasks.model_training.label', 'tasks.train.label', 'changed', 'died', 'readmitted', 'breaking', 'PL108'],
  ['tasks.model_training.params.*', 'tasks.train.params.trees', 'changed', 100, 200, 'safe', 'PL107'],
  [
    'tasks.model_training.command',
    'tasks.train',
    'changed',
    train({ command: 'a' }),
    train({ command: 'b' }),
    'safe',
    'PL107',
  ],
  [
    'tasks.model_training.python.script',
    'tasks.train',
    'changed',
    train({ python: { script: 'a.py' } }),
    train({ python: { script: 'b.py' } }),
    'safe',
    'PL107',
  ],
  [
    'tasks.model_training.python.args',
    'tasks.train',
    'changed',
    train({ python: { script: 'a.py', args: ['1'] } }),
    train({ python: { script: 'a.py', args: ['2'] } }),
    'safe',
    'PL107',
  ],
  [
    'tasks.model_training.python.interpreter',
    'tasks.train',
    'changed',
    train({ python: { script: 'a.py', interpreter: 'python3.11' } }),
    train({ python: { script: 'a.py', interpreter: 'python3.12' } }),
    'safe',
    'PL107',
  ],
  ['tasks.model_training.env.*', 'tasks.train.env.SEED', 'changed', '1', '2', 'safe', 'PL107'],
  ['tasks.model_training.code', 'tasks.train.code', 'changed', ['a/*'], ['b/*'], 'safe', 'PL107'],
  [
    'tasks.model_evaluation',
    'tasks.evaluate',
    'removed',
    { operator: 'model_evaluation', needs: ['train'] },
    undefined,
    'safe',
    'PL103',
  ],
  ['tasks.model_evaluation.model', 'tasks.evaluate.model', 'changed', 'pbc_mortality', 'other', 'breaking', 'PL110'],
  ['tasks.model_evaluation.metrics', 'tasks.evaluate.metrics', 'fewer', ['auc', 'brier'], ['auc'], 'safe', 'PL103'],
  ['tasks.model_registration.model', 'tasks.register.model', 'changed', 'pbc_mortality', 'other', 'breaking', 'PL110'],
  [
    'tasks.model_promotion',
    'tasks.promote',
    'added',
    undefined,
    { operator: 'model_promotion', model: 'pbc_mortality', to: 'production', needs: ['register'] },
    'safe',
    'PL109',
  ],
  [
    'tasks.model_promotion',
    'tasks.promote',
    'removed',
    { operator: 'model_promotion', model: 'pbc_mortality', to: 'production', needs: ['register'] },
    undefined,
    'safe',
    'PL109',
  ],
  ['tasks.model_promotion.model', 'tasks.promote.model', 'changed', 'pbc_mortality', 'other', 'breaking', 'PL110'],
  ['tasks.model_promotion.to', 'tasks.promote.to', 'changed', 'staging', 'production', 'safe', 'PL109'],
  ['tasks.deployment', 'tasks.deploy', 'added', undefined, deploying({}), 'safe', 'PL109'],
  ['tasks.deployment', 'tasks.deploy', 'removed', deploying({}), undefined, 'safe', 'PL109'],
  ['tasks.deployment.endpoint', 'tasks.deploy.endpoint', 'changed', 'mortality', 'another', 'safe'],
  ['tasks.deployment.variant', 'tasks.deploy.variant', 'changed', 'control', 'treatment', 'safe'],
  ['tasks.deployment.model', 'tasks.deploy.model', 'changed', 'pbc_mortality', 'other', 'safe'],
  ['tasks.deployment.version', 'tasks.deploy.version', 'changed', 1, 2, 'safe'],
  ['tasks.deployment.stage', 'tasks.deploy.stage', 'changed', 'production', 'staging', 'safe'],
  ['tasks.deployment.daemons', 'tasks.deploy.daemons', 'changed', 1, 2, 'safe'],
  ['tasks.deployment.within', 'tasks.deploy.within', 'changed', '1m', '2m', 'safe'],
  ['tasks.command.artifacts', 'tasks.tell.artifacts', 'changed', ['a'], ['b'], 'safe'],
  ['tasks.python.artifacts', 'tasks.score.artifacts', 'changed', ['a'], ['b'], 'safe'],
  ['tasks.typescript.artifacts', 'tasks.check.artifacts', 'changed', ['a'], ['b'], 'safe'],
  ['tasks.batch_prediction.model', 'tasks.predict.model', 'changed', 'pbc_mortality', 'other', 'safe'],
  ['tasks.batch_prediction.version', 'tasks.predict.version', 'changed', 1, 2, 'safe'],
  ['tasks.batch_prediction.stage', 'tasks.predict.stage', 'changed', 'production', 'staging', 'safe'],
  [
    'tasks.batch_prediction.stage',
    'tasks.predict',
    'changed, of rows that a set is filled with',
    predicting({ into: 'patient_labs', stage: 'production' }),
    predicting({ into: 'patient_labs', stage: 'staging' }),
    'backfill',
    'PL114',
  ],
  ['tasks.batch_prediction.query', 'tasks.predict.query', 'changed', 'select 1', 'select 2', 'safe'],
  ['tasks.batch_prediction.source', 'tasks.predict.source', 'changed', 'visits', 'wards', 'safe'],
  ['tasks.batch_prediction.missing', 'tasks.predict.missing', 'changed', 'leave_empty', 'fail', 'safe'],
  ['tasks.batch_prediction.into', 'tasks.predict.into', 'told', undefined, 'patient_labs', 'safe'],
  [
    'tasks.batch_prediction.into',
    'tasks.predict.into',
    'another set',
    'patient_labs',
    'patient_trend',
    'backfill',
    'PL114',
  ],
  ['tasks.batch_prediction.file', 'tasks.predict.file', 'changed', 'a.csv', 'b.csv', 'safe'],
  ['tasks.batch_prediction.batchRows', 'tasks.predict.batchRows', 'changed', 100, 200, 'safe'],
  [
    'tasks.command',
    'tasks.tell',
    'removed',
    { operator: 'command', command: 'tell', needs: [] },
    undefined,
    'safe',
    'PL102',
  ],
  ['tasks.command.command', 'tasks.tell.command', 'changed', 'a', 'b', 'safe'],
  ['tasks.command.env.*', 'tasks.tell.env.LEVEL', 'changed', '1', '2', 'safe'],
  ['tasks.command.code', 'tasks.tell.code', 'changed', ['a/*'], ['b/*'], 'safe'],
  ['tasks.python.script', 'tasks.score.script', 'changed', 'a.py', 'b.py', 'safe'],
  ['tasks.python.args', 'tasks.score.args', 'changed', ['a'], ['b'], 'safe'],
  ['tasks.python.interpreter', 'tasks.score.interpreter', 'changed', 'python3.11', 'python3.12', 'safe'],
  ['tasks.python.env.*', 'tasks.score.env.LEVEL', 'changed', '1', '2', 'safe'],
  ['tasks.python.code', 'tasks.score.code', 'changed', ['a/*'], ['b/*'], 'safe'],
  ['tasks.typescript.run', 'tasks.check.run', 'changed', 'a.ts#run', 'b.ts#run', 'safe'],
  ['tasks.typescript.env.*', 'tasks.check.env.LEVEL', 'changed', '1', '2', 'safe'],
  ['tasks.typescript.code', 'tasks.check.code', 'changed', ['a/*'], ['b/*'], 'safe'],
  ['tasks.http_request.url', 'tasks.ask.url', 'changed', 'https://example.org/a', 'https://example.org/b', 'safe'],
  ['tasks.http_request.method', 'tasks.ask.method', 'changed', 'PUT', 'POST', 'safe'],
  ['tasks.http_request.query.*', 'tasks.ask.query.q', 'changed', 'a', 'b', 'safe'],
  ['tasks.http_request.headers.*', 'tasks.ask.headers.accept', 'changed', 'a', 'b', 'safe'],
  ['tasks.http_request.auth.bearer', 'tasks.ask.auth', 'changed', { bearer: 'a' }, { bearer: 'b' }, 'safe'],
  [
    'tasks.http_request.auth.user',
    'tasks.ask.auth',
    'changed',
    { user: 'a', password: 'p' },
    { user: 'b', password: 'p' },
    'safe',
  ],
  [
    'tasks.http_request.auth.password',
    'tasks.ask.auth',
    'changed',
    { user: 'a', password: 'p' },
    { user: 'a', password: 'q' },
    'safe',
  ],
  ['tasks.http_request.body', 'tasks.ask.body', 'changed', { a: 1 }, { a: 2 }, 'safe'],
  ['tasks.http_request.expect.status', 'tasks.ask.expect', 'changed', { status: 200 }, { status: [200, 404] }, 'safe'],
  ['tasks.http_request.expect.that', 'tasks.ask.expect', 'changed', { that: 'body.a' }, { that: 'body.b' }, 'safe'],
  ['tasks.http_request.redirects', 'tasks.ask.redirects', 'changed', 5, 0, 'safe'],
  ['tasks.http_request.limit', 'tasks.ask.limit', 'changed', '1Ki', '2Ki', 'safe'],
  ['tasks.run_pipeline.pipeline', 'tasks.sub.pipeline', 'changed', 'a', 'b', 'safe'],
  ['tasks.run_pipeline.params.*', 'tasks.sub.params.day', 'changed', 'a', 'b', 'safe'],
  ['tasks.notify.channel', 'tasks.say.channel', 'changed', 'a', 'b', 'safe'],
  ['tasks.notify.message', 'tasks.say.message', 'changed', 'a', 'b', 'safe'],
  ['tasks.notify.title', 'tasks.say.title', 'changed', 'a', 'b', 'safe'],
  ['tasks.notify.severity', 'tasks.say.severity', 'changed', 'info', 'error', 'safe'],
  ['tasks.wait_for.every', 'tasks.wait.every', 'changed', '1m', '2m', 'safe'],
  ['tasks.wait_for.that', 'tasks.wait.that', 'changed', 'true', 'false', 'safe'],
  ['tasks.wait_for.file', 'tasks.wait', 'changed', waiting({ file: 'a' }), waiting({ file: 'b' }), 'safe'],
  [
    'tasks.wait_for.query',
    'tasks.wait',
    'changed',
    waiting({ query: 'select 1' }),
    waiting({ query: 'select 2' }),
    'safe',
  ],
  ['tasks.wait_for.pipeline', 'tasks.wait', 'changed', waiting({ pipeline: 'a' }), waiting({ pipeline: 'b' }), 'safe'],
  ...[
    ['url', 'http://a', 'http://b'],
    ['method', 'GET', 'POST'],
    ['query.*', { q: 'a' }, { q: 'b' }],
    ['headers.*', { accept: 'a' }, { accept: 'b' }],
    ['auth.bearer', { bearer: 'a' }, { bearer: 'b' }],
    ['auth.user', { user: 'a', password: 'p' }, { user: 'b', password: 'p' }],
    ['auth.password', { user: 'a', password: 'p' }, { user: 'a', password: 'q' }],
    ['body', { a: 1 }, { a: 2 }],
    ['expect.status', { status: 200 }, { status: 201 }],
    ['expect.that', { that: 'body.a' }, { that: 'body.b' }],
    ['redirects', 5, 0],
    ['limit', '1Ki', '2Ki'],
  ].map(([field, a, b]): Line => {
    const http = (value: unknown): object =>
      waiting({ http: { url: 'http://a', [String(field).replace(/\..*/, '')]: value } });
    return [`tasks.wait_for.http.${field}`, 'tasks.wait', 'changed', http(a), http(b), 'safe'];
  }),
]);
const gates = (gate: object): readonly object[] => [{ metric: 'auc', min: 0.8, ...gate }];
table('model', [
  ['framework', null, 'changed', 'onnx', 'sklearn', 'safe', 'MD105'],
  ['inputs', null, 'changed', 'mortality_inputs', 'few_inputs', 'breaking', 'MD104'],
  ['inputs', null, 'removed', 'mortality_inputs', undefined, 'breaking', 'MD104'],
  ['pipeline', null, 'changed', 'weekly_retraining', 'nightly', 'safe', 'MD106'],
  ['pipeline', null, 'removed', 'weekly_retraining', undefined, 'safe', 'MD106'],
  ['gates[].metric', 'gates', 'one removed', gates({}), undefined, 'safe', 'MD102'],
  ['gates[].metric', 'gates', 'one added', undefined, gates({}), 'safe', 'MD103'],
  ['gates[].min', 'gates', 'lowered', gates({}), gates({ min: 0.7 }), 'safe', 'MD102'],
  ['gates[].min', 'gates', 'raised', gates({}), gates({ min: 0.9 }), 'safe', 'MD103'],
  ['gates[].max', 'gates', 'raised', gates({ max: 0.9 }), gates({ max: 0.95 }), 'safe', 'MD102'],
  ['gates[].atLeast', 'gates', 'removed', gates({ atLeast: 'production' }), gates({}), 'safe', 'MD102'],
  ['card.intendedUse', null, 'removed', 'a', undefined, 'safe', 'MD107'],
  ['card.limitations', null, 'changed', 'a', 'b', 'safe'],
  ['card.limitations', null, 'removed', 'a', undefined, 'safe', 'MD107'],
  ['card.ethics', null, 'removed', 'a', undefined, 'safe', 'MD107'],
]);
const staging = { model: 'pbc_mortality', stage: 'staging' };
table('endpoint', [
  ['key', null, 'changed', 'id', 'site', 'breaking', 'EP102'],
  ['variants.*', 'variants.treatment', 'removed, with a share', staging, undefined, 'breaking', 'EP103'],
  [
    'variants.*.model',
    'variants.treatment.model',
    'one that has no version',
    'pbc_mortality',
    'other',
    'breaking',
    'EP104',
    'EP105',
  ],
  [
    'variants.*.stage',
    'variants.treatment.stage',
    'one with another version',
    'staging',
    'production',
    'breaking',
    'EP104',
  ],
  [
    'variants.*.version',
    'variants.treatment',
    'pinned to another',
    staging,
    { model: 'pbc_mortality', version: 1 },
    'breaking',
    'EP104',
  ],
  [
    'variants.*.version',
    'variants.treatment',
    'pinned to the one that answers',
    staging,
    { model: 'pbc_mortality', version: 3 },
    'safe',
  ],
  [
    'variants.*.version',
    'variants.treatment',
    'pinned to one that is not there',
    staging,
    { model: 'pbc_mortality', version: 9 },
    'breaking',
    'EP104',
    'EP105',
  ],
  ['batching.maxBatch', null, 'changed', 32, 64, 'safe'],
  ['batching.maxDelay', null, 'changed', undefined, '5ms', 'safe'],
  ['split.*', 'split', 'changed', { control: 90, treatment: 10 }, { control: 80, treatment: 20 }, 'safe', 'EP106'],
]);
table('policy', [
  ['enforcement', null, 'weakened: judged by the record too', 'deny', 'warn', 'safe'],
  ['message', null, 'changed', 'No.', 'Never.', 'safe'],
  ['each', null, 'changed: judged by the record too', 'false', 'change.protect', 'safe'],
  ['when', null, 'changed: judged by the record too', 'false', 'plan.errored', 'safe'],
  ['check', null, 'changed: judged by the new one', '() => []', '() => undefined', 'safe'],
  ['check', null, 'removed: it cannot be run from the record', '() => []', undefined, 'safe', 'AP112'],
]);

const cluster = { namespace: 'ml' };
/** Settings of the environment; `daemon.resources` is `resources`. */
table('environment', [
  ['pools.*', 'pools.small', 'fewer slots', 4, 2, 'safe'],
  ['pools.*', 'pools.large', 'fewer than a task asks for', 8, 3, 'safe', 'PL123'],
  ['pools.*', 'pools.large', 'removed while a task asks for it', 8, undefined, 'safe', 'PL123'],
  ['teams.*.tasks', 'teams.ml.tasks', 'fewer', 4, 2, 'safe'],
  ['teams.*.cpu', 'teams.ml.cpu', 'fewer', 4, 2, 'safe'],
  ['teams.*.memory', 'teams.ml.memory', 'less', '8Gi', '4Gi', 'safe'],
  ['teams.*.gpu', 'teams.ml.gpu', 'fewer', 2, 1, 'safe'],
  ['resources.cpu', null, 'fewer than a task asks for', 4, 1, 'safe', 'PL123'],
  ['resources.memory', null, 'less than a task asks for', '8Gi', '1Gi', 'safe', 'PL123'],
  ['resources.gpu', null, 'fewer than a task asks for', 1, 0, 'safe', 'PL123'],
  ['resources.cpu', null, 'more', 4, 8, 'safe'],
  ['runner', null, 'to a cluster', undefined, { kubernetes: cluster }, 'safe', 'PL124'],
  ['runner', null, 'from a cluster', { kubernetes: cluster }, undefined, 'safe', 'PL124'],
  ...(
    [
      ['namespace', 'a', 'b', 'PL124'],
      ['kubeconfig', 'a', 'b', 'PL124'],
      ['context', 'a', 'b', 'PL124'],
      ['image', 'a', 'b'],
      ['imagePullPolicy', 'Always', 'Never'],
      ['imagePullSecrets', ['a'], ['b']],
      ['serviceAccount', 'a', 'b'],
      ['nodeSelector.*', 'a', 'b'],
      ['tolerations', [], [{ key: 'gpu' }]],
      ['queue', 'a', 'b'],
      ['priorityClass', 'a', 'b'],
      ['runtimeClass', 'a', 'b'],
      ['gpuResource', 'a', 'b'],
      ['runAsUser', 1, 2],
      ['secretEnv.*.name', 'a', 'b'],
      ['secretEnv.*.key', 'a', 'b'],
      ['labels.*', 'a', 'b'],
      ['annotations.*', 'a', 'b'],
      ['parallelism', 1, 2],
      ['startWithin', '1h', '2h'],
      ['keepFinished', '1d', '2d'],
    ] as const
  ).map(
    ([field, was, becomes, ...codes]): Line => [
      `runner.kubernetes.${field}`,
      `runner.kubernetes.${field.replaceAll('*', 'one')}`,
      'changed',
      was,
      becomes,
      'safe',
      ...codes,
    ],
  ),
  ...(
    [
      ['notifications.*.webhook.url', 'a', 'b'],
      ['notifications.*.webhook.headers.*', 'a', 'b'],
      ['notifications.*.webhook.secret', 'a', 'b'],
      ['notifications.*.slack.url', 'a', 'b'],
      ['notifications.*.email.smtp', 'a', 'b'],
      ['notifications.*.email.from', 'a@b', 'b@b'],
      ['notifications.*.email.to', 'a@b', 'b@b'],
      ['telemetry.otlp.endpoint', 'a', 'b'],
      ['telemetry.otlp.headers.*', 'a', 'b'],
      ['telemetry.openLineage.url', 'a', 'b'],
      ['telemetry.openLineage.apiKey', 'a', 'b'],
      ['answerLog.sample', 0.1, 0.2],
      ['serving.memory', '1Gi', '2Gi'],
      ['serving.batching.maxBatch', 32, 64],
      ['serving.batching.maxDelay', '1ms', '5ms'],
      ['artifacts.file', '1Gi', '2Gi'],
      ['artifacts.task', '4Gi', '8Gi'],
      ['artifacts.s3.region', 'a', 'b'],
      ['artifacts.s3.pathStyle', true, false],
      ['artifacts.s3.accessKeyId', 'a', 'b'],
      ['artifacts.s3.secretAccessKey', 'a', 'b'],
      ['artifacts.s3.sessionToken', 'a', 'b'],
      ['artifacts.s3.timeout', '5s', '10s'],
      ['artifacts.s3.cache', '1Gi', '2Gi'],
    ] as const
  ).map(([field, was, becomes]): Line => [field, field.replaceAll('*', 'one'), 'changed', was, becomes, 'safe']),
  ['notify[].to', 'notify', 'another channel', [{ to: 'ops' }], [{ to: 'all' }], 'safe'],
  ['notify[].on', 'notify', 'other events', [{ to: 'ops', on: ['failed'] }], [{ to: 'ops', on: ['late'] }], 'safe'],
  ['artifacts.s3.bucket', null, 'another one', 'one', 'two', 'safe', 'PL126'],
  ['artifacts.s3.prefix', null, 'another one', 'one', 'two', 'safe', 'PL126'],
  ['artifacts.s3.endpoint', null, 'another one', 'http://a', 'http://b', 'safe', 'PL126'],
  ['retention.logs', null, 'longer', '30d', '60d', 'safe'],
  ['retention.logs', null, 'shorter', '60d', '30d', 'destructive', 'PL125'],
  ['retention.artifacts', null, 'shorter', '60d', '30d', 'destructive', 'PL125'],
  ['retention.events', null, 'shorter', undefined, '30d', 'destructive', 'PL125'],
  ['snapshots.keep', null, 'shorter', '60d', undefined, 'destructive', 'PL125'],
  ['answerLog.keep', null, 'shorter', '7d', '1d', 'destructive', 'PL125'],
]);

export const EDITS: readonly Edit[] = edits;

/** What becomes of a resource as a whole. The pipeline is the only one that fills a feature set. */
export const WHOLE: readonly {
  readonly kind: Kind;
  readonly edit: 'made' | 'renamed' | 'destroyed';
  readonly class: string;
  readonly codes: readonly string[];
}[] = [
  { kind: 'source', edit: 'made', class: 'safe', codes: [] },
  { kind: 'source', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'source', edit: 'destroyed', class: 'safe', codes: [] },
  { kind: 'entity', edit: 'made', class: 'safe', codes: [] },
  { kind: 'entity', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'entity', edit: 'destroyed', class: 'safe', codes: [] },
  { kind: 'feature_set', edit: 'made', class: 'safe', codes: [] },
  { kind: 'feature_set', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'feature_set', edit: 'destroyed', class: 'destructive', codes: ['FS103'] },
  { kind: 'feature_service', edit: 'made', class: 'safe', codes: [] },
  { kind: 'feature_service', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'feature_service', edit: 'destroyed', class: 'safe', codes: [] },
  { kind: 'pipeline', edit: 'made', class: 'safe', codes: [] },
  { kind: 'pipeline', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'pipeline', edit: 'destroyed', class: 'breaking', codes: ['PL104'] },
  { kind: 'model', edit: 'made', class: 'safe', codes: [] },
  { kind: 'model', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'model', edit: 'destroyed', class: 'destructive', codes: ['MD101'] },
  { kind: 'endpoint', edit: 'made', class: 'safe', codes: [] },
  { kind: 'endpoint', edit: 'renamed', class: 'breaking', codes: ['EP107'] },
  { kind: 'endpoint', edit: 'destroyed', class: 'breaking', codes: ['EP101'] },
  { kind: 'policy', edit: 'made', class: 'safe', codes: [] },
  { kind: 'policy', edit: 'renamed', class: 'safe', codes: [] },
  { kind: 'policy', edit: 'destroyed', class: 'safe', codes: [] },
  { kind: 'environment', edit: 'made', class: 'safe', codes: [] },
  { kind: 'environment', edit: 'destroyed', class: 'safe', codes: ['PL123'] },
];
