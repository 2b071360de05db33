/** Rows of rollouts as they are written. */
import type { JsonObject } from '../../../lib/json.ts';
import {
  isActive,
  type NewRolloutDecision,
  type RolloutStanding,
  type RolloutStatus,
  type RolloutSubject,
} from '../../control/rollouts.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const hasEnded = (status: RolloutStatus): boolean => !isActive(status);

/** In the order of the columns status to checks. */
export function standingParams(standing: RolloutStanding): readonly unknown[] {
  return [
    standing.status,
    standing.step,
    standing.share,
    standing.stepStartedAt,
    standing.pausedAt,
    standing.pausedMs,
    standing.measuredAt,
    JSON.stringify(standing.failures),
    standing.reason,
    JSON.stringify(standing.plan),
    JSON.stringify(standing.checks),
  ];
}

/** Undefined where what made it begin has begun one already. */
export async function insertRollout(
  tx: Queryable,
  scopeId: number,
  subject: RolloutSubject,
  standing: RolloutStanding,
  { key, who }: { readonly key: string; readonly who: string },
): Promise<string | undefined> {
  const [row] = await tx.query<{ id: string }>(sqlFile('rollouts-begin'), [
    scopeId,
    subject.endpoint,
    subject.candidate,
    subject.baseline,
    subject.model,
    subject.version,
    subject.versionId,
    subject.stagedAt,
    key,
    who,
    ...standingParams(standing),
  ]);
  return row?.id;
}

export async function appendDecision(
  tx: Queryable,
  scopeId: number,
  id: string,
  { status, step, share }: Pick<RolloutStanding, 'status' | 'step' | 'share'>,
  { kind, reason, checks }: NewRolloutDecision,
  who: string,
): Promise<void> {
  await tx.query(
    `insert into mlops.rollout_decisions (scope_id, rollout_id, who, kind, status, step, share, reason, checks)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [scopeId, id, who, kind, status, step, share, reason, JSON.stringify(checks)],
  );
}

export async function auditMove(
  tx: Queryable,
  scopeId: number,
  who: string,
  action: string,
  endpoint: string,
  detail: JsonObject,
): Promise<void> {
  await tx.query('insert into mlops.audit_log (scope_id, who, action, subject, detail) values ($1, $2, $3, $4, $5)', [
    scopeId,
    who,
    action,
    `endpoint.${endpoint}`,
    JSON.stringify(detail),
  ]);
}
