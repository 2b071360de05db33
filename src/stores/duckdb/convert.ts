/** A Parquet file in the formats that people and programs ask for: text by the engine itself, Arrow through `arrow.ts`. */
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../../spec/column.ts';
import type { ExportFormat } from '../offline.ts';
import { arrowStream } from './arrow.ts';
import type { Engine, Session } from './engine.ts';
import { isList, listSql } from './lists.ts';
import { columnsOf } from './source-relation.ts';
import { ident, list, literal } from './sql.ts';

const TIMES = "timestampformat '%Y-%m-%dT%H:%M:%S.%fZ', dateformat '%Y-%m-%d'";

export async function convertFile(
  engine: Engine,
  path: string,
  format: ExportFormat,
  json: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const to = join(await engine.scratch(), `${randomUUID()}.${format}`);
  try {
    await engine.job(signal, async (session) => {
      const relation = `read_parquet(${literal(path)})`;
      const columns = await columnsOf(session, `select * from ${relation}`);
      if (format === 'arrow') return writeArrow(session, relation, columns, to);
      const select = columns.map((column) => `${textSql(column, format, json)} as ${ident(column.name)}`);
      const how =
        format === 'csv' ? `format csv, header true, ${TIMES}` : `format json, array ${format === 'json'}, ${TIMES}`;
      await session.run(
        `copy (select ${list(select)} from ${relation}) to ${literal(to)} (${how}, use_tmp_file false)`,
      );
    });
    return to;
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}

async function writeArrow(session: Session, relation: string, columns: readonly Column[], to: string): Promise<void> {
  const file = await open(to, 'w');
  try {
    for await (const bytes of arrowStream(session.connection, relation, columns)) await file.appendFile(bytes);
  } finally {
    await file.close();
  }
}

/** What the engine would write otherwise: `\x00` for bytes, the host's zone, and NaN, which JSON does not have. */
function textSql({ name, type }: Column, format: 'csv' | 'json' | 'jsonl', json: readonly string[]): string {
  const column = ident(name);
  // In CSV a list is the text of a JSON array, which a source reads back.
  if (isList(type)) return format === 'csv' ? `to_json(${listSql(column, type)})::varchar` : listSql(column, type);
  if (type === 'BLOB') return `base64(${column})`;
  if (type.startsWith('TIMESTAMP')) return `${column}::timestamp`;
  if (format === 'csv') return column;
  if (type === 'DOUBLE' || type === 'FLOAT') return `case when isfinite(${column}) then ${column} end`;
  return json.includes(name) && type === 'VARCHAR' ? `${column}::json` : column;
}
