/** Many rows in one call: what is wrong with each is told at once, so that whoever sent thousands corrects them once. */
import { MlopsError } from '../lib/error.ts';

export interface RefusedRow {
  /** From 0, in the order given. */
  readonly row: number;
  readonly code: string;
  readonly detail: string;
}

/** More of them help nobody. */
const TOLD_ROWS = 20;

/** `read` of each row. Of several rows the error names the first and holds the others in its `data`. */
export function everyRow<Row, Read>(rows: readonly Row[], read: (row: Row) => Read): readonly Read[] {
  const done: Read[] = [];
  const refused: { readonly row: number; readonly error: MlopsError }[] = [];
  for (const [row, value] of rows.entries()) {
    try {
      done.push(read(value));
    } catch (error) {
      if (!(error instanceof MlopsError)) throw error;
      if (rows.length === 1) throw error;
      refused.push({ row, error });
    }
  }
  const [first] = refused;
  if (first === undefined) return done;
  const others = refused.length - 1;
  const more = others === 0 ? '' : ` ${others === 1 ? 'One other row is' : `${others} other rows are`} refused too.`;
  throw new MlopsError(first.error.code, {
    address: first.error.address,
    detail: `Row ${first.row + 1} of ${rows.length}: ${first.error.detail}${more}`,
    hint: first.error.hint,
    status: first.error.status,
    data: {
      refused: refused.length,
      rows: refused
        .slice(0, TOLD_ROWS)
        .map(({ row, error }): RefusedRow => ({ row, code: error.code, detail: error.detail })),
    },
    cause: first.error,
  });
}
