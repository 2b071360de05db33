/** Files of runs and models by their paths. Their content lies in the artifact store under its digest. */
import type { TrackedFile, TrackingStore } from '../../control/tracking.ts';
import type { Database } from '../database.ts';

/** The character after `/`: what begins with `a/` is less than `a0`. */
const below = (folder: string): readonly [from: string, to: string] => [`${folder}/`, `${folder}0`];

export function trackedFileStore(
  db: Database,
  scopeId: number,
): Pick<TrackingStore, 'putFile' | 'file' | 'filesBelow' | 'listFolder' | 'forgetFiles'> {
  return {
    putFile: async ({ path, digest, bytes }) => {
      await db.query(
        `insert into mlops.tracked_files (scope_id, path, digest, bytes) values ($1, $2, $3, $4)
         on conflict (scope_id, path) do update set digest = excluded.digest, bytes = excluded.bytes`,
        [scopeId, path, digest, bytes],
      );
    },
    file: async (path) => {
      const [row] = await db.query<TrackedFile & Record<string, unknown>>(
        'select path, digest, bytes from mlops.tracked_files where scope_id = $1 and path = $2',
        [scopeId, path],
      );
      return row;
    },
    filesBelow: (folder) =>
      db.query<TrackedFile & Record<string, unknown>>(
        `select path, digest, bytes from mlops.tracked_files where scope_id = $1 and ($2 = '/' or path >= $2 and path < $3) order by path`,
        [scopeId, ...below(folder)],
      ),
    listFolder: (folder) =>
      db.query<{ name: string; bytes: number | null }>(
        `select name, case when bool_or(nested) then null else max(bytes) end as bytes
         from (select split_part(rest, '/', 1) as name, strpos(rest, '/') > 0 as nested, bytes
               from (select case when $2 = '/' then path else substr(path, length($2) + 1) end as rest, bytes
                     from mlops.tracked_files where scope_id = $1 and ($2 = '/' or path >= $2 and path < $3)) as below) as entries
         group by name order by name`,
        [scopeId, ...below(folder)],
      ),
    forgetFiles: async (path) => {
      const [from, to] = below(path);
      await db.query(
        'delete from mlops.tracked_files where scope_id = $1 and (path = $2 or path >= $3 and path < $4)',
        [scopeId, path, from, to],
      );
    },
  };
}
