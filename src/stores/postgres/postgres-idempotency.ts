/** Idempotency keys in Postgres. Old ones are swept now and then by whoever claims. */
import { readFileSync } from 'node:fs';
import type { Claim, IdempotencyStore } from '../control/idempotency.ts';
import type { Database } from './database.ts';

const CLAIM = readFileSync(new URL('./sql/idempotency-claim.sql', import.meta.url), 'utf8');
const SWEEP_EVERY = 256;

type ClaimRow = { claimed: boolean; request_digest: string; status: number | null; body: string | null };

export function createPostgresIdempotency(db: Database, scopeId: number): IdempotencyStore {
  let claims = 0;

  async function sweep(): Promise<void> {
    await db.query(
      `delete from mlops.idempotency_keys where scope_id = $1 and claimed_at < clock_timestamp() - interval '1 day'`,
      [scopeId],
    );
  }

  async function claim(request: { key: string; caller: string; requestDigest: string }): Promise<Claim> {
    if (claims++ % SWEEP_EVERY === 0) await sweep();
    const rows = await db.query<ClaimRow>(CLAIM, [scopeId, request.caller, request.key, request.requestDigest]);
    const row = rows[0];
    // No row: another claim was inserted after this statement's snapshot was taken, and is being worked on.
    if (row === undefined) return { state: 'in_progress' };
    if (row.claimed) return { state: 'claimed' };
    if (row.request_digest !== request.requestDigest) return { state: 'other_request' };
    if (row.status === null || row.body === null) return { state: 'in_progress' };
    return { state: 'answered', status: row.status, body: row.body };
  }

  return {
    claim,
    keep: async ({ key, caller, status, body }) => {
      await db.query(
        'update mlops.idempotency_keys set status = $4, body = $5 where scope_id = $1 and caller = $2 and key = $3',
        [scopeId, caller, key, status, body],
      );
    },
    abandon: async ({ key, caller }) => {
      await db.query(
        'delete from mlops.idempotency_keys where scope_id = $1 and caller = $2 and key = $3 and status is null',
        [scopeId, caller, key],
      );
    },
  };
}
