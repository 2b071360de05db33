/** How an apply stands, in one line no wider than the terminal. It follows the events: one view an apply. */
import { secondsInWords } from '../lib/units.ts';
import type { Address } from '../spec/address.ts';
import type { ApplyEvent } from './events.ts';
import { timeLeft } from './progress.ts';

export interface StatusLine {
  follow(event: ApplyEvent, nowMs: number): void;
  /** Undefined where there is nothing to show: before the first step, and once it has ended. */
  text(nowMs: number, width: number): string | undefined;
}

export function createStatusLine(): StatusLine {
  const inHand = new Map<Address, number>();
  let startedMs: number | undefined;
  let waiting: { readonly who: string; readonly since: number } | undefined;
  let at:
    | { readonly done: number; readonly total: number; readonly etaSeconds: number | null; readonly asOf: number }
    | undefined;

  return {
    follow: (event, nowMs) => {
      if (event.type === 'waiting_for_lock') waiting = { who: event.who, since: waiting?.since ?? nowMs };
      else waiting = undefined;
      if (event.type === 'apply_started') startedMs = nowMs;
      if (event.type === 'apply_ended') startedMs = undefined;
      if (event.type === 'step_started') inHand.set(event.address, nowMs);
      if (event.type === 'step_done' || event.type === 'step_failed') inHand.delete(event.address);
      if ('etaSeconds' in event)
        at = { done: event.done, total: event.total, etaSeconds: event.etaSeconds, asOf: nowMs };
    },
    text: (nowMs, width) => {
      if (waiting !== undefined)
        return fitted(
          `waiting for the lock of ${waiting.who} · ${secondsInWords((nowMs - waiting.since) / 1000)}`,
          width,
        );
      if (startedMs === undefined || at === undefined) return undefined;
      const sinceThen = (nowMs - at.asOf) / 1000;
      const etaSeconds = at.etaSeconds === null ? null : Math.max(0, at.etaSeconds - sinceThen);
      const [longest] = [...inHand].sort((a, b) => a[1] - b[1]);
      const now =
        longest === undefined
          ? []
          : [
              `${longest[0]} ${secondsInWords((nowMs - longest[1]) / 1000)}${inHand.size > 1 ? ` and ${inHand.size - 1} more` : ''}`,
            ];
      const parts = [
        `${at.done}/${at.total}`,
        timeLeft({ etaSeconds }),
        `${secondsInWords((nowMs - startedMs) / 1000)} so far`,
      ];
      return fitted([...parts, ...now].join(' · '), width);
    },
  };
}

/** One column stays free: a full line would wrap, and what wraps cannot be redrawn. */
function fitted(text: string, width: number): string {
  const room = Math.max(1, width - 1);
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}
