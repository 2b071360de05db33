/**
 * A resource under a new name with everything that is kept under its name: one transaction of many statements, and no file
 * or key of another store moves (a version of a feature set knows where its rows lie).
 *
 * What was written down as it happened stays as it was: audit, stage moves, logged predictions, the specs of runs.
 */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import { type Address, parseAddress } from '../../spec/address.ts';
import type { Kind } from '../../spec/kinds.ts';
import { specDigest } from '../../spec/spec-digest.ts';
import type { Rename } from '../control/state.ts';
import type { Queryable } from './database.ts';
import { lockName } from './feature-claims.ts';
import { type RenameEntry, renameDependents, renameInVersions } from './rename-dependents.ts';
import { sqlFile } from './sql-file.ts';

interface Named extends Rename {
  readonly kind: Kind;
  readonly old: string;
  readonly name: string;
}

interface ResourceRow {
  address: string;
  status: string;
  spec: JsonObject;
  previous: { readonly spec: JsonObject; readonly digest: string; readonly dependsOn: readonly string[] } | null;
}

/** In this order. AP108 where one cannot be done. */
export async function renameAll(
  tx: Queryable,
  scopeId: number,
  renames: readonly Rename[],
  entry: RenameEntry,
): Promise<void> {
  const named = renames.map(namesOf);
  await takeLocks(tx, scopeId, named);
  for (const rename of named) {
    await renameRecord(tx, scopeId, rename, entry);
    await renameData(tx, scopeId, rename);
  }
}

function namesOf(rename: Rename): Named {
  const [from, to] = [parseAddress(rename.from), parseAddress(rename.to)];
  if (from === undefined || to === undefined || from.kind !== to.kind || from.name === to.name)
    throw refused(rename, 'a rename is from one name of a kind to another name of the same kind');
  return { ...rename, kind: to.kind, old: from.name, name: to.name };
}

function refused({ from, to }: Rename, why: string): MlopsError {
  return new MlopsError('AP108', {
    detail: `${from} cannot be renamed to ${to}: ${why}.`,
    hint: 'take another name',
    address: to,
  });
}

/**
 * Runs that begin, pushes and registrations under way are waited for, and find the new name after. In one order everywhere,
 * so that nobody waits in a circle.
 */
async function takeLocks(tx: Queryable, scopeId: number, renames: readonly Named[]): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(scopeId, 'names', '')]);
  const names = renames.flatMap(({ kind, old, name }) =>
    kind === 'feature_set'
      ? [old, name].flatMap((set) => [lockName(scopeId, 'version', set), lockName(scopeId, 'push', set)])
      : kind === 'source'
        ? [old, name].map((source) => lockName(scopeId, 'snapshot', source))
        : [],
  );
  await tx.query(
    'select pg_advisory_xact_lock(key) from (select hashtextextended(name, 0) as key from unnest($1::text[]) as name order by key) as keys',
    [names],
  );
}

async function renameRecord(tx: Queryable, scopeId: number, rename: Named, entry: RenameEntry): Promise<void> {
  const { from, to, kind, old, name } = rename;
  const rows = await tx.query<ResourceRow & Record<string, unknown>>(
    'select address, status, spec, previous from mlops.resources where scope_id = $1 and address in ($2, $3) for update',
    [scopeId, from, to],
  );
  const row = rows.find(({ address }) => address === from);
  if (row === undefined) throw refused(rename, `there is no ${from} in the state`);
  if (rows.length > 1) throw refused(rename, `there is a ${to} in the state`);
  if (row.status === 'deleting') throw refused(rename, `${from} is half destroyed`);
  const spec = { ...row.spec, name };
  const before = row.previous === null ? null : { ...row.previous.spec, name };
  await tx.query(
    `update mlops.resources set address = $3, name = $4, spec = $5, digest = $6, previous = $7, updated_at = now()
     where scope_id = $1 and address = $2`,
    [
      scopeId,
      from,
      to,
      name,
      JSON.stringify(spec),
      specDigest(spec),
      before === null ? null : JSON.stringify({ ...row.previous, spec: before, digest: specDigest(before) }),
    ],
  );
  await tx.query(sqlFile('rename-names'), [scopeId, kind, old, name]);
  await tx.query(sqlFile('rename-entries'), [
    scopeId,
    from,
    to,
    entry.serial,
    entry.who,
    entry.operation,
    entry.applyId,
    entry.gitCommit,
    entry.planDigest,
  ]);
  await renameDependents(tx, scopeId, rename, entry);
}

