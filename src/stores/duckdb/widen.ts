/** Further columns beside the rows of a Parquet file, which come as JSON, an object a line, in the order of the rows. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { MlopsError } from '../../lib/error.ts';
import type { WidenRequest } from '../offline.ts';
import type { Engine } from './engine.ts';
import { writeTable } from './files.ts';
import { columnsOf } from './source-relation.ts';
import { ident, list, literal, sqlType } from './sql.ts';

export async function widenFile(
  engine: Engine,
  { path, without, lines, added }: WidenRequest,
  signal: AbortSignal,
): Promise<string> {
  const to = join(await engine.scratch(), `${randomUUID()}.parquet`);
  await engine.job(signal, (session) =>
    // The order of both files counts: by one thread, each is read from its beginning.
    session.serially(async () => {
      const relation = `read_parquet(${literal(path)})`;
      const there = await columnsOf(session, `select * from ${relation}`);
      const kept = there.filter(({ name }) => !without.includes(name));
      const names = new Set(added.map(({ name }) => name.toLowerCase()));
      const taken = kept.find(({ name }) => names.has(name.toLowerCase()));
      if (taken !== undefined)
        throw new MlopsError('FS205', {
          detail: `The rows have a column ${taken.name} already, as one that is added is called.`,
          hint: 'call it otherwise in the query',
        });
      const types = added.map(({ name, dtype }) => `${literal(name)}: ${literal(sqlType(dtype))}`);
      const select = [...kept.map(({ name }) => `p.${ident(name)}`), ...added.map(({ name }) => `j.${ident(name)}`)];
      await writeTable(
        session,
        `select ${list(select)} from ${relation} p positional join read_json(${literal(lines)}, format = 'newline_delimited', columns = {${list(types)}}) j`,
        to,
      );
    }),
  );
  return to;
}
