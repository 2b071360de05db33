/** Runs and backfills by what people type: a whole id, the begin of one, or `last`. */
import type { BackfillRecord, Orchestrator, RunRecord } from '../compose/views.ts';
import { MlopsError } from '../lib/error.ts';

const RECENT = 200;

export async function foundRun(orchestrator: Orchestrator, written: string): Promise<RunRecord> {
  const exact = await orchestrator.get(written);
  if (exact !== undefined) return exact;
  const { items } = await orchestrator.list({ limit: written === 'last' ? 1 : RECENT });
  const matches = written === 'last' ? items : items.filter(({ runId }) => runId.startsWith(written));
  const only = matches.length === 1 ? await orchestrator.get(matches[0]?.runId ?? '') : undefined;
  if (only !== undefined) return only;
  throw new MlopsError('PL202', {
    detail: matches.length > 1 ? `${matches.length} runs begin with "${written}".` : `There is no run "${written}".`,
    hint: 'mlops runs list',
  });
}

export async function foundBackfill({ backfills }: Orchestrator, written: string): Promise<BackfillRecord> {
  const { items } = await backfills.list({ limit: written === 'last' ? 1 : RECENT });
  const matches = written === 'last' ? items : items.filter(({ backfillId }) => backfillId.startsWith(written));
  if (matches.length > 1)
    throw new MlopsError('PL241', { detail: `${matches.length} backfills begin with "${written}".` });
  return backfills.get(matches[0]?.backfillId ?? written);
}
