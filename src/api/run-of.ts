/** The run that a request names. */
import { MlopsError } from '../lib/error.ts';
import type { Orchestrator } from '../orchestrator/orchestrator.ts';
import type { RunRecord } from '../stores/control/runs.ts';
import type { Call } from './route.ts';

/** PL202 where there is none. */
export async function runOf(orchestrator: Pick<Orchestrator, 'get'>, call: Call): Promise<RunRecord> {
  const id = call.params['id'] ?? '';
  const run = await orchestrator.get(id);
  if (run !== undefined) return run;
  throw new MlopsError('PL202', { detail: `There is no run ${id}.`, hint: 'GET /api/v1/runs lists them' });
}
