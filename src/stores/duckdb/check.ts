/** Expectations of features, checked over the rows that a materialization would compute, and over those that it is about to write. */
import type { Expectation, ExpectationFailure } from '../offline-expectations.ts';
import type { ComputedFeature, RejectedRow, RowPlan } from '../offline-rows.ts';
import { type Readable, withComputed } from './computed.ts';
import type { Engine, Session } from './engine.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn } from './part-columns.ts';
import { type Rule, rulesOf } from './rules.ts';
import { list, literal, valueSql } from './sql.ts';
import { createTypedRows } from './typed-rows.ts';

export async function checkRows(
  engine: Engine,
  root: string,
  plan: RowPlan,
  computed: readonly ComputedFeature[],
  expectations: readonly Expectation[],
  signal: AbortSignal,
): Promise<{ readonly rows: number; readonly failures: readonly ExpectationFailure[] }> {
  return engine.job(signal, async (session) => {
    const rows = await createTypedRows(session, root, plan, '__typed');
    return checkTyped(session, plan, rows, computed, expectations);
  });
}

/** Of the rows in the table `__typed`. */
export async function checkTyped(
  session: Session,
  plan: RowPlan,
  rows: number,
  computed: readonly ComputedFeature[],
  expectations: readonly Expectation[],
): Promise<{ readonly rows: number; readonly failures: readonly ExpectationFailure[] }> {
  const rules = await judge(session, plan, '__typed', computed, expectations);
  return { rows, failures: await failuresOf(session, rules, rows) };
}

/**
 * Of the rows of `__staged` those that break what quarantines are taken out of it, into `__rejected`, with the reasons; so are
 * the rows of `__typed` that `duplicates`, a relation of their ids, names.
 */
export async function checkStaged(
  session: Session,
  plan: RowPlan,
  rows: number,
  duplicates: string,
): Promise<{
  readonly failures: readonly ExpectationFailure[];
  readonly rejected: number;
  readonly rejectedOfStaged: number;
}> {
  const { computed = [], expectations = [], rejectDuplicates = false } = plan.checks ?? {};
  const rules = await judge(session, plan, '__staged', computed, expectations);
  const failures = await failuresOf(session, rules, rows);
  const columns = [...plan.keys.map(keyColumn), EVENT_TIME, CREATED_TIME].concat(
    plan.features.map((feature) => featureColumn(plan.keys, feature)),
  );
  const quarantining = rules.flatMap((rule, index) =>
    rule.onFailure === 'quarantine' && rule.ofRows ? [{ rule, index }] : [],
  );
  const parts: string[] = [];
  if (quarantining.length > 0) {
    const reasons = quarantining.map(
      ({ rule, index }) =>
        `case when b${index} then ${literal(`${rule.feature} ${rule.expectation}: `)} || coalesce(regexp_replace(left(v${index}::varchar, 100), '\\.0$', ''), 'null') end`,
    );
    parts.push(
      `select ${list(columns.map((column) => `s.${column}`))}, list_filter([${list(reasons)}], lambda r: r is not null) as __reasons, s.rowid as __id
       from __staged s join __judged j on j.__id = s.rowid where ${quarantining.map(({ index }) => `b${index}`).join(' or ')}`,
    );
  }
  if (rejectDuplicates)
    parts.push(
      `select ${list(columns)}, ['unique: a later row has the same keys and times'] as __reasons, null as __id from __typed where rowid in (${duplicates})`,
    );
  if (parts.length === 0) return { failures, rejected: 0, rejectedOfStaged: 0 };
  await session.run(`create temp table __rejected as ${parts.join(' union all ')}`);
  const [counted] = await session.rows<{ rejected: bigint; staged: bigint }>(
    'select count(*) as rejected, count(__id) as staged from __rejected',
  );
  const rejectedOfStaged = Number(counted?.staged ?? 0n);
  if (rejectedOfStaged > 0) {
    // Chunks are ranges of row ids: they must have no holes.
    await session.run(
      'create temp table __kept as select * from __staged where rowid not in (select __id from __rejected where __id is not null) order by rowid',
    );
    await session.run('drop table __staged');
    await session.run('alter table __kept rename to __staged');
  }
  return { failures, rejected: Number(counted?.rejected ?? 0n), rejectedOfStaged };
}

