/**
 * Backfills: a pipeline over the instants that its schedule has in a range. Which instants are run is decided by one function,
 * for the preview and at the moment when one's turn has come alike.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { nextInstants } from '../lib/schedule.ts';
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { BackfillPlan, BackfillRecord, BackfillStore, Decide, Reprocess } from '../stores/control/backfills.ts';
import { isRunEnded } from '../stores/control/run-states.ts';
import type { NewRun, RunCause } from '../stores/control/runs.ts';
import { runParams } from './new-run.ts';
import { runRules } from './rules.ts';
import { cronsOf } from './schedules.ts';

export interface BackfillRequest {
  readonly spec: CanonicalPipeline;
  /** Both ends count. */
  readonly from: Date;
  readonly to: Date;
  readonly params?: JsonObject | undefined;
  /** Default 1. */
  readonly concurrency?: number | undefined;
  /** The newest instant first. Default false. */
  readonly backwards?: boolean | undefined;
  /** Default none. */
  readonly reprocess?: Reprocess | undefined;
  readonly who: string;
  readonly idempotencyKey?: string | undefined;
}

/** What a backfill would do now. */
export interface BackfillPreview extends Omit<BackfillPlan, 'spec' | 'gitCommit'> {
  /** In the order in which they would be run. */
  readonly instants: readonly {
    readonly instant: Date;
    readonly run: boolean;
    /** Why it is not run, or is run again. */
    readonly why: string | null;
    /** The newest run that it has. */
    readonly runId: string | null;
  }[];
}

export interface Backfills {
  /** PL240 for a range that holds no instant, too many, or some that are yet to come; PL205 for a parameter. Writes nothing. */
  preview(request: BackfillRequest): Promise<BackfillPreview>;
  /** The same refusals. The daemon's scheduler, or one that runs here, starts its runs. */
  start(request: BackfillRequest): Promise<BackfillRecord>;
  /** PL241. */
  get(backfillId: string): Promise<BackfillRecord>;
  list: BackfillStore['list'];
  /** PL241. One that ended is left as it is. */
  cancel(backfillId: string, who: string): Promise<BackfillRecord>;
  /** One round: each open backfill starts what it may. */
  tick(): Promise<void>;
}

export interface BackfillsOptions {
  readonly store: BackfillStore;
  readonly newId: () => string;
  readonly gitCommit: () => Promise<string | null>;
  readonly newRun: (backfill: Pick<BackfillPlan, 'spec' | 'params' | 'gitCommit'>, cause: RunCause) => NewRun;
  readonly report: (message: string, error?: unknown) => void;
}

/** More are no backfill that anybody looks over. */
const MOST_INSTANTS = 10_000;

/** `undefined`: the instant has no run. */
export function decide(reprocess: Reprocess): Decide {
  return (standing) => {
    if (standing === undefined) return { run: true, why: null };
    const { runId, status } = standing;
    if (!isRunEnded(status)) return { run: false, why: `run ${runId} of it is under way` };
    if (reprocess === 'all') return { run: true, why: `again: run ${runId} ${status}` };
    if (status === 'succeeded') return { run: false, why: `run ${runId} succeeded` };
    return reprocess === 'failed'
      ? { run: true, why: `again: run ${runId} ${status}` }
      : { run: false, why: `run ${runId} ${status}; --reprocess failed runs it again` };
  };
}

/** All instants of the pipeline's crons from `from` to `to`, both included, each once. PL240. */
export function instantsOf(spec: CanonicalPipeline, from: Date, to: Date, backwards: boolean): readonly Date[] {
  const address = `pipeline.${spec.name}`;
  const refuse = (detail: string, hint?: string): MlopsError =>
    new MlopsError('PL240', { detail, hint, address, status: 422 });
  const crons = cronsOf(spec);
  if (crons.length === 0)
    throw refuse(
      `${address} has no schedule, so there are no instants to fill.`,
      'start it with parameters: mlops run',
    );
  if (from > to) throw refuse(`The range begins at ${from.toISOString()}, after its end at ${to.toISOString()}.`);
  const found = new Set<number>();
  for (const { cron, timezone } of crons) {
    // The begin counts: what is looked for comes after the millisecond before it.
    const after = new Date(from.getTime() - 1);
    for (const instant of nextInstants(cron, timezone, after, { until: to, limit: MOST_INSTANTS + 1 }))
      found.add(instant.getTime());
  }
  if (found.size === 0) throw refuse(`${address} has no instant from ${from.toISOString()} to ${to.toISOString()}.`);
  if (found.size > MOST_INSTANTS)
    throw refuse(`The range holds more than ${MOST_INSTANTS} instants of ${address}.`, 'fill it in parts');
  const order = [...found].sort((a, b) => (backwards ? b - a : a - b));
  return order.map((time) => new Date(time));
}

export function createBackfills({ store, newId, gitCommit, newRun, report }: BackfillsOptions): Backfills {
  async function preview(request: BackfillRequest): Promise<BackfillPreview> {
    const { spec, from, to, concurrency = 1, backwards = false, reprocess = 'none' } = request;
    const params = runParams(spec, request.params ?? {});
    const instants = instantsOf(spec, from, to, backwards);
    const { now, runs } = await store.standings(spec.name, instants);
    const ahead = instants.filter((instant) => instant > now);
    if (ahead.length > 0) {
      throw new MlopsError('PL240', {
        detail: `${ahead.length} of the instants of pipeline.${spec.name} are yet to come; it is ${now.toISOString()}.`,
        hint: 'end the range before now: its schedule runs what comes',
        address: `pipeline.${spec.name}`,
        status: 422,
      });
    }
    const decision = decide(reprocess);
    return {
      pipeline: spec.name,
      params,
      from,
      to,
      concurrency,
      backwards,
      reprocess,
      instants: instants.map((instant) => {
        const standing = runs.get(instant.toISOString());
        return { instant, ...decision(standing), runId: standing?.runId ?? null };
      }),
    };
  }

  async function found(backfill: Promise<BackfillRecord | undefined>, backfillId: string): Promise<BackfillRecord> {
    const record = await backfill;
    if (record !== undefined) return record;
    throw new MlopsError('PL241', {
      detail: `There is no backfill ${backfillId}.`,
      hint: 'list them: mlops backfills list',
      status: 404,
    });
  }

  return {
    preview,
    start: async (request) => {
      const { instants, ...plan } = await preview(request);
      return store.create({
        ...plan,
        spec: request.spec,
        gitCommit: await gitCommit(),
        backfillId: newId(),
        who: request.who,
        idempotencyKey: request.idempotencyKey ?? null,
        instants: instants.map(({ instant }) => instant),
      });
    },
    get: (backfillId) => found(store.get(backfillId), backfillId),
    list: (filter) => store.list(filter),
    cancel: (backfillId, who) => found(store.cancel(backfillId, who, runRules), backfillId),
    tick: async () => {
      for (const backfill of await store.open()) {
        const { backfillId, who, reprocess } = backfill;
        try {
          await store.step(
            backfillId,
            decide(reprocess),
            (instant) =>
              newRun(backfill, {
                kind: 'backfill',
                who,
                schedule: `pipeline.${backfill.pipeline}`,
                instant: instant.toISOString(),
                backfill: backfillId,
              }),
            runRules,
          );
        } catch (error) {
          report(`the backfill ${backfillId} cannot go on; it is tried again`, error);
        }
      }
    },
  };
}
