/** Why there is a run, in a line. */
import type { RunRecord } from '../compose/views.ts';

export function causeText({ kind, who, instant, event, backfill }: RunRecord['cause']): string {
  if (event !== undefined) {
    const { subject, at, detail, events } = event;
    const more = Object.entries(detail)
      .filter(([name, value]) => TOLD.includes(name) && value !== null)
      .map(([name, value]) => `${name.replaceAll('_', ' ')} ${String(value)}`);
    const others = events > 1 ? `, the newest of ${events} events` : '';
    return `${kind}: ${[subject, ...more].join(', ')}${at === null ? '' : ` at ${at}`}${others}`;
  }
  if (kind === 'schedule') return `schedule ${instant ?? ''}`;
  const by = who === null ? '' : ` by ${who}`;
  return backfill === undefined ? `${kind}${by}` : `backfill ${backfill}${by}, ${instant ?? ''}`;
}

/** Of an event's detail. The subject says the rest. */
const TOLD = ['version', 'to', 'run_id', 'status', 'newest', 'after', 'delivery'];
