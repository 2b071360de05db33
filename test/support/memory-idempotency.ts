import type { Claim, IdempotencyStore } from '../../src/stores/control/idempotency.ts';

/** The port's promises in memory, without expiry. */
export function memoryIdempotency(): IdempotencyStore {
  const rows = new Map<string, { digest: string; status?: number; body?: string }>();
  const id = ({ key, caller }: { key: string; caller: string }): string => JSON.stringify([caller, key]);
  return {
    claim: async (request): Promise<Claim> => {
      const row = rows.get(id(request));
      if (row === undefined) {
        rows.set(id(request), { digest: request.requestDigest });
        return { state: 'claimed' };
      }
      if (row.digest !== request.requestDigest) return { state: 'other_request' };
      if (row.status === undefined || row.body === undefined) return { state: 'in_progress' };
      return { state: 'answered', status: row.status, body: row.body };
    },
    keep: async (answer) => {
      const row = rows.get(id(answer));
      if (row !== undefined) rows.set(id(answer), { ...row, status: answer.status, body: answer.body });
    },
    abandon: async (request) => {
      rows.delete(id(request));
    },
  };
}
