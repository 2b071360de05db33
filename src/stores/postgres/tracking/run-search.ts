/**
 * Searches of runs as SQL. A page is found over narrow rows first, and what is answered of its runs is read after that.
 *
 * Most pages are full of runs that come early in the order. So the first of the order are looked at alone: a few thousand, up to a bound
 * that is read from the index which has this order, whatever the conditions find. Where these do not fill the page all runs are searched,
 * by joins and a sort; the planner, which cannot know how conditions go together, is kept from hoping for a walk of the index.
 */
import type { TrackedRun, TrackingStore } from '../../control/tracking.ts';
import type { RunCondition, RunOrder, RunSearch } from '../../control/tracking-search.ts';
import type { Database } from '../database.ts';
import { isExperimentId } from './experiments.ts';
import { RUN_COLUMNS, type RunRow, runOf, uuidOf } from './run-rows.ts';
import { indexedTextTest, integerTest, isPresence, numberTest, Params, textTest } from './tests.ts';

const TABLES = { metric: 'run_metrics', param: 'run_params', tag: 'run_tags' } as const;
const CONTEXT_TAG = 'mlflow.data.context';

export function runSearchStore(db: Database, scopeId: number): Pick<TrackingStore, 'searchRuns'> {
  const keysOf = async (ids: readonly string[]): Promise<readonly number[]> => {
    const rows = await db.query<{ experiment_key: number }>(
      'select experiment_key from mlops.experiments where scope_id = $1 and number = any($2::bigint[])',
      [scopeId, ids.filter(isExperimentId)],
    );
    return rows.map((row) => row.experiment_key);
  };
  const page = async (keys: readonly number[], search: RunSearch, range: Range): Promise<TrackedRun[]> => {
    const params = new Params();
    const found = pageOf(keys, search, range, params);
    const rows = await db.query<RunRow>(
      `with page as materialized (select p.run_id, row_number() over () as place from (${found}) p)
       select ${RUN_COLUMNS} from page join mlops.tracked_runs r using (run_id) join mlops.tracked_run_data d using (run_id)
         join mlops.experiments e using (experiment_key) order by page.place`,
      params.values,
    );
    return rows.map(runOf);
  };
  /** The value of the first order after the first few thousand; undefined where there are fewer. */
  const boundOf = async (key: number, search: RunSearch): Promise<unknown> => {
    const params = new Params();
    const [row] = await db.query<{ bound: unknown }>(boundQuery(key, search, params), params.values);
    return row?.bound;
  };
  return {
    searchRuns: async (search) => {
      const keys = await keysOf(search.experimentIds);
      const [key] = keys;
      if (key === undefined) return [];
      const first = leadOf(search);
      if (keys.length === 1 && first !== undefined && search.view !== 'all') {
        const byTime = first.by === 'attribute';
        if (byTime && search.conditions.length === 0) return page(keys, search, { kind: 'ordered' });
        const bound = await boundOf(key, search);
        const runs = await page(keys, search, { kind: 'early', bound });
        if (runs.length === search.limit || (byTime && bound === undefined)) return runs;
      }
      return page(keys, search, { kind: 'all' });
    },
  };
}

/** What is searched: runs as they come by an index, the early ones up to a bound (undefined: all that have a value), or all. */
type Range = { readonly kind: 'ordered' | 'all' } | { readonly kind: 'early'; readonly bound: unknown };

/** The first order, where an index has it. */
function leadOf({ order: [first] }: RunSearch): RunOrder | undefined {
  if (first === undefined) return { by: 'attribute', key: 'start_time', ascending: false };
  return first.by === 'attribute' && first.key !== 'start_time' ? undefined : first;
}

function boundQuery(key: number, search: RunSearch, params: Params): string {
  const first = leadOf(search);
  const wanted = search.offset + search.limit;
  const looked = search.conditions.length === 0 ? wanted : Math.min(Math.max(20 * wanted, 2000), 20_000);
  const experiment = `experiment_key = ${params.add(key)}::bigint`;
  const way = first?.ascending === true ? 'asc' : 'desc';
  const rest = (value: string): string => `order by ${value} ${way} offset ${params.add(looked)}::bigint limit 1`;
  if (first === undefined || first.by === 'attribute')
    return `select started_ms as bound from mlops.tracked_runs
      where ${experiment} and lifecycle = ${params.add(search.view)}::text ${rest('started_ms')}`;
  const named = `${experiment} and key = ${params.add(first.key)}::text`;
  if (first.by === 'metric')
    return `select value as bound from mlops.run_metrics where ${named} and value < 'NaN'::double precision ${rest('value')}`;
  return `select left(value, 120) as bound from mlops.${TABLES[first.by]} where ${named} ${rest('left(value, 120)')}`;
}

