/**
 * Which schedules there are (of pipelines, and of feature sets that materialize by themselves) and which of their instants
 * are due, by the store's clock. Between two looks at the store its clock is followed by this process's steady one.
 */
import { digestOf } from '../lib/canonical.ts';
import type { JsonObject } from '../lib/json.ts';
import { nextInstant, nextInstants } from '../lib/schedule.ts';
import type { CanonicalPipeline, TaskOf } from '../spec/canonical-specs.ts';
import type { Trigger } from '../spec/schema-types.ts';
import { type Catalog, sourcesBelow } from '../stores/control/catalog.ts';
import type { NewRun, RunCause, RunStore } from '../stores/control/runs.ts';
import { runRules } from './rules.ts';
import { paramsOf } from './triggers.ts';

export interface Schedule {
  /** `pipeline.NAME` or `feature_set.NAME`: all crons of a pipeline share their instants, so that none runs twice. */
  readonly name: string;
  /** How far it is stands under this name: `pipeline.NAME#DIGEST` of a cron among the triggers. */
  readonly cursor: string;
  readonly cron: string;
  readonly timezone: string | undefined;
  readonly catchup: 'none' | 'last' | 'all';
  readonly overlap: 'queue' | 'skip' | 'cancel';
  readonly pipeline: CanonicalPipeline;
  /** Where it is a trigger: for the run's parameters. */
  readonly trigger?: Trigger;
}

export interface ScheduleTicker {
  begin(): Promise<void>;
  tick(): Promise<void>;
}

export interface ScheduleTickerOptions {
  readonly runs: Pick<RunStore, 'schedule' | 'advanceSchedule' | 'touchSchedules' | 'fire'>;
  readonly catalog: Catalog;
  readonly newRun: (spec: CanonicalPipeline, cause: RunCause, params: JsonObject) => Promise<NewRun>;
  readonly report: (message: string, error?: unknown) => void;
}

/** A scheduler that looked within this time was there: an instant since then was not missed. */
const MISSED_AFTER_MS = 30_000;
const TOUCH_EVERY_MS = 10_000;
/** Fired in one round; the next round goes on. */
const INSTANTS_A_ROUND = 100;

interface Known {
  readonly schedule: Schedule;
  readonly digest: string;
  /** Undefined: to be looked up. Null: none comes. */
  next: Date | null | undefined;
}

export interface CronTime {
  readonly cron: string;
  readonly timezone: string | undefined;
}

/** When a pipeline is due. */
export function cronsOf({ schedule, triggers = [] }: CanonicalPipeline): readonly CronTime[] {
  return [...(schedule === undefined ? [] : [schedule]), ...triggers].flatMap(({ cron, timezone }) =>
    cron === undefined ? [] : [{ cron, timezone }],
  );
}

/** All schedules of what is applied. */
export function schedulesOf(catalog: Catalog): readonly Schedule[] {
  const schedules: Schedule[] = [];
  for (const { name, spec } of catalog.list('pipeline')) {
    const own = `pipeline.${name}`;
    if (spec.schedule !== undefined) {
      const { cron, timezone, catchup = 'none', overlap = 'queue' } = spec.schedule;
      schedules.push({ name: own, cursor: own, cron, timezone, catchup, overlap, pipeline: spec });
    }
    for (const trigger of spec.triggers ?? []) {
      const { cron, timezone, catchup = 'none', overlap = 'queue' } = trigger;
      if (cron === undefined) continue;
      const cursor = `${own}#${digestOf({ cron, timezone: timezone ?? 'UTC' }).slice(0, 12)}`;
      schedules.push({ name: own, cursor, cron, timezone, catchup, overlap, pipeline: spec, trigger });
    }
  }
  for (const resource of catalog.list('feature_set')) {
    const { name, spec } = resource;
    if (spec.materialize?.cron === undefined) continue;
    const { cron, timezone } = spec.materialize;
    // What one round misses the next one materializes: rounds are neither queued nor caught up.
    schedules.push({
      name: `feature_set.${name}`,
      cursor: `feature_set.${name}`,
      cron,
      timezone,
      catchup: 'last',
      overlap: 'skip',
      pipeline: materializationOf(name, sourcesBelow(catalog, resource)),
    });
  }
  return schedules;
}

