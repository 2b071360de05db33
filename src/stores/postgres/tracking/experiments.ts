/** Experiments in Postgres. */
import { MlopsError } from '../../../lib/error.ts';
import type { Experiment, Lifecycle, TrackingStore } from '../../control/tracking.ts';
import type { ExperimentCondition } from '../../control/tracking-search.ts';
import { type Database, type Queryable, sqlState } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { integerTest, isPresence, Params, textTest } from './tests.ts';

interface Row {
  readonly [column: string]: unknown;
  readonly number: number | string;
  readonly name: string;
  readonly artifact_location: string;
  readonly lifecycle: Lifecycle;
  readonly tags: Record<string, string>;
  readonly created_ms: number;
  readonly updated_ms: number;
}

const COLUMNS = 'number, name, artifact_location, lifecycle, tags, created_ms, updated_ms';
const ORDER_COLUMNS = {
  name: 'name',
  experiment_id: 'number',
  creation_time: 'created_ms',
  last_update_time: 'updated_ms',
} as const;

export type ExperimentStore = Pick<
  TrackingStore,
  | 'createExperiment'
  | 'experiment'
  | 'experimentNamed'
  | 'searchExperiments'
  | 'renameExperiment'
  | 'setExperimentLifecycle'
  | 'setExperimentTag'
>;

export function experimentStore(db: Database, scopeId: number): ExperimentStore {
  const found = async (query: Queryable, where: string, value: unknown): Promise<Experiment | undefined> => {
    const [row] = await query.query<Row>(`select ${COLUMNS} from mlops.experiments where scope_id = $1 and ${where}`, [
      scopeId,
      value,
    ]);
    return row && experimentOf(row);
  };
  const byId = async (query: Queryable, id: string): Promise<Experiment | undefined> =>
    isExperimentId(id) ? found(query, 'number = $2', id) : undefined;
  const required = async (query: Queryable, id: string): Promise<Experiment> =>
    (await byId(query, id)) ?? unknownExperiment(id);

  return {
    experiment: (id) => byId(db, id),
    experimentNamed: (name) => found(db, 'name = $2', name),
    createExperiment: async ({ name, artifactLocation, tags }, nowMs) => {
      try {
        const [row] = await db.query<Row>(sqlFile('tracking-create-experiment'), [
          scopeId,
          name,
          artifactLocation,
          JSON.stringify(tags),
          nowMs,
        ]);
        return experimentOf(row!);
      } catch (error) {
        throw taken(error, name);
      }
    },
    searchExperiments: async ({ view, conditions, order, offset, limit }) => {
      const params = new Params();
      const where = [`scope_id = ${params.add(scopeId)}`];
      if (view !== 'all') where.push(`lifecycle = ${params.add(view)}`);
      for (const condition of conditions) where.push(conditionOf(condition, params));
      const by = order.map((one) => `${ORDER_COLUMNS[one.by]} ${one.ascending ? 'asc' : 'desc'}`);
      if (order.length === 0) by.push('created_ms desc', 'number asc');
      else if (!order.some((one) => one.by === 'experiment_id')) by.push('number desc');
      const rows = await db.query<Row>(
        `select ${COLUMNS} from mlops.experiments where ${where.map((one) => `(${one})`).join(' and ')}
          order by ${by.join(', ')} limit ${params.add(limit)} offset ${params.add(offset)}`,
        params.values,
      );
      return rows.map(experimentOf);
    },
    renameExperiment: (id, name, nowMs) =>
      db
        .transaction(async (tx) => {
          refuseDeleted(await required(tx, id));
          await tx.query(
            'update mlops.experiments set name = $3, updated_ms = $4 where scope_id = $1 and number = $2',
            [scopeId, id, name, nowMs],
          );
        })
        .catch((error: unknown) => {
          throw taken(error, name);
        }),
    setExperimentLifecycle: async (id, to, nowMs) => {
      const was = to === 'deleted' ? 'active' : 'deleted';
      if (isExperimentId(id)) {
        const changed = await db.query(sqlFile('tracking-experiment-lifecycle'), [scopeId, id, was, to, nowMs]);
        if (changed.length > 0) return;
      }
      unknownExperiment(id, was);
    },
    setExperimentTag: (id, key, value) =>
      db.transaction(async (tx) => {
        const { tags, ...experiment } = await required(tx, id);
        refuseDeleted(experiment);
        if (value === null && !Object.hasOwn(tags, key))
          throw new MlopsError('EX201', { detail: `No tag "${key}" is set on experiment ${id}.`, status: 404 });
        await tx.query(
          `update mlops.experiments set tags = ${value === null ? 'tags - $3::text' : 'tags || jsonb_build_object($3::text, $4::text)'}
            where scope_id = $1 and number = $2`,
          value === null ? [scopeId, id, key] : [scopeId, id, key, value],
        );
      }),
  };
}

