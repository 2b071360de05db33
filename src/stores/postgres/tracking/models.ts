/** Models that runs logged, in Postgres. */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../../../lib/error.ts';
import type { LoggedModel, LoggedModelStatus, TrackedModels } from '../../control/tracked-models.ts';
import type { Texts } from '../../control/tracked-values.ts';
import type { ModelCondition, ModelOrder, ModelSearch } from '../../control/tracking-search.ts';
import type { Database, Queryable } from '../database.ts';
import { isExperimentId, openExperiment } from './experiments.ts';
import { runIdOf, uuidOf } from './run-rows.ts';
import { belowUri } from './runs.ts';
import { integerTest, numberTest, Params, textTest } from './tests.ts';

interface Row {
  readonly [column: string]: unknown;
  readonly model_id: string;
  readonly number: number | string;
  readonly name: string;
  readonly artifact_uri: string;
  readonly status: LoggedModelStatus;
  readonly model_type: string;
  readonly source_run_id: string;
  readonly params: Texts;
  readonly tags: Texts;
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly metrics:
    | readonly {
        readonly key: string;
        readonly value: number | string;
        readonly atMs: number;
        readonly step: number;
        readonly runId: string;
        readonly datasetName: string | null;
        readonly datasetDigest: string | null;
      }[]
    | null;
}

const SELECT = `select m.model_id, e.number, m.name, m.artifact_uri, m.status, m.model_type, m.source_run_id, m.params, m.tags,
  m.created_ms, m.updated_ms,
  (select json_agg(json_build_object('key', v.key, 'value', v.value::text, 'atMs', v.at_ms, 'step', v.step, 'runId', v.run_id,
     'datasetName', v.dataset_name, 'datasetDigest', v.dataset_digest) order by v.seq)
   from mlops.logged_model_metrics v where v.model_id = m.model_id) as metrics
  from mlops.logged_models m join mlops.experiments e using (experiment_key)`;

const COLUMNS = {
  name: 'm.name',
  model_id: 'm.model_id collate "C"',
  model_type: 'm.model_type',
  status: `replace(m.status, 'LOGGED_MODEL_', '') collate "C"`,
  source_run_id: 'm.source_run_id',
  experiment_id: 'e.number::text collate "C"',
  artifact_uri: 'm.artifact_uri',
  creation_timestamp: 'm.created_ms',
  last_updated_timestamp: 'm.updated_ms',
} as const;

