/**
 * What was to be there and is not: instants of schedules whose pipeline has `expect`, runs that nobody scheduled, feature
 * sets with `expect.freshness`. Each is told once. Two daemons that look at once write the same keys.
 */
import { digestOf } from '../lib/canonical.ts';
import { nextInstant, nextInstants } from '../lib/schedule.ts';
import { durationMs } from '../lib/units.ts';
import type { NotifyRule, PipelineExpect } from '../spec/schema-types.ts';
import type { InstantOutcome, NewNotification, NotificationStore } from '../stores/control/notifications.ts';
import { freshMessage, lateMessage, lateRunMessage, type SetFreshness, staleMessage } from './messages.ts';
import { channelsFor, type NotifySettings } from './rules.ts';

/** A schedule of a pipeline that expects something. */
export interface ExpectingSchedule {
  /** `pipeline.NAME`: the crons of a pipeline share their instants. */
  readonly name: string;
  /** How far it is looked at stands under this name: `pipeline.NAME#DIGEST` of a cron among the triggers. */
  readonly cursor: string;
  readonly cron: string;
  readonly timezone: string | undefined;
  readonly pipeline: string;
  readonly expect: PipelineExpect;
  readonly notify: readonly NotifyRule[] | null;
}

export interface LatenessOptions {
  readonly store: NotificationStore;
  readonly settings: NotifySettings;
  /** Those of what is applied now. */
  readonly schedules: () => readonly ExpectingSchedule[];
  /** Whether a pipeline that is applied expects `within`: without one no run is looked at. */
  readonly expectsWithin: () => boolean;
  /** Of sets with `expect.freshness` that have rows. */
  readonly freshness: () => Promise<readonly SetFreshness[]>;
  /** Only goes forward. */
  readonly nowMs: () => number;
}

const INSTANTS_A_LOOK = 500;
const RUNS_A_LOOK = 100;
const LOOK_AT_RUNS_MS = 5_000;
const LOOK_AT_SETS_MS = 30_000;
/** Nothing can be due sooner than this says; the schedules may change meanwhile. */
const LOOK_AT_INSTANTS_MS = 60_000;

export interface Lateness {
  /** Looks at what may be late by now. */
  look(): Promise<void>;
}

export function createLateness(options: LatenessOptions): Lateness {
  const { store, settings, nowMs } = options;
  /** By schedule: the digest that was looked at, and when it is to be looked at again. */
  const nextLooks = new Map<string, { readonly digest: string; readonly at: number }>();
  let runsAt = Number.NEGATIVE_INFINITY;
  let setsAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    for (const schedule of options.schedules()) await lookAtSchedule(schedule);
    if (nowMs() - runsAt >= LOOK_AT_RUNS_MS) {
      runsAt = nowMs();
      if (options.expectsWithin()) await lookAtRuns();
    }
    if (nowMs() - setsAt >= LOOK_AT_SETS_MS) {
      setsAt = nowMs();
      await lookAtSets();
    }
  }

  async function lookAtSchedule(schedule: ExpectingSchedule): Promise<void> {
    const { cursor, cron, timezone, expect } = schedule;
    const digest = digestOf({ cron, timezone: timezone ?? 'UTC', expect: { ...expect } });
    const known = nextLooks.get(cursor);
    if (known?.digest === digest && nowMs() < known.at) return;
    const { until, now } = await store.judgedUntil(cursor, digest);
    const due: Date[] = [];
    let waitMs = LOOK_AT_INSTANTS_MS;
    for (const instant of nextInstants(cron, timezone, until, { until: now, limit: INSTANTS_A_LOOK })) {
      const deadline = deadlineOf(instant, expect, timezone);
      if (deadline > now) {
        waitMs = Math.min(waitMs, deadline.getTime() - now.getTime() + 1);
        break;
      }
      due.push(instant);
    }
    if (due.length > 0) await judge(schedule, due);
    nextLooks.set(cursor, { digest, at: due.length === INSTANTS_A_LOOK ? nowMs() : nowMs() + waitMs });
  }

  async function judge(schedule: ExpectingSchedule, due: readonly Date[]): Promise<void> {
    const { name, cursor, pipeline, expect, timezone, notify } = schedule;
    const outcomes = await store.instantOutcomes(name, due);
    const late = outcomes.filter((outcome) => !inTime(outcome, deadlineOf(outcome.instant, expect, timezone)));
    // Of many that were missed together, when no daemon ran for instance, the last is told.
    const last = late.at(-1);
    if (last !== undefined) {
      const message = lateMessage({
        ...last,
        pipeline,
        deadline: deadlineOf(last.instant, expect, timezone),
        others: late.length - 1,
      });
      const key = `late/${name}/${last.instant.toISOString()}`;
      await add({ key, kind: 'late', subject: `pipeline.${pipeline}`, runId: last.runId, message }, notify);
    }
    const newest = due.at(-1) as Date;
    // What is there by now, late as it came, is not missed any more.
    const isLate = last?.instant.getTime() === newest.getTime() && last.status !== 'succeeded';
    await store.recordState(expectationOf(cursor), isLate ? `late ${newest.toISOString()}` : 'in time');
    await store.judged(cursor, newest);
  }

  async function lookAtRuns(): Promise<void> {
    for (const run of await store.overdueRuns(RUNS_A_LOOK)) {
      await add(
        {
          key: `late/run/${run.runId}`,
          kind: 'late',
          subject: `pipeline.${run.pipeline}`,
          runId: run.runId,
          message: lateRunMessage(run),
        },
        run.notify,
      );
    }
  }

  async function lookAtSets(): Promise<void> {
    const wanted = [...channelsFor('late', null, settings), ...channelsFor('recovered', null, settings)];
    if (wanted.length === 0) return;
    for (const found of await options.freshness()) {
      const subject = `feature_set.${found.set}`;
      const state = found.ageMs > found.limitMs ? 'late' : 'fresh';
      const change = await store.recordState(subject, state);
      if (change.before === state || (change.before === null && state === 'fresh')) continue;
      const [kind, message] =
        state === 'late' ? (['late', staleMessage(found)] as const) : (['recovered', freshMessage(found)] as const);
      await add({ key: `${kind}/${subject}/${change.since.toISOString()}`, kind, subject, runId: null, message }, null);
    }
  }

  async function add(
    notification: Omit<NewNotification, 'channel'> & { readonly kind: 'late' | 'recovered' },
    own: readonly NotifyRule[] | null,
  ): Promise<void> {
    const channels = channelsFor(notification.kind, own, settings);
    await store.add(channels.map((channel) => ({ ...notification, channel })));
  }

  return { look };
}

/** Under which it is remembered whether the last instant of a schedule came in time. */
export const expectationOf = (cursor: string): string => `expect.${cursor}`;

function deadlineOf(instant: Date, { within, by }: PipelineExpect, timezone: string | undefined): Date {
  if (within !== undefined) return new Date(instant.getTime() + durationMs(within));
  const [hour = '0', minute = '0'] = (by ?? '00:00').split(':');
  return nextInstant(`${Number(minute)} ${Number(hour)} * * *`, timezone, instant) ?? instant;
}

function inTime({ status, finishedAt }: InstantOutcome, deadline: Date): boolean {
  return status === 'succeeded' && finishedAt !== null && finishedAt <= deadline;
}
