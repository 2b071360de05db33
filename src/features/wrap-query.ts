/** A query within another, in every dialect that it is written in. */
import { forStore, mapTexts, type QueryText } from '../spec/query-text.ts';

/** `around` gets it in brackets, and says what every store understands. SP205 where it has no translation. */
export async function wrappedQuery(query: QueryText, around: (inner: string) => string): Promise<QueryText> {
  // One in another dialect is translated first.
  const text = await forStore(query, 'duckdb');
  // The line break ends a comment on its last line.
  return mapTexts(text, (sql) => around(`(\n${sql.trim().replace(/;+\s*$/, '')}\n)`));
}
