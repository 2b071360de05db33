/** A pipeline as it stands, for people. */
import type { BreakerStanding, PipelineStatus } from '../compose/views.ts';
import { triggerText } from '../spec/triggers.ts';
import { instant, table } from './output.ts';

/** What starts it by itself. */
export function startsText({ spec }: PipelineStatus): readonly string[] {
  const { schedule, triggers = [] } = spec;
  return [
    ...(schedule === undefined ? [] : [`schedule ${schedule.cron} ${schedule.timezone ?? 'UTC'}`]),
    ...triggers.map(triggerText),
  ];
}

export function pipelineText(status: PipelineStatus): string {
  const { pipeline, lastRun, sensors, events, breaker, history } = status;
  const starts = startsText(status);
  return [
    `pipeline    ${pipeline}`,
    `last run    ${lastRun === null ? '-' : `${lastRun.runId} ${lastRun.status}`}`,
    ...(breaker === null ? [] : [`breaker     ${breakerText(breaker)}`]),
    ...(starts.length === 0 ? ['started by  hand'] : starts.map((one) => `started by  ${one}`)),
    ...sensors.flatMap(({ spec, error }) => (error === null ? [] : [`            ${triggerText(spec)}: ${error}`])),
    ...(events.length === 0
      ? []
      : [
          '',
          table(
            ['EVENT (UTC)', 'KIND', 'OF', 'OUTCOME', 'RUN'],
            events.map((event) => [
              instant(event.at),
              event.kind,
              event.subject,
              event.outcome === null ? 'waits' : event.why === null ? event.outcome : `${event.outcome}: ${event.why}`,
              event.runId ?? '-',
            ]),
          ),
        ]),
    ...(history.length === 0
      ? []
      : [
          '',
          table(
            ['AT (UTC)', 'WHAT', 'DETAIL'],
            history.map((one) => [
              instant(one.at),
              one.kind,
              Object.entries(one.detail)
                .filter(([, value]) => value !== null)
                .map(([name, value]) => `${name}=${String(value)}`)
                .join(' '),
            ]),
          ),
        ]),
  ].join('\n');
}

/** `closed, 2 of 3 failures`, `open until 2026-01-31 14:05:09, 4 runs skipped`. */
export function breakerText({ state, failures, allowed, until, probeRun, skipped }: BreakerStanding): string {
  const kept = skipped === 0 ? '' : `, ${skipped} ${skipped === 1 ? 'run' : 'runs'} skipped`;
  if (state === 'closed') return `closed, ${failures} of ${allowed} failures`;
  if (state === 'open') return `open until ${instant(until)}${kept}`;
  return `half open, ${probeRun === null ? 'the next run tries' : `run ${probeRun} tries`}${kept}`;
}
