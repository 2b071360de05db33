/** Changes of the state by hand: `state mv` and `state rm`. The caller holds the lock. */
import { MlopsError } from '../../lib/error.ts';
import type { Address } from '../../spec/address.ts';
import type { Rename, StateEdit } from '../control/state.ts';
import type { Database, Queryable } from './database.ts';
import { renameAll } from './rename.ts';
import { sqlFile } from './sql-file.ts';
import { staleness } from './staleness.ts';

export function moveResources(
  db: Database,
  scopeId: number,
  renames: readonly Rename[],
  edit: StateEdit,
): Promise<void> {
  return db.transaction(async (tx) => {
    const serial = await beginEdit(tx, scopeId, edit);
    const { who, gitCommit } = edit;
    await renameAll(tx, scopeId, renames, {
      serial,
      who,
      operation: 'mv',
      applyId: null,
      gitCommit,
      planDigest: null,
    });
  });
}

export function forgetResource(db: Database, scopeId: number, address: Address, edit: StateEdit): Promise<void> {
  return db.transaction(async (tx) => {
    const serial = await beginEdit(tx, scopeId, edit);
    const gone = await tx.query(sqlFile('forget-resource'), [scopeId, address, serial, edit.who, edit.gitCommit]);
    if (gone.length === 0) throw new MlopsError('SP104', { detail: `${address} is not in the state.`, address });
  });
}

async function beginEdit(tx: Queryable, scopeId: number, edit: StateEdit): Promise<number> {
  const [begun] = await tx.query<{ serial: number }>(sqlFile('begin-edit'), [scopeId, edit.lineage, edit.serial]);
  if (begun === undefined) throw await staleness(tx, scopeId, edit);
  return begun.serial;
}