async function renameData(tx: Queryable, scopeId: number, rename: Named): Promise<void> {
  const { kind, old, name } = rename;
  switch (kind) {
    case 'feature_set':
      return renameFeatureSet(tx, scopeId, rename);
    case 'model':
      return renameModel(tx, scopeId, rename);
    case 'source':
      // Snapshots of a source of that name that is gone are not those of this one.
      await tx.query(`update mlops.source_snapshots set source = source || '~' where scope_id = $1 and source = $2`, [
        scopeId,
        name,
      ]);
      await tx.query('update mlops.source_snapshots set source = $3 where scope_id = $1 and source = $2', [
        scopeId,
        old,
        name,
      ]);
      return renameInVersions(tx, scopeId, old, name);
    case 'pipeline':
      await renameRuns(tx, scopeId, old, name);
      return renameSchedule(tx, scopeId, rename);
    case 'entity':
    case 'feature_service':
    case 'endpoint':
      // The record is all there is; predictions stay as they were logged.
      return;
  }
}

async function renameFeatureSet(tx: Queryable, scopeId: number, rename: Named): Promise<void> {
  const { old, name } = rename;
  const [left] = await tx.query<{ version: number }>(
    "select version from mlops.feature_set_versions where scope_id = $1 and feature_set = $2 and status <> 'dropped' limit 1",
    [scopeId, name],
  );
  if (left !== undefined) throw refused(rename, `rows of another feature set ${name} are left in the stores`);
  // What is left of one that was destroyed keeps its numbers taken, under a name that no set can have.
  await tx.query(
    `update mlops.feature_set_versions set feature_set = feature_set || '~' || nextval('mlops.feature_sequence')
     where scope_id = $1 and feature_set = $2`,
    [scopeId, name],
  );
  // Parts and pushed rows follow by their keys.
  await tx.query('update mlops.feature_set_versions set feature_set = $3 where scope_id = $1 and feature_set = $2', [
    scopeId,
    old,
    name,
  ]);
  await renameRuns(tx, scopeId, `feature_set.${old}`, `feature_set.${name}`);
  await renameSchedule(tx, scopeId, rename);
}

async function renameModel(tx: Queryable, scopeId: number, rename: Named): Promise<void> {
  const { old, name } = rename;
  const [other] = await tx.query<{ kept: boolean }>(
    `select last_version > 0 or deleted_at is null and exists (select from mlops.registry_changes c where c.model_id = m.model_id) as kept
     from mlops.models m where scope_id = $1 and name = $2`,
    [scopeId, name],
  );
  if (other?.kept === true) throw refused(rename, `the registry has another model ${name}`);
  if (other !== undefined)
    await tx.query('delete from mlops.models where scope_id = $1 and name = $2', [scopeId, name]);
  await tx.query("select set_config('mlops.renaming', $1, true)", [`${old} ${name}`]);
  await tx.query('update mlops.models set name = $3 where scope_id = $1 and name = $2', [scopeId, old, name]);
  await tx.query("select set_config('mlops.renaming', '', true), pg_notify('mlops_registry', $1)", [String(scopeId)]);
}

/** A run keeps the spec and the cause that it began with. */
async function renameRuns(tx: Queryable, scopeId: number, old: string, name: string): Promise<void> {
  for (const table of [
    'runs',
    'backfills',
    'trigger_events',
    'trigger_sensors',
    'breakers',
    'pipeline_events',
  ] as const)
    await tx.query(`update mlops.${table} set pipeline = $3 where scope_id = $1 and pipeline = $2`, [
      scopeId,
      old,
      name,
    ]);
}

/** What is dealt with stays dealt with: nothing fires twice. */
async function renameSchedule(
  tx: Queryable,
  scopeId: number,
  { from, to }: { from: Address; to: Address },
): Promise<void> {
  const params = [scopeId, from, to];
  for (const table of ['schedules', 'schedule_instants', 'expectations'] as const) {
    // A cursor of a trigger is `ADDRESS#DIGEST`.
    const named = "(schedule = $2 or starts_with(schedule, $2 || '#'))";
    await tx.query(`delete from mlops.${table} where scope_id = $1 and ${named}`, [scopeId, to]);
    await tx.query(
      `update mlops.${table} set schedule = $3 || substr(schedule, length($2) + 1) where scope_id = $1 and ${named}`,
      params,
    );
  }
  await tx.query('update mlops.runs set schedule = $3 where scope_id = $1 and schedule = $2', params);
  await tx.query('delete from mlops.subject_states where scope_id = $1 and subject = $2', [scopeId, to]);
  await tx.query('update mlops.subject_states set subject = $3 where scope_id = $1 and subject = $2', params);
}
