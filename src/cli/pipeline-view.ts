/** A pipeline as it stands, for people. */
import type { PipelineStatus } from '../compose/views.ts';
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
  const { pipeline, lastRun, sensors, events } = status;
  const starts = startsText(status);
  return [
    `pipeline    ${pipeline}`,
    `last run    ${lastRun === null ? '-' : `${lastRun.runId} ${lastRun.status}`}`,
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
  ].join('\n');
}
