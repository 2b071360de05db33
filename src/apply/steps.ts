/** The steps of one change, in order: one, or two for a replace. Each is intent → effect → outcome. */
import type { Clock } from '../lib/clock.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Redact } from '../lib/redact.ts';
import type { Change } from '../plan/change.ts';
import type { CanonicalSpecs } from '../spec/canonical-specs.ts';
import type { Kind } from '../spec/kinds.ts';
import type { ApplyJournal, HeldLock, StepIntent } from '../stores/control/state.ts';
import type { ApplyEvent, StepAction } from './events.ts';
import { describeFailure, StepError } from './failure.ts';
import type { Handler, HandlerContext } from './handlers/handler.ts';
import { HANDLERS } from './handlers/table.ts';
import type { Pace } from './pace.ts';

export interface StepTools {
  readonly lock: HeldLock;
  readonly journal: ApplyJournal;
  readonly context: HandlerContext;
  readonly onEvent: (event: ApplyEvent) => void;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly redact: Redact;
}

/**
 * Throws StepError when an effect fails, what the journal throws when it cannot be written, and AP101 where the lock is
 * not held any more.
 */
export async function runSteps(change: Change, tools: StepTools): Promise<void> {
  const steps = stepsOf(change);
  for (const [index, action] of steps.entries()) {
    try {
      await runStep(change, action, tools);
    } catch (error) {
      if (error instanceof StepError) tools.pace.dropped(steps.length - index - 1);
      throw error;
    }
  }
}

export function stepsOf(change: Change): readonly StepAction[] {
  return change.actions.filter((action) => action === 'create' || action === 'update' || action === 'delete');
}

async function runStep(
  change: Change,
  action: StepAction,
  { lock, journal, context, onEvent, pace, clock, redact }: StepTools,
): Promise<void> {
  const { address } = change;
  const intent = intentOf(change, action);
  const startedAt = clock.now().getTime();
  lock.assertHeld();
  pace.started(address, startedAt);
  onEvent({ type: 'step_started', address, action, reason: change.reason, ...pace.at(startedAt) });
  await journal.intent(intent);
  // A process that was stopped meanwhile may wake up after its lease: another may be at work by now.
  lock.assertHeld();
  let outputs: JsonObject;
  try {
    outputs = await effectOf(change, action, intent.spec, context);
  } catch (error) {
    const failure = describeFailure(address, error, redact);
    await journal.failed(address, failure.message, failure.code);
    const now = clock.now().getTime();
    pace.ended(address, now);
    onEvent({
      type: 'step_failed',
      address,
      action,
      code: failure.code,
      message: failure.message,
      ...pace.at(now),
    });
    throw new StepError(failure, error);
  }
  await journal.done(address, outputs);
  const now = clock.now().getTime();
  pace.ended(address, now);
  const renamed =
    change.previousAddress === null ? {} : { previousAddress: change.previousAddress, edited: isEdited(change) };
  onEvent({ type: 'step_done', address, action, ...renamed, outputs, elapsedMs: now - startedAt, ...pace.at(now) });
}

/** Beside its name. */
function isEdited({ diffs }: Change): boolean {
  return diffs.some(({ path }) => path !== '/name' && path !== '/movedFrom');
}

function intentOf(change: Change, action: StepAction): StepIntent {
  const { address, kind, name, digest, protect, reason } = change;
  const spec = (action === 'delete' ? change.before : change.after) ?? change.after ?? {};
  return { address, kind, name, action, spec, digest, dependsOn: change.dependsOn, protect, reason };
}

async function effectOf<K extends Kind>(
  { kind, observed = {} }: Pick<Change, 'observed'> & { readonly kind: K },
  action: StepAction,
  spec: JsonObject,
  context: HandlerContext,
): Promise<JsonObject> {
  const handler: Handler<K> = HANDLERS[kind];
  // A plan holds canonical specs: ajv checked them when they were loaded, the digest when the plan was read from a file.
  const canonical = spec as unknown as CanonicalSpecs[K];
  if (action !== 'delete') return handler.put(canonical, context, observed);
  await handler.remove(canonical, context);
  return {};
}