function conditionOf(condition: ExperimentCondition, params: Params): string {
  switch (condition.on) {
    case 'name':
      return textTest('name', condition.test, params);
    case 'number':
      return integerTest(ORDER_COLUMNS[condition.key], condition.test, params);
    case 'id': {
      const ids = params.add(condition.ids);
      return condition.op === '=' || condition.op === 'in'
        ? `number = any(${ids}::bigint[])`
        : `number <> all(${ids}::bigint[])`;
    }
    case 'tag': {
      const key = params.add(condition.key);
      if (isPresence(condition.test)) return `${condition.test.op === 'is null' ? 'not ' : ''}tags ? ${key}::text`;
      return textTest(`(tags ->> ${key}::text) collate "C"`, condition.test, params);
    }
  }
}

/** As Postgres can compare it with a number. */
export const isExperimentId = (id: string): boolean => /^\d{1,18}$/.test(id);

/** An experiment that takes runs and models; it is not deleted before the transaction ends. Refused where it is unknown or deleted. Locks: its row, for its key. */
export async function openExperiment(
  tx: Queryable,
  scopeId: number,
  id: string,
): Promise<Pick<Row, 'artifact_location' | 'lifecycle'> & { readonly experiment_key: number }> {
  if (!isExperimentId(id)) unknownExperiment(id);
  const [experiment] = await tx.query<Pick<Row, 'artifact_location' | 'lifecycle'> & { experiment_key: number }>(
    'select experiment_key, lifecycle, artifact_location from mlops.experiments where scope_id = $1 and number = $2 for key share',
    [scopeId, id],
  );
  if (experiment === undefined) return unknownExperiment(id);
  refuseDeleted({ id, lifecycle: experiment.lifecycle });
  return experiment;
}

function unknownExperiment(id: string, lifecycle?: Lifecycle): never {
  throw new MlopsError('EX201', {
    detail: `No ${lifecycle === undefined ? '' : `${lifecycle} `}experiment has the id ${id}.`,
    status: 404,
  });
}

function refuseDeleted({ id, lifecycle }: Pick<Experiment, 'id' | 'lifecycle'>): void {
  if (lifecycle === 'active') return;
  throw new MlopsError('EX203', {
    detail: `Experiment ${id} is deleted.`,
    hint: 'restore it first',
    status: 409,
  });
}

function taken(error: unknown, name: string): unknown {
  if (sqlState(error) !== '23505') return error;
  return new MlopsError('EX202', {
    detail: `An experiment "${name}" exists already; one that is deleted keeps its name.`,
    status: 409,
    cause: error,
  });
}

const experimentOf = (row: Row): Experiment => ({
  id: String(row.number),
  name: row.name,
  artifactLocation: row.artifact_location,
  lifecycle: row.lifecycle,
  tags: row.tags,
  createdMs: row.created_ms,
  updatedMs: row.updated_ms,
});