function pageOf(keys: readonly number[], search: RunSearch, range: Range, params: Params): string {
  const inExperiments = oneOf(keys, params);
  const joins: string[] = [];
  const where = [`r.experiment_key ${inExperiments}`];
  if (search.view !== 'all') where.push(`r.lifecycle = ${params.add(search.view)}::text`);
  for (const condition of search.conditions) addCondition(condition);
  const by = search.order.flatMap((order, at) => orderOf(order, at));
  if (!search.order.some((order) => order.by === 'attribute' && order.key === 'start_time'))
    by.push(startOrder('desc'));
  const lead = leadOf(search);
  if (range.kind === 'early' && range.bound !== undefined && lead?.by === 'attribute')
    where.push(`r.started_ms ${notAfter(lead)} ${params.add(range.bound)}::bigint`);
  return `select r.run_id from mlops.tracked_runs r ${joins.join(' ')}
    where ${where.map((one) => `(${one})`).join(' and ')}
    order by ${by.join(', ')}, r.run_id limit ${params.add(search.limit)}::bigint offset ${params.add(search.offset)}::bigint`;

  /** An index has the order of times, but not of what is computed of them. */
  function startOrder(way: 'asc' | 'desc'): string {
    return `r.started_ms${range.kind === 'all' ? ' + 0' : ''} ${way}`;
  }

  /** A run has one value of a key: joining its row doubles nothing. */
  function join(
    of: keyof typeof TABLES,
    key: string,
    test: (column: string) => string,
    kind: 'join' | 'left join' = 'join',
  ) {
    const name = `v${joins.length}`;
    joins.push(
      `${kind} mlops.${TABLES[of]} ${name} on ${name}.run_id = r.run_id and ${name}.experiment_key ${inExperiments}
        and ${name}.key = ${params.add(key)}::text and ${test(`${name}.value`)}`,
    );
    return `${name}.value`;
  }

  function addCondition(condition: RunCondition): void {
    const { on, test } = condition;
    switch (on) {
      case 'metric':
        join('metric', condition.key, (column) => numberTest(column, test, params));
        return;
      case 'param':
      case 'tag':
        if (isPresence(test)) {
          where.push(
            `${test.op === 'is null' ? 'not ' : ''}exists (select from mlops.${TABLES[on]} v where v.run_id = r.run_id and v.key = ${params.add(condition.key)}::text)`,
          );
          return;
        }
        join(on, condition.key, (column) => indexedTextTest(column, test, params));
        return;
      case 'dataset': {
        const column = condition.key === 'context' ? `(i.tags ->> '${CONTEXT_TAG}') collate "C"` : `i.${condition.key}`;
        where.push(
          `exists (select from mlops.run_datasets i where i.run_id = r.run_id and ${textTest(column, test, params)})`,
        );
        return;
      }
      case 'number':
        where.push(integerTest(condition.key === 'start_time' ? 'r.started_ms' : 'r.ended_ms', test, params));
        return;
      case 'text':
        where.push(attributeTest(condition));
    }
  }

  function attributeTest({ key, test }: Extract<RunCondition, { readonly on: 'text' }>): string {
    if (key === 'run_id') {
      if (test.op === '=') {
        const id = uuidOf(test.value);
        return id === undefined ? 'false' : `r.run_id = ${params.add(id)}::uuid`;
      }
      if (test.op === 'in') {
        const ids = test.value.flatMap((id) => uuidOf(id) ?? []);
        return `r.run_id = any(${params.add(ids)}::uuid[])`;
      }
    }
    return textTest(attribute(key), test, params);
  }

  function orderOf(order: RunOrder, at: number): readonly string[] {
    const way = order.ascending ? 'asc' : 'desc';
    if (order.by === 'attribute') {
      if (order.key === 'start_time') return [startOrder(way)];
      if (order.key === 'end_time') return [`r.ended_ms ${way} nulls last`];
      return [`${order.key === 'run_id' ? 'r.run_id' : attribute(order.key)} ${way}`];
    }
    const early = range.kind === 'early' && at === 0 ? range : undefined;
    const isMetric = order.by === 'metric';
    const upTo = (column: string): string => {
      if (early?.bound === undefined) return 'true';
      const type = isMetric ? 'double precision' : 'text';
      return `${isMetric ? column : `left(${column}, 120)`} ${notAfter(order)} ${params.add(early.bound)}::${type}`;
    };
    const value = join(
      order.by,
      order.key,
      (column) =>
        early === undefined ? 'true' : `${isMetric ? `${column} < 'NaN'::double precision and ` : ''}${upTo(column)}`,
      early === undefined ? 'left join' : 'join',
    );
    // As the index has it.
    if (early !== undefined) return isMetric ? [`${value} ${way}`] : [`left(${value}, 120) ${way}`, `${value} ${way}`];
    if (!isMetric) return [`${value} ${way} nulls last`];
    return [
      `case when ${value} = 'NaN'::double precision then 1 when ${value} is null then 2 else 0 end`,
      `${value} ${way}`,
    ];
  }
}

/** Compared with the bound: what comes before it in the order, or with it. */
const notAfter = (order: RunOrder | undefined): string => (order?.ascending === true ? '<=' : '>=');

/** Equality with one value lets an index keep its order. */
const oneOf = (keys: readonly number[], params: Params): string =>
  keys.length === 1 ? `= ${params.add(keys[0])}::bigint` : `= any(${params.add(keys)}::bigint[])`;

function attribute(key: 'run_id' | 'run_name' | 'user_id' | 'status' | 'artifact_uri'): string {
  switch (key) {
    case 'run_id':
      return `replace(r.run_id::text, '-', '') collate "C"`;
    case 'run_name':
      return 'r.name';
    case 'user_id':
      return 'r.user_id';
    case 'status':
      return 'r.status';
    case 'artifact_uri':
      return '(select d.artifact_uri from mlops.tracked_run_data d where d.run_id = r.run_id)';
  }
}
