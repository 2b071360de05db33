/**
 * The rows of a feature set as its source or query gives them, each value cast to its type. A value that does not fit is
 * not made null in silence: it ends the job with its column and itself.
 */
import { MlopsError } from '../../lib/error.ts';
import type { Column } from '../../spec/column.ts';
import type { RowPlan } from '../offline-rows.ts';
import type { Session } from './engine.ts';
import { POSITION, snapshotRelation } from './manifest.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, ROW } from './part-columns.ts';
import { columnsOf, refused } from './source-relation.ts';
import { castSql, ident, list, literal, subquery } from './sql.ts';
import { createViews } from './views.ts';

interface Cast {
  readonly name: string;
  readonly type: string;
  readonly raw: string;
  readonly cast: string;
  readonly as: string;
}

/** Rows that are not of their types yet: a relation, and the number of each row in it. */
export interface UntypedRows {
  readonly relation: string;
  readonly position: string;
}

/** Makes the temporary table `name` of a set's rows. Returns its number of rows. */
export async function createTypedRows(session: Session, root: string, plan: RowPlan, name: string): Promise<number> {
  await createViews(session, root, plan.inputs);
  return typeRows(session, plan, await relationOf(plan, root), name);
}

/** Makes the temporary table `name` of these rows. Returns its number of rows. */
export async function typeRows(
  session: Session,
  plan: RowPlan,
  { relation: from, position }: UntypedRows,
  name: string,
): Promise<number> {
  const there = await columnsOf(session, `select * from ${from}`).catch((error: unknown) => {
    throw refused(plan.address, error);
  });
  const casts = castsOf(plan, there);
  const misfit = (cast: Cast): string => `${cast.raw} is not null and (${cast.cast}) is null`;
  const cases = (what: (cast: Cast) => string): string =>
    `case ${casts.map((cast) => `when ${misfit(cast)} then ${what(cast)}`).join(' ')} end`;
  await session
    .serially(() =>
      session.run(
        `create temp table ${name} as select ${list(casts.map((cast) => `${cast.cast} as ${cast.as}`))}, ${position} as ${ROW},
           ${cases((cast) => literal(cast.name))} as __misfit, ${cases((cast) => `left(${cast.raw}::varchar, 100)`)} as __example
         from ${from}`,
      ),
    )
    .catch((error: unknown) => {
      throw refused(plan.address, error);
    });
  const [summary] = await session
    .rows<{ rows: bigint; misfit: string | null; example: string | null; misfits: bigint }>(
      `select count(*) as rows, count(__misfit) as misfits, arg_min(__misfit, ${ROW}) as misfit, arg_min(__example, ${ROW}) as example from ${name}
     where __misfit is not null union all by name select count(*) as rows from ${name} order by misfits nulls last`,
    )
    .then((rows) => [
      { ...rows[0], rows: rows[1]?.rows ?? 0n } as {
        rows: bigint;
        misfit: string | null;
        example: string | null;
        misfits: bigint;
      },
    ]);
  if (summary !== undefined && summary.misfits > 0n) {
    const cast = casts.find((candidate) => candidate.name === summary.misfit);
    throw new MlopsError('FS204', {
      address: plan.address,
      detail: `The column ${summary.misfit} of ${plan.address} holds ${JSON.stringify(summary.example)}, which is no ${cast?.type} (${summary.misfits} such ${summary.misfits === 1n ? 'row' : 'rows'}).`,
      hint: 'correct the type in the spec, name the value under `nulls` of the source, or correct the data',
      data: { column: summary.misfit, example: summary.example, rows: Number(summary.misfits) },
    });
  }
  return Number(summary?.rows ?? 0n);
}

async function relationOf(plan: RowPlan, root: string): Promise<UntypedRows> {
  if ('query' in plan.from) return { relation: subquery(plan.from.query), position: '0::bigint' };
  const { source } = plan.from;
  const location = plan.inputs[source];
  if (location === undefined)
    throw new MlopsError('FS204', { address: plan.address, detail: `The source ${source} has no snapshot.` });
  const relation = await snapshotRelation(root, location, { position: true, since: plan.since?.[source] });
  return { relation, position: POSITION };
}

function castsOf(plan: RowPlan, there: readonly Column[]): readonly Cast[] {
  const find = (name: string): Column => {
    const found =
      there.find((column) => column.name === name) ??
      there.find((column) => column.name.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
    const origin = 'source' in plan.from ? `the source ${plan.from.source}` : 'the query';
    throw new MlopsError('SP203', {
      address: plan.address,
      detail: `${plan.address} reads the column ${name}, which ${origin} does not have.`,
      hint: `known: ${there
        .map((column) => column.name)
        .filter((column) => column !== POSITION && column !== ROW)
        .join(', ')}`,
    });
  };
  const cast = (name: string, type: Parameters<typeof castSql>[2], as: string): Cast => {
    const column = find(name);
    return { name, type, raw: ident(column.name), cast: castSql(ident(column.name), column.type, type), as };
  };
  return [
    ...plan.keys.map((key) => cast(key.name, key.type, keyColumn(key))),
    cast(plan.eventTime, 'timestamp', EVENT_TIME),
    ...(plan.createdTime === null ? [] : [cast(plan.createdTime, 'timestamp', CREATED_TIME)]),
    ...plan.features.map((feature) => cast(feature.column, feature.dtype, featureColumn(plan.keys, feature))),
  ];
}