/** What a feature set's own schedule runs: its sources as they are now, one after the other, then the set. */
export function materializationOf(featureSet: string, sources: readonly string[]): CanonicalPipeline {
  const ingestions = sources.map((source, index): [string, TaskOf<'data_ingestion'>] => [
    `ingest_${index + 1}`,
    { operator: 'data_ingestion', source, needs: index === 0 ? [] : [`ingest_${index}`], retry: { limit: 2 } },
  ]);
  const needs = sources.length === 0 ? [] : [`ingest_${sources.length}`];
  return {
    name: `feature_set.${featureSet}`,
    tasks: {
      ...Object.fromEntries(ingestions),
      materialize: { operator: 'feature_materialization', featureSets: [featureSet], needs, retry: { limit: 2 } },
    },
  };
}

export function createScheduleTicker(options: ScheduleTickerOptions): ScheduleTicker {
  const { runs, catalog } = options;
  let known = new Map<string, Known>();
  let revision = -1;
  let clock = { at: 0, steady: 0 };
  let touchedAt = Number.NEGATIVE_INFINITY;

  function readCatalog(): void {
    if (catalog.revision === revision) return;
    revision = catalog.revision;
    const next = new Map<string, Known>();
    for (const schedule of schedulesOf(catalog)) {
      const digest = digestOf({ cron: schedule.cron, timezone: schedule.timezone ?? 'UTC' });
      const before = known.get(schedule.cursor);
      next.set(schedule.cursor, { schedule, digest, next: before?.digest === digest ? before.next : undefined });
    }
    known = next;
    touchedAt = Number.NEGATIVE_INFINITY;
  }

  async function tick(): Promise<void> {
    readCatalog();
    for (const entry of known.values()) {
      if (entry.next === undefined || (entry.next !== null && entry.next.getTime() <= now())) await look(entry);
    }
    if (performance.now() - touchedAt >= TOUCH_EVERY_MS) {
      setClock(await runs.touchSchedules([...known.keys()]));
      touchedAt = performance.now();
    }
  }

  const now = (): number => clock.at + (performance.now() - clock.steady);
  const setClock = (at: Date): void => {
    clock = { at: at.getTime(), steady: performance.now() };
  };

  async function look(entry: Known): Promise<void> {
    const { schedule } = entry;
    const stand = await runs.schedule(schedule.cursor, entry.digest);
    setClock(stand.now);
    const due = nextInstants(schedule.cron, schedule.timezone, stand.cursor, {
      until: stand.now,
      limit: INSTANTS_A_ROUND,
    });
    const missed = stand.now.getTime() - stand.checkedAt.getTime() > MISSED_AFTER_MS;
    if (missed && schedule.catchup !== 'all') {
      // All that were missed, however many: `last` runs the last of them.
      const last = schedule.catchup === 'last' ? lastBefore(schedule, stand.cursor, stand.now) : undefined;
      if (last !== undefined) await fire(schedule, last);
      await runs.advanceSchedule(schedule.cursor, stand.now);
      entry.next = nextInstant(schedule.cron, schedule.timezone, stand.now) ?? null;
      return;
    }
    for (const instant of due) {
      await fire(schedule, instant);
      await runs.advanceSchedule(schedule.cursor, instant);
    }
    entry.next = nextInstant(schedule.cron, schedule.timezone, due.at(-1) ?? stand.cursor) ?? null;
  }

  async function fire(schedule: Schedule, instant: Date): Promise<void> {
    const cause: RunCause = { kind: 'schedule', who: null, schedule: schedule.name, instant: instant.toISOString() };
    const params = schedule.trigger === undefined ? {} : paramsOf(schedule.trigger, { instant: instant.toISOString() });
    const run = await options.newRun(schedule.pipeline, cause, params);
    const outcome = await runs.fire({ name: schedule.name, instant, overlap: schedule.overlap }, run, runRules);
    const at = `${schedule.name} at ${instant.toISOString()}`;
    if (outcome === 'skipped') options.report(`${at} is skipped: the run before is still under way`);
    else if (outcome === 'open') options.report(`${at} is skipped: the breaker is open`);
    else if (outcome !== undefined) options.report(`${at}: run ${outcome.runId}`);
  }

  return {
    begin: async () => {
      await catalog.refresh();
      readCatalog();
    },
    tick,
  };
}

/** The last instant in (after, until], however many there are. */
function lastBefore(schedule: Schedule, after: Date, until: Date): Date | undefined {
  let last: Date | undefined;
  for (let windowMs = 60_000; ; windowMs *= 4) {
    const from = new Date(Math.max(after.getTime(), until.getTime() - windowMs));
    last = nextInstants(schedule.cron, schedule.timezone, from, { until, limit: 100_000 }).at(-1);
    if (last !== undefined || from.getTime() === after.getTime()) return last;
  }
}
