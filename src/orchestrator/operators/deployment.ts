/** deployment: a version of a model moves to the stage that an endpoint follows, and is waited for until it is served. */
import { durationMs } from '../../lib/units.ts';
import type { Operator } from './operator.ts';
import { registeredVersion } from './registered-version.ts';
import { asOutputs } from './upstream-outputs.ts';

const DEFAULT_WITHIN = '2m';

export const deployment: Operator<'deployment'> = async (task, context) =>
  asOutputs(
    await context.services.deploy(
      {
        endpoint: task.endpoint,
        variant: task.variant,
        model: task.model,
        version:
          task.version ?? (task.stage === undefined ? registeredVersion(task.model, context) : undefined) ?? null,
        stage: task.stage ?? null,
        daemons: task.daemons ?? 1,
        withinMs: durationMs(task.within ?? DEFAULT_WITHIN),
      },
      context,
    ),
  );