export function loggedModelStore(db: Database, scopeId: number): TrackedModels {
  const find = async (query: Queryable, id: string, deleted = false): Promise<LoggedModel | undefined> => {
    const [row] = await query.query<Row>(
      `${SELECT} where e.scope_id = $1 and m.model_id = $2 and ($3 or m.lifecycle = 'active')`,
      [scopeId, id, deleted],
    );
    return row && modelOf(row);
  };
  const lock = async (tx: Queryable, id: string): Promise<{ readonly params: Texts; readonly tags: Texts }> => {
    const [row] = await tx.query<{ params: Texts; tags: Texts }>(
      `select m.params, m.tags from mlops.logged_models m join mlops.experiments e using (experiment_key)
        where e.scope_id = $1 and m.model_id = $2 for update of m`,
      [scopeId, id],
    );
    return row ?? unknownModel(id);
  };
  const change = (id: string, set: string, ...values: readonly unknown[]) =>
    db.transaction(async (tx) => {
      await lock(tx, id);
      await tx.query(`update mlops.logged_models set ${set} where model_id = $1`, [id, ...values]);
      return (await find(tx, id, true)) ?? unknownModel(id);
    });

  return {
    model: (id, options) => find(db, id, options?.deleted),
    createModel: ({ experimentId, name, modelType, sourceRunId, params, tags }, nowMs) =>
      db.transaction(async (tx) => {
        const experiment = await openExperiment(tx, scopeId, experimentId);
        const id = `m-${randomUUID().replaceAll('-', '')}`;
        await tx.query(
          `insert into mlops.logged_models (model_id, experiment_key, name, artifact_uri, model_type, source_run_id, params, tags, created_ms, updated_ms)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
          [
            id,
            experiment.experiment_key,
            name,
            belowUri(experiment.artifact_location, `models/${id}/artifacts`),
            modelType,
            sourceRunId,
            JSON.stringify(params),
            JSON.stringify(tags),
            nowMs,
          ],
        );
        return (await find(tx, id)) ?? unknownModel(id);
      }),
    finishModel: (id, status, nowMs) => change(id, 'status = $2, updated_ms = $3', status, nowMs),
    deleteModel: async (id, nowMs) => {
      await change(id, "lifecycle = 'deleted', updated_ms = $2", nowMs);
    },
    setModelTags: async (id, tags) => {
      await change(id, 'tags = tags || $2::jsonb', JSON.stringify(tags));
    },
    deleteModelTag: (id, key) =>
      db.transaction(async (tx) => {
        const { tags } = await lock(tx, id);
        if (!Object.hasOwn(tags, key))
          throw new MlopsError('EX201', { detail: `No tag "${key}" is set on model ${id}.`, status: 404 });
        await tx.query('update mlops.logged_models set tags = tags - $2::text where model_id = $1', [id, key]);
      }),
    logModelParams: (id, params) =>
      db.transaction(async (tx) => {
        const { params: stored } = await lock(tx, id);
        const other = Object.entries(params).find(
          ([key, value]) => Object.hasOwn(stored, key) && stored[key] !== value,
        );
        if (other !== undefined)
          throw new MlopsError('EX204', {
            detail: `The parameter "${other[0]}" of model ${id} is "${stored[other[0]]}" already.`,
            status: 422,
          });
        await tx.query('update mlops.logged_models set params = params || $2::jsonb where model_id = $1', [
          id,
          JSON.stringify(params),
        ]);
      }),
    searchModels: async (search) => {
      const params = new Params();
      const rows = await db.query<Row>(searchOf(scopeId, search, params), params.values);
      return rows.map(modelOf);
    },
  };
}

function searchOf(scopeId: number, search: ModelSearch, params: Params): string {
  const where = [
    `e.scope_id = ${params.add(scopeId)} and m.lifecycle = 'active'`,
    `e.number = any(${params.add(search.experimentIds.filter(isExperimentId))}::bigint[])`,
    ...search.conditions.map(conditionOf),
  ];
  const onDatasets = search.datasets
    .map(
      ({ name, digest }) => `(${[named('dataset_name', name), ...optional('dataset_digest', digest)].join(' and ')})`,
    )
    .join(' or ');
  const measured = search.conditions.some(({ on }) => on === 'metric');
  if (search.datasets.length > 0 && !measured)
    where.push(`exists (select from mlops.logged_model_metrics v where v.model_id = m.model_id and (${onDatasets}))`);
  const by = search.order.flatMap(orderOf);
  const orders = (key: string): boolean => search.order.some((one) => one.by === 'attribute' && one.key === key);
  if (!orders('creation_timestamp')) by.push('m.created_ms desc');
  if (!orders('model_id')) by.push('m.model_id collate "C"');
  return `${SELECT} where ${where.map((one) => `(${one})`).join(' and ')} order by ${by.join(', ')}
    limit ${params.add(search.limit)}::bigint offset ${params.add(search.offset)}::bigint`;

  function named(column: string, value: string): string {
    return `v.${column} = ${params.add(value)}::text`;
  }
  function optional(column: string, value: string | undefined): readonly string[] {
    return value === undefined ? [] : [named(column, value)];
  }
  function conditionOf(condition: ModelCondition): string {
    switch (condition.on) {
      case 'metric': {
        const on =
          search.datasets.length === 0
            ? ''
            : ` and (${search.datasets
                .map(
                  ({ name, digest }) =>
                    `(${[named('dataset_name', name), ...optional('dataset_digest', digest)].join(' and ')})`,
                )
                .join(' or ')})`;
        return `exists (select from mlops.logged_model_metrics v where v.model_id = m.model_id and v.key = ${params.add(condition.key)}::text
          and ${numberTest('v.value', condition.test, params)}${on})`;
      }
      case 'param':
      case 'tag':
        return textTest(
          `(m.${condition.on}s ->> ${params.add(condition.key)}::text) collate "C"`,
          condition.test,
          params,
        );
      case 'number':
        return integerTest(COLUMNS[condition.key], condition.test, params);
      case 'text':
        return textTest(`(${COLUMNS[condition.key]})`, condition.test, params);
    }
  }
  function orderOf(order: ModelOrder): string {
    const way = `${order.ascending ? 'asc' : 'desc'} nulls last`;
    if (order.by === 'attribute') return `${COLUMNS[order.key]} ${way}`;
    const on = [
      `v.key = ${params.add(order.key)}::text`,
      ...optional('dataset_name', order.on.name),
      ...optional('dataset_digest', order.on.digest),
    ];
    return `(select v.value from mlops.logged_model_metrics v where v.model_id = m.model_id and ${on.join(' and ')}
      order by v.at_ms desc, v.step desc, v.run_id limit 1) ${way}`;
  }
}

export function unknownModel(id: string): never {
  throw new MlopsError('EX201', { detail: `No logged model has the id ${id}.`, status: 404 });
}

const modelOf = (row: Row): LoggedModel => ({
  id: row.model_id,
  experimentId: String(row.number),
  name: row.name,
  artifactUri: row.artifact_uri,
  status: row.status,
  modelType: row.model_type,
  sourceRunId: row.source_run_id,
  params: row.params,
  tags: row.tags,
  createdMs: row.created_ms,
  updatedMs: row.updated_ms,
  metrics: (row.metrics ?? []).map(({ value, runId, datasetName, datasetDigest, ...point }) => ({
    ...point,
    value: Number(value),
    runId: uuidOf(runId) === undefined ? runId : runIdOf(runId),
    modelId: row.model_id,
    ...(datasetName !== null && { datasetName }),
    ...(datasetDigest !== null && { datasetDigest }),
  })),
});
