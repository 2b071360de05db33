/** Expectations of features, checked over the rows that a materialization would compute. */
import { isScalar } from '../../spec/dtype.ts';
import type { ComputedFeature, Expectation, ExpectationFailure, RowPlan } from '../offline.ts';
import { type Readable, withComputed } from './computed.ts';
import type { Engine, Session } from './engine.ts';
import { featureColumn } from './part-columns.ts';
import { list, literal, valueSql } from './sql.ts';
import { createTypedRows } from './typed-rows.ts';

interface Rule {
  readonly feature: string;
  readonly expectation: string;
  /** Rows that break it. */
  readonly broken: string;
  /** What to show of them. */
  readonly observed: string;
  /** Share of the rows that may break it. */
  readonly allowed: number;
}

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
  const columns = new Map<string, Readable>(
    plan.features.map((feature) => [feature.name, { dtype: feature.dtype, column: featureColumn(plan.keys, feature) }]),
  );
  const relation = await withComputed(session, '__typed', computed, columns);
  const rules = expectations.flatMap((expectation) => rulesOf(expectation, columns.get(expectation.feature)));
  if (rules.length === 0) return { rows, failures: [] };
  const aggregates = rules.flatMap((rule, index) => [
    `count(*) filter (${rule.broken}) as n${index}`,
    `(${rule.observed}) as o${index}`,
  ]);
  const [found] = await session.rows<Record<string, bigint | number | string | null>>(
    `select ${list(aggregates)} from ${relation}`,
  );
  const failures = rules.flatMap((rule, index): ExpectationFailure[] => {
    const broken = Number(found?.[`n${index}`] ?? 0);
    const observed = found?.[`o${index}`] ?? null;
    if (rows === 0 || broken / rows <= rule.allowed) return [];
    return [
      {
        feature: rule.feature,
        expectation: rule.expectation,
        observed: typeof observed === 'bigint' ? Number(observed) : observed,
        rows: broken,
      },
    ];
  });
  return { rows, failures };
}

function rulesOf(expectation: Expectation, readable: Readable | undefined): Rule[] {
  if (readable === undefined) return [];
  const { feature } = expectation;
  const { column } = readable;
  const isList = !isScalar(readable.dtype);
  const rules: Rule[] = [];
  if (expectation.min !== undefined) {
    rules.push({
      feature,
      expectation: `min ${expectation.min}`,
      broken: `${isList ? `list_min(${column})` : column} < ${expectation.min}`,
      observed: `min(${isList ? `list_min(${column})` : column})`,
      allowed: 0,
    });
  }
  if (expectation.max !== undefined) {
    // The engine orders NaN above every number.
    rules.push({
      feature,
      expectation: `max ${expectation.max}`,
      broken: `${isList ? `list_max(${column})` : column} > ${expectation.max}`,
      observed: `max(${isList ? `list_max(${column})` : column})`,
      allowed: 0,
    });
  }
  if (expectation.maxNull !== undefined) {
    rules.push({
      feature,
      expectation: `maxNull ${expectation.maxNull}`,
      broken: `${column} is null`,
      observed: `count(*) filter (${column} is null)::double / greatest(count(*), 1)`,
      allowed: expectation.maxNull,
    });
  }
  for (const [bound, sign, worst] of [
    ['minLength', '<', 'min'],
    ['maxLength', '>', 'max'],
  ] as const) {
    const limit = expectation[bound];
    if (limit === undefined) continue;
    const length = readable.dtype === 'bytes' ? `octet_length(${column})` : `len(${column})`;
    rules.push({
      feature,
      expectation: `${bound} ${limit}`,
      broken: `${length} ${sign} ${limit}`,
      observed: `${worst}(${length})`,
      allowed: 0,
    });
  }
  if (expectation.in !== undefined) {
    const allowed = list(expectation.in.map((item) => `(${castLike(item, readable)})`));
    const value = valueSql(column, readable.dtype);
    // Of a list each of its items counts.
    const items = `list_filter(${value}::varchar[], lambda x: x not in (${allowed}))`;
    const [outside, observed] = isList
      ? [`len(${items}) > 0`, `list_min(${items})`]
      : [`${column} is not null and ${value}::varchar not in (${allowed})`, `${value}::varchar`];
    rules.push({
      feature,
      expectation: `in ${JSON.stringify(expectation.in)}`,
      broken: outside,
      observed: `min(${observed}) filter (${outside})`,
      allowed: 0,
    });
  }
  return rules;
}

/** An allowed value in the text that the column's own values have: 1 and 1.0 are one number. */
function castLike(item: string | number | boolean, readable: Readable): string {
  return typeof item === 'number' && /float|vector/.test(readable.dtype)
    ? `${item}::${/float64/.test(readable.dtype) ? 'double' : 'float'}::varchar`
    : literal(String(item));
}