/** Of the rejected rows `count` from the `from`th on; `n` is the id of a staged one. */
export async function rejectedRows(
  session: Session,
  plan: RowPlan,
  from: number,
  count: number,
): Promise<readonly (RejectedRow & { readonly n: bigint | null })[]> {
  const keys = plan.keys.map((key, index) => `${valueSql(keyColumn(key), key.type)} as k${index}`);
  const values = plan.features.map(
    (feature, index) => `${valueSql(featureColumn(plan.keys, feature), feature.dtype)} as f${index}`,
  );
  const rows = await session.rows<Record<string, unknown>>(
    `select ${list([...keys, ...values])}, epoch_us(${EVENT_TIME}) as event, epoch_us(${CREATED_TIME}) as created, __reasons as reasons, __id as id
     from __rejected where rowid >= ${from} and rowid < ${from + count} order by rowid`,
  );
  return rows.map((row) => ({
    key: Object.fromEntries(plan.keys.map(({ name }, index) => [name, row[`k${index}`] ?? null])),
    eventTime: row['event'] as bigint,
    createdTime: (row['created'] as bigint | null) ?? null,
    values: Object.fromEntries(plan.features.map(({ name }, index) => [name, row[`f${index}`] ?? null])),
    reasons: row['reasons'] as string[],
    n: (row['id'] as bigint | null) ?? null,
  }));
}

/** Makes `__judged`: a row for each of `table` that breaks any rule; of rule i whether in `b`i, and the value in `v`i. */
async function judge(
  session: Session,
  plan: RowPlan,
  table: string,
  computed: readonly ComputedFeature[],
  expectations: readonly Expectation[],
): Promise<readonly Rule[]> {
  const columns = new Map<string, Readable>(
    plan.features.map((feature) => [feature.name, { dtype: feature.dtype, column: featureColumn(plan.keys, feature) }]),
  );
  const from = `(select *, rowid as __id from ${table})`;
  const relation = expectations.length === 0 ? from : await withComputed(session, from, computed, columns);
  const rules = expectations.flatMap((expectation) => rulesOf(expectation, columns.get(expectation.feature)));
  if (rules.length === 0) return rules;
  const verdicts = rules.flatMap((rule, index) => [`${rule.broken} as b${index}`, `${rule.value} as v${index}`]);
  await session.run(
    `create temp table __judged as select * from (select __id, ${list(verdicts)} from ${relation})
     where ${rules.map((_, index) => `b${index}`).join(' or ')}`,
  );
  return rules;
}

async function failuresOf(
  session: Session,
  rules: readonly Rule[],
  rows: number,
): Promise<readonly ExpectationFailure[]> {
  if (rules.length === 0 || rows === 0) return [];
  const aggregates = rules.flatMap((rule, index) => [
    `count(*) filter (b${index}) as n${index}`,
    `${rule.observed}(v${index}) filter (b${index}) as o${index}`,
  ]);
  const [found] = await session.rows<Record<string, bigint | number | string | null>>(
    `select ${list(aggregates)} from __judged`,
  );
  return rules.flatMap((rule, index): ExpectationFailure[] => {
    const broken = Number(found?.[`n${index}`] ?? 0);
    const observed = rule.expectation.startsWith('maxNull ') ? broken / rows : (found?.[`o${index}`] ?? null);
    if (broken / rows <= rule.allowed) return [];
    const { feature, expectation, onFailure } = rule;
    return [
      {
        feature,
        expectation,
        onFailure,
        observed: typeof observed === 'bigint' ? Number(observed) : observed,
        rows: broken,
      },
    ];
  });
}
