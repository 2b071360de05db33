/**
 * Events become runs: those of materializations, promotions and ends of runs, which are written where they happen, and those of
 * sensors and webhooks. Any number of schedulers may run: the store lets each event be handled once.
 */

import { MlopsError } from '../lib/error.ts';
import { compileExpression } from '../lib/expression.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { Trigger } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { NewRun, RunCause } from '../stores/control/runs.ts';
import type { Sensed, TriggerEvent, TriggerRef, TriggerStore } from '../stores/control/triggers.ts';
import { runRules } from './rules.ts';

/** Looks at a file, a table or a query; compose passes it in. `seen`: what it saw last, null for the first look. */
export type Sense = (trigger: Trigger, seen: JsonValue, signal: AbortSignal) => Promise<Sensed>;

export interface TriggersOptions {
  readonly store: TriggerStore;
  readonly catalog: Catalog;
  readonly sense: Sense | undefined;
  readonly newRun: (spec: CanonicalPipeline, cause: RunCause, params: JsonObject) => Promise<NewRun>;
  readonly report: (message: string, error?: unknown) => void;
}

export interface Triggers {
  /** One round: events that wait become runs, and sensors whose time has come look. `events`: false where none waits. */
  tick(signal: AbortSignal, waiting?: { readonly events: boolean }): Promise<void>;
}

const EVENTS_A_ROUND = 500;
const TIDY_EVERY_MS = 60_000;
/** How long an event is kept once it was handled, and with it the key that tells a repeated webhook. */
const EVENTS_KEPT_DAYS = 30;
/** Events of a kind that come while a run that it started is under way become one run after it. */
const COALESCED: ReadonlySet<string> = new Set(['materialized', 'sensor']);

export function createTriggers(options: TriggersOptions): Triggers {
  const { store, catalog, report } = options;
  const lookAt = new Map<string, number>();
  let tidiedAt = Number.NEGATIVE_INFINITY;
  let looking = false;

  async function dispatch(): Promise<void> {
    for (const group of together(await store.waiting(EVENTS_A_ROUND))) {
      const [event] = group.slice(-1);
      if (event === undefined) continue;
      try {
        await start(event, group);
      } catch (error) {
        if (!(error instanceof MlopsError) || error.retryable) {
          report(`what ${event.subject} starts of ${event.pipeline} is tried again`, error);
          continue;
        }
        report(`${event.subject} starts no run of ${event.pipeline}`, error);
        await store.handle(ids(group), { outcome: 'refused', why: error.message }, runRules);
      }
    }
  }

  /** The newest of a group is the cause. */
  async function start(event: TriggerEvent, group: readonly TriggerEvent[]): Promise<void> {
    let recorded = catalog.get('pipeline', event.pipeline);
    if (recorded === undefined) {
      await catalog.refresh();
      recorded = catalog.get('pipeline', event.pipeline);
    }
    if (recorded === undefined) {
      await store.handle(ids(group), { outcome: 'refused', why: 'the pipeline is gone' }, runRules);
      return;
    }
    const params = paramsOf(event.spec, { ...event.detail, subject: event.subject, at: event.at.toISOString() });
    const run = await options.newRun(recorded.spec, causeOf(event, group.length), params);
    if (await store.handle(ids(group), { run }, runRules))
      report(`${event.subject} (${event.kind}) starts ${run.pipeline}: run ${run.runId}`);
  }

  async function look(signal: AbortSignal): Promise<void> {
    const { sense } = options;
    const sensors = sense === undefined ? [] : sensorsOf(catalog);
    const now = performance.now();
    for (const sensor of sensors) {
      const key = `${sensor.pipeline} ${JSON.stringify(sensor.spec)}`;
      if ((lookAt.get(key) ?? 0) > now || signal.aborted) continue;
      const everyMs = durationMs(sensor.spec.every ?? '1m');
      lookAt.set(key, now + everyMs);
      const taken = await store.takeLook(sensor, everyMs);
      if (taken === undefined || sense === undefined) continue;
      try {
        await store.sensed(sensor, taken.seen, await sense(sensor.spec, taken.seen, signal));
      } catch (error) {
        if (signal.aborted) return;
        const why = error instanceof MlopsError ? error.detail : 'it cannot be looked at';
        await store.blind(sensor, why);
        report(`a trigger of ${sensor.pipeline} cannot look; it looks again in ${everyMs / 1000} s`, error);
      }
    }
    if (now - tidiedAt < TIDY_EVERY_MS) return;
    tidiedAt = now;
    await store.keepSensors(sensors);
    await store.prune(EVENTS_KEPT_DAYS);
  }

  return {
    tick: async (signal, { events } = { events: true }) => {
      if (events) await dispatch();
      // What is slow to answer keeps back no round of the scheduler.
      if (looking) return;
      looking = true;
      void look(signal)
        .catch((error: unknown) => {
          if (!signal.aborted) report('triggers cannot look; they try again', error);
        })
        .finally(() => {
          looking = false;
        });
    },
  };
}

/** The file, table and query triggers of what is applied. */
function sensorsOf(catalog: Catalog): readonly TriggerRef[] {
  return catalog
    .list('pipeline')
    .flatMap(({ name, spec }) =>
      (spec.triggers ?? [])
        .filter((trigger) => (trigger.file ?? trigger.table ?? trigger.query) !== undefined)
        .map((trigger) => ({ pipeline: name, spec: trigger })),
    );
}

/** Events that become one run stand together; each other stands alone. In order of the oldest. */
function together(events: readonly TriggerEvent[]): readonly (readonly TriggerEvent[])[] {
  const groups = new Map<string, TriggerEvent[]>();
  for (const event of events) {
    const coalesce = event.spec.coalesce ?? COALESCED.has(event.kind);
    const key = coalesce ? `${event.pipeline} ${JSON.stringify(event.spec)}` : `${event.id}`;
    const group = groups.get(key) ?? [];
    group.push(event);
    groups.set(key, group);
  }
  return [...groups.values()];
}

const ids = (events: readonly TriggerEvent[]): readonly number[] => events.map(({ id }) => id);

export function causeOf(event: TriggerEvent, events: number): RunCause {
  const { id, kind, subject, at, detail } = event;
  return {
    kind,
    who: null,
    schedule: null,
    instant: null,
    event: { id, subject, at: at.toISOString(), detail, events },
  };
}

/** The run's parameters, by the trigger's expressions over the event. SP114, PL205. */
export function paramsOf({ params = {} }: Trigger, event: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(params).map(([name, text]) => {
      const value = compileExpression(text, ['event'], { documents: true }).evaluate({ event });
      return [name, value as JsonValue];
    }),
  );
}
