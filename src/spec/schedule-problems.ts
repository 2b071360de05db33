/** What is wrong with a schedule, at the field that is wrong. */
import { checkCron } from '../lib/schedule.ts';
import type { LoadedResource } from './loaded-resource.ts';
import type { Problem } from './problem.ts';

/** SP115; undefined where it can be scheduled. */
export function scheduleProblem(cron: string, timezone: string | undefined, pointer: string): Problem | undefined {
  const detail = checkCron(cron, timezone);
  if (detail === undefined) return undefined;
  return { code: 'SP115', pointer: `${pointer}/${detail.includes('time zone') ? 'timezone' : 'cron'}`, detail };
}

/** Of a resource whose shape is wrong elsewhere, so that all is told at once. */
export function scheduleProblems({ kind, value }: LoadedResource): Problem[] {
  const field = kind === 'pipeline' ? 'schedule' : kind === 'feature_set' ? 'materialize' : undefined;
  const schedule = field === undefined ? undefined : value[field];
  if (typeof schedule !== 'object' || schedule === null) return [];
  const { cron, timezone } = schedule as { cron?: unknown; timezone?: unknown };
  if (typeof cron !== 'string') return [];
  const problem = scheduleProblem(cron, typeof timezone === 'string' ? timezone : undefined, `/${field}`);
  return problem === undefined ? [] : [problem];
}
