/** What is told of each event, in words. Pure. */
import { secondsInWords } from '../lib/units.ts';
import type { NotificationMessage, OpenRun, RunEnd } from '../stores/control/notifications.ts';
import type { RunCause } from '../stores/control/runs.ts';

const ERROR_CHARACTERS = 600;

export function runEndMessage(end: RunEnd, event: 'failed' | 'recovered' | 'succeeded'): NotificationMessage {
  const took = end.startedAt === null ? null : (end.at.getTime() - end.startedAt.getTime()) / 1000;
  const titles = { failed: 'failed', recovered: 'works again', succeeded: 'succeeded' } as const;
  const severities = { failed: 'error', recovered: 'success', succeeded: 'success' } as const;
  return {
    title: `${end.pipeline} ${titles[event]}`,
    text: event === 'failed' ? problemsText(end) : event === 'recovered' ? recoveredText(end) : '',
    severity: severities[event],
    fields: [
      { name: 'Run', value: end.runId },
      { name: 'Cause', value: causeText(end.cause) },
      ...(took === null ? [] : [{ name: 'Took', value: secondsInWords(took) }]),
      ...(event === 'failed' ? [{ name: 'Look', value: `mlops runs show ${end.runId}` }] : []),
    ],
    data: {
      pipeline: end.pipeline,
      run_id: end.runId,
      status: end.status,
      cause: { ...end.cause },
      created_at: end.createdAt.toISOString(),
      started_at: end.startedAt?.toISOString() ?? null,
      finished_at: end.at.toISOString(),
      problems: end.problems.map((problem) => ({ ...problem })),
      more_problems: end.moreProblems,
    },
  };
}

/** Of a failure that opened the breaker. */
export function breakerMessage({ pipeline, runId, breaker }: RunEnd): NotificationMessage {
  const failures = breaker?.failures ?? 0;
  const until = breaker === null ? null : new Date(breaker.until);
  return {
    title: `${pipeline} is paused`,
    text: `${failures} ${failures === 1 ? 'run' : 'runs'} failed in a row: nothing starts it by itself until ${until === null ? 'its pause is over' : minute(until)}; then one run tries.`,
    severity: 'error',
    fields: [
      { name: 'Run', value: runId },
      { name: 'Look', value: `mlops pipelines show ${pipeline}` },
      { name: 'Go on at once', value: `mlops pipelines reset ${pipeline}` },
    ],
    data: { pipeline, run_id: runId, failures, until: until?.toISOString() ?? null },
  };
}

function recoveredText({ before, wasLate }: RunEnd): string {
  if (before !== 'failed') return 'It was late, and is there now.';
  return wasLate ? 'The run before this one had failed, and it was late.' : 'The run before this one had failed.';
}

function problemsText({ problems, moreProblems }: RunEnd): string {
  const lines = problems.map(({ task, status, error }) => `${task}: ${error === null ? status : cut(error)}`);
  if (moreProblems > 0) lines.push(`and ${moreProblems} more`);
  return lines.join('\n');
}

export interface LateInstant {
  readonly pipeline: string;
  readonly instant: Date;
  readonly deadline: Date;
  /** How many instants before it were missed too and are not told by themselves. */
  readonly others: number;
  readonly runId: string | null;
  readonly status: string | null;
  readonly finishedAt: Date | null;
}

export function lateMessage(late: LateInstant): NotificationMessage {
  const { pipeline, instant, deadline, runId, status, finishedAt, others } = late;
  const what =
    runId === null
      ? 'No run was made of it: no scheduler was there, or the run was skipped.'
      : status === 'succeeded'
        ? `Its run was done only at ${minute(finishedAt ?? deadline)}.`
        : status === 'queued'
          ? 'Its run has not started: there is no worker, or no room for it.'
          : status === 'running'
            ? 'Its run is still at work.'
            : `Its run ${status === 'failed' ? 'failed' : `is ${status}`}.`;
  const more = others === 0 ? '' : `\nSo ${others === 1 ? 'is the instant' : `are the ${others} instants`} before it.`;
  return {
    title: `${pipeline} is late`,
    text: `What was due at ${minute(instant)} was not there by ${minute(deadline)}. ${what}${more}`,
    severity: 'warning',
    fields: runId === null ? [] : [{ name: 'Run', value: runId }],
    data: {
      pipeline,
      instant: instant.toISOString(),
      deadline: deadline.toISOString(),
      run_id: runId,
      status,
      others,
    },
  };
}

export function lateRunMessage(run: OpenRun): NotificationMessage {
  return {
    title: `${run.pipeline} is late`,
    text: `A run that was to be done within ${run.expect.within ?? ''} is still at work.`,
    severity: 'warning',
    fields: [
      { name: 'Run', value: run.runId },
      { name: 'Cause', value: causeText(run.cause) },
      { name: 'Since', value: minute(run.createdAt) },
    ],
    data: {
      pipeline: run.pipeline,
      run_id: run.runId,
      cause: { ...run.cause },
      created_at: run.createdAt.toISOString(),
      within: run.expect.within ?? null,
    },
  };
}

export interface SetFreshness {
  readonly set: string;
  readonly ageMs: number;
  readonly limitMs: number;
}

export function staleMessage({ set, ageMs, limitMs }: SetFreshness): NotificationMessage {
  return {
    title: `${set} is late`,
    text: `Its newest row is ${secondsInWords(ageMs / 1000)} old; ${secondsInWords(limitMs / 1000)} are allowed.`,
    severity: 'warning',
    fields: [],
    data: { feature_set: set, age_seconds: Math.round(ageMs / 1000), limit_seconds: limitMs / 1000 },
  };
}

export function freshMessage({ set, ageMs, limitMs }: SetFreshness): NotificationMessage {
  return {
    title: `${set} is fresh again`,
    text: `Its newest row is ${secondsInWords(ageMs / 1000)} old.`,
    severity: 'success',
    fields: [],
    data: { feature_set: set, age_seconds: Math.round(ageMs / 1000), limit_seconds: limitMs / 1000 },
  };
}

function causeText({ kind, who, schedule, instant }: RunCause): string {
  const words = [kind.replaceAll('_', ' ')];
  if (who !== null) words.push(`by ${who}`);
  if (schedule !== null && kind !== 'schedule') words.push(`of ${schedule}`);
  if (instant !== null) words.push(`of ${instant}`);
  return words.join(' ');
}

/** `2026-01-31 06:00 UTC`. */
const minute = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function cut(text: string): string {
  return text.length <= ERROR_CHARACTERS ? text : `${text.slice(0, ERROR_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
