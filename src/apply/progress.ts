/** The events of an apply as lines for people. It counts as it goes: one view an apply. */
import { assertNever } from '../lib/assert.ts';
import { createPaint } from '../plan/render/paint.ts';
import type { ApplyEvent, StepAction } from './events.ts';

const DOING: Readonly<Record<StepAction, string>> = { create: 'creating', update: 'updating', delete: 'destroying' };
const DID: Readonly<Record<StepAction, string>> = { create: 'created', update: 'updated', delete: 'destroyed' };
const SYMBOL: Readonly<Record<StepAction, string>> = { create: '+', update: '~', delete: '-' };

export interface ProgressOptions {
  readonly color: boolean;
  /** Also a line when a step starts. Default: only when it ends. */
  readonly starts?: boolean;
}

/** Undefined where an event is nothing to print. */
export function createProgress({ color, starts = false }: ProgressOptions): (event: ApplyEvent) => string | undefined {
  const paint = createPaint(color);
  let total = 0;
  let ended = 0;
  const position = (): string => {
    ended += 1;
    return paint.faint(`[${String(ended).padStart(String(total).length)}/${total}]`);
  };
  return (event) => {
    switch (event.type) {
      case 'apply_started':
        total = event.steps;
        return undefined;
      case 'step_started':
        return starts ? `  ${event.address} ${DOING[event.action]}: ${event.reason}` : undefined;
      case 'step_done': {
        const symbol = paint.actions([event.action], SYMBOL[event.action]);
        const version = event.outputs['version'];
        const what = `${DID[event.action]}${typeof version === 'number' ? ` (version ${version})` : ''}`;
        return `${position()} ${symbol} ${event.address} ${what} ${paint.faint(`in ${event.elapsedMs} ms`)}`;
      }
      case 'step_failed':
        return `${position()} ${paint.severity('error', '!')} ${event.address} ${paint.severity('error', `failed: ${event.code === null ? '' : `${event.code} `}${event.message}`)}`;
      case 'step_skipped':
        return `${position()} ${paint.faint('·')} ${event.address} ${paint.severity('warning', `skipped because ${event.because} failed`)}`;
      case 'interrupting':
        return paint.severity(
          'warning',
          event.cause === 'signal'
            ? 'Interrupted: finishing the steps in hand, then stopping. Interrupt again to stop now.'
            : 'The lock was lost: finishing the steps in hand, then stopping.',
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

const HEADS = {
  succeeded: 'Apply complete:',
  failed: 'Apply failed in part:',
  interrupted: 'Apply interrupted:',
} as const;
