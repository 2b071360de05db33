/**
 * The journal of one apply. Every write is one statement that first looks whether the apply is still open: an apply that
 * lost its lock to another finds it ended and changes nothing more.
 */
import { invariant } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { Address } from '../../spec/address.ts';
import type { ApplyHead, ApplyJournal, StepIntent } from '../control/state.ts';
import { createBatcher } from './batcher.ts';
import { type Database, type Queryable, sqlState } from './database.ts';
import { renameAll } from './rename.ts';
import { sqlFile } from './sql-file.ts';
import { staleness } from './staleness.ts';

interface Outcome {
  readonly step: number;
  readonly address: Address;
  readonly outputs: JsonObject | null;
  readonly failure: string | null;
  readonly code: string | null;
}

interface OpenApply extends Record<string, unknown> {
  who: string;
  operation: string;
  git_commit: string | null;
  plan_digest: string;
  serial_after: number;
}

/** AP102 where lineage or serial have moved. */
export async function beginApply(db: Database, scopeId: number, head: ApplyHead): Promise<ApplyJournal> {
  const [begun] = await db.query<{ apply_id: string }>(sqlFile('begin-apply'), [
    scopeId,
    head.lineage,
    head.serial,
    head.who,
    head.planDigest,
    head.specDigest,
    head.gitCommit,
    head.root,
    head.changes,
    head.operation ?? 'apply',
  ]);
  if (begun === undefined) throw await staleness(db, scopeId, head);
  return openJournal(db, scopeId, begun.apply_id);
}

function openJournal(db: Database, scopeId: number, applyId: string): ApplyJournal {
  const openSteps = new Map<Address, number>();
  let steps = 0;

  async function write(statement: string, items: readonly unknown[]): Promise<void> {
    const open = await recording(() => db.query(statement, [scopeId, applyId, JSON.stringify(items)]));
    if (open.length === 0) throw endedByAnother(applyId);
  }
  const byAddress = (item: { readonly address: Address }): string => item.address;
  const intents = createBatcher<StepIntent & { readonly step: number }>(byAddress, (items) =>
    write(sqlFile('journal-intents'), items),
  );
  const outcomes = createBatcher<Outcome>(byAddress, (items) => write(sqlFile('journal-outcomes'), items));

  async function finish(
    address: Address,
    outputs: JsonObject | null,
    failure: string | null,
    code: string | null,
  ): Promise<void> {
    const step = openSteps.get(address);
    invariant(step !== undefined, `an outcome of ${address} follows its intent`);
    await outcomes.add({ step, address, outputs, failure, code });
    openSteps.delete(address);
  }

  return {
    applyId,
    intent: async (intent) => {
      invariant(!openSteps.has(intent.address), `one step at a time changes ${intent.address}`);
      steps += 1;
      openSteps.set(intent.address, steps);
      await intents.add({ ...intent, step: steps }).catch((error: unknown) => {
        openSteps.delete(intent.address);
        throw error;
      });
    },
    done: (address, outputs) => finish(address, outputs, null, null),
    failed: (address, message, code) => finish(address, null, message, code ?? null),
    rename: (renames) =>
      recording(() =>
        db.transaction(async (tx) => {
          const [apply] = await tx.query<OpenApply>(
            `select who, operation, git_commit, plan_digest, serial_after from mlops.applies
           where apply_id = $2 and scope_id = $1 and ended_at is null for share`,
            [scopeId, applyId],
          );
          if (apply === undefined) throw endedByAnother(applyId);
          await renameAll(tx, scopeId, renames, {
            serial: apply.serial_after,
            who: apply.who,
            operation: apply.operation,
            applyId,
            gitCommit: apply.git_commit,
            planDigest: apply.plan_digest,
          });
          const rows = renames.map(({ from, to }) => ({ step: ++steps, from, to }));
          await tx.query(sqlFile('journal-renames'), [scopeId, applyId, JSON.stringify(rows)]);
        }),
      ),
    end: async (outcome) => {
      const ended = await recording(() =>
        db.query(
          `update mlops.applies set ended_at = clock_timestamp(), outcome = $3
           where apply_id = $2 and scope_id = $1 and ended_at is null
           returning pg_notify('mlops_resources', $1::text)`,
          [scopeId, applyId, outcome],
        ),
      );
      if (ended.length === 0) throw endedByAnother(applyId);
    },
  };
}

/** AP118 where the server refuses to write: its disk is full, it is read-only, it is being shut down. */
async function recording<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const refused = error instanceof MlopsError && error.code === 'ST106' ? error.cause : error;
    const state = sqlState(refused);
    if (state === undefined) throw error;
    throw new MlopsError('AP118', {
      detail: `The control store could not record what was done (${state}: ${refused instanceof Error ? refused.message : String(refused)}).`,
      hint: 'see to the Postgres server, then apply again: what was recorded stays, the rest is taken up again',
      retryable: true,
      cause: error,
    });
  }
}

/**
 * Holds back the next apply until the transaction has ended, or refuses with AP101 where one of these applies has ended
 * already. Locks: their rows, shared.
 */
export async function whileOpen(
  tx: Queryable,
  scopeId: number,
  applyIds: readonly (string | undefined)[],
): Promise<void> {
  const asked = [...new Set(applyIds.filter((applyId) => applyId !== undefined))];
  if (asked.length === 0) return;
  const open = await tx.query<{ apply_id: string }>(
    'select apply_id from mlops.applies where scope_id = $1 and apply_id = any($2::uuid[]) and ended_at is null for share',
    [scopeId, asked],
  );
  const ended = asked.find((applyId) => !open.some((row) => row.apply_id === applyId));
  if (ended !== undefined) throw endedByAnother(ended);
}

function endedByAnother(applyId: string): MlopsError {
  return new MlopsError('AP101', {
    detail: `Apply ${applyId} was ended by another, which took over the lock; nothing more is recorded for it.`,
    hint: 'apply again: what was finished is recorded, the rest is taken up again',
    retryable: true,
  });
}
