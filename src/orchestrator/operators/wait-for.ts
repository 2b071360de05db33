/** wait_for: looks once; where it is not there yet the task waits without an attempt, and runs again once it is. */
import { durationMs } from '../../lib/units.ts';
import { Deferred } from '../deferred.ts';
import type { Operator } from './operator.ts';
import { conditionHolds } from './wait-condition.ts';

const DEFAULT_EVERY = '30s';

export const waitFor: Operator<'wait_for'> = async (task, context) => {
  const { holds, what, outputs } = await conditionHolds(task, context);
  if (!holds) throw new Deferred({ what, everyMs: durationMs(task.every ?? DEFAULT_EVERY), childRun: null });
  context.log(`${what}: there`);
  return outputs;
};
