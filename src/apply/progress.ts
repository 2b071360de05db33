/** The events of an apply as lines for people. It remembers what it showed: one view an apply. */
import { assertNever } from '../lib/assert.ts';
import { secondsInWords } from '../lib/units.ts';
import { createPaint } from '../plan/render/paint.ts';
import type { ApplyEvent, StepAction } from './events.ts';
import type { Progress } from './pace.ts';

const DOING: Readonly<Record<StepAction, string>> = { create: 'creating', update: 'updating', delete: 'destroying' };
const DID: Readonly<Record<StepAction, string>> = { create: 'created', update: 'updated', delete: 'destroyed' };
const SYMBOL: Readonly<Record<StepAction, string>> = { create: '+', update: '~', delete: '-' };

export interface ProgressOptions {
  readonly color: boolean;
  /** Also a line when a step starts. Default: only when it ends. */
  readonly starts?: boolean;
  /**
   * Now and then a line of how far it is, for where no status line is redrawn: each twentieth of the steps, of twenty steps
   * at least. Default true.
   */
  readonly milestones?: boolean;
}

/** Undefined where an event is nothing to print; may be several lines. */
export function createProgress(options: ProgressOptions): (event: ApplyEvent) => string | undefined {
  const line = createLines(options);
  const { milestones = true } = options;
  let next = 0;
  return (event) => {
    const text = line(event);
    if (!milestones || !('etaSeconds' in event) || event.type === 'step_started') return text;
    const apart = Math.max(20, Math.ceil(event.total / 20));
    if (next === 0) next = apart;
    if (event.done < next || event.done === event.total) return text;
    next = (Math.floor(event.done / apart) + 1) * apart;
    return `${text}\n${createPaint(options.color).faint(`${event.done} of ${event.total} steps done, ${timeLeft(event)}`)}`;
  };
}

/** `about 3 min left`. */
export function timeLeft({ etaSeconds }: Pick<Progress, 'etaSeconds'>): string {
  return etaSeconds === null ? 'time left not known yet' : `about ${secondsInWords(etaSeconds)} left`;
}

function createLines({ color, starts = false }: ProgressOptions): (event: ApplyEvent) => string | undefined {
  const paint = createPaint(color);
  const position = ({ done, total }: Progress): string =>
    paint.faint(`[${String(done).padStart(String(total).length)}/${total}]`);
  return (event) => {
    switch (event.type) {
      case 'waiting_for_lock':
        return paint.severity(
          'warning',
          `Waiting for the lock: held for ${secondsInWords(event.heldSeconds)} by ${event.who} (${event.operation}), lease ends ${event.leaseEndsAt}. Ctrl-C ends the wait.`,
        );
      case 'apply_started':
        return undefined;
      case 'step_started':
        return starts ? `  ${event.address} ${DOING[event.action]}: ${event.reason}` : undefined;
      case 'step_done': {
        const symbol = paint.actions([event.action], SYMBOL[event.action]);
        const version = event.outputs['version'];
        const what = `${didWhat(event)}${typeof version === 'number' ? ` (version ${version})` : ''}`;
        return `${position(event)} ${symbol} ${event.address} ${what} ${paint.faint(`in ${event.elapsedMs} ms`)}`;
      }
      case 'step_failed':
        return `${position(event)} ${paint.severity('error', '!')} ${event.address} ${paint.severity('error', `failed: ${event.code === null ? '' : `${event.code} `}${event.message}`)}`;
      case 'step_skipped':
        return `${position(event)} ${paint.faint('·')} ${event.address} ${paint.severity('warning', `skipped because ${event.because} failed`)}`;
      case 'interrupting':
        return paint.severity('warning', INTERRUPTING[event.cause]);
      case 'lock_left':
        return paint.severity(
          'warning',
          `The lock could not be given back; it ends by itself within half a minute, or by hand: mlops unlock ${event.lockId}`,
        );
      case 'apply_ended': {
        const rest = [
          ...(event.failed === 0 ? [] : [`${event.failed} failed`]),
          ...(event.skipped === 0 ? [] : [`${event.skipped} skipped`]),
          ...(event.remaining === 0 ? [] : [`${event.remaining} not started`]),
        ];
        return `${paint.strong(HEADS[event.outcome])} ${[`${event.done} done`, ...rest].join(', ')}.${
          event.outcome === 'succeeded' ? '' : ' Apply again to go on from here.'
        }`;
      }
      default:
        return assertNever(event, 'event');
    }
  };
}

function didWhat({ action, previousAddress, edited }: Extract<ApplyEvent, { readonly type: 'step_done' }>): string {
  if (previousAddress === undefined) return DID[action];
  return `renamed from ${previousAddress}${edited === true ? ` and ${DID[action]}` : ''}`;
}

const INTERRUPTING = {
  signal: 'Interrupted: finishing the steps in hand, then stopping. Interrupt again to stop now.',
  lock_lost: 'The lock was lost: finishing the steps in hand, then stopping.',
  journal: 'Nothing more can be recorded: finishing the steps in hand, then stopping.',
} as const;

const HEADS = {
  succeeded: 'Apply complete:',
  failed: 'Apply failed in part:',
  interrupted: 'Apply interrupted:',
} as const;
