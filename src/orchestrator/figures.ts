/** What this daemon's scheduler and worker did since it started, as a monitoring system asks for it now and then. */
import {
  type Cell,
  type CounterView,
  createCounter,
  createHistogram,
  type Distribution,
  type HistogramView,
} from '../lib/instruments.ts';
import type { AttemptEnd } from '../stores/control/runs.ts';
import type { SchedulerWatch } from './scheduler.ts';
import type { WorkerWatch } from './worker-options.ts';

export interface Figures {
  /** Attempts that ended, by pipeline, operator and outcome. */
  readonly outcomes: CounterView;
  /** Attempts after which the task is tried again, by pipeline and operator. */
  readonly retries: CounterView;
  /** Seconds from the start of an attempt to its end, by pipeline and operator. */
  readonly durations: HistogramView;
  /** Seconds from the moment when a task could run to its start, by operator. */
  readonly dispatch: HistogramView;
  /** Leases that this worker lost: it was silent for too long. */
  readonly leasesLost: CounterView;
  /** Leases that this scheduler took from workers that were gone. */
  readonly leasesRecovered: CounterView;
  /** Rounds of this scheduler, and what went wrong in them. */
  readonly rounds: HistogramView;
  readonly roundErrors: CounterView;
  /**
   * How many seconds later than it should be the last round began, or the next one is by now: a slow store and a busy event loop
   * show here. Null: no scheduler runs here.
   */
  lagSeconds(): number | null;
}

const TASK_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 43_200, 86_400] as const;
const DISPATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1_800, 3_600] as const;
const ROUND_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30] as const;

export interface Recorder {
  readonly figures: Figures;
  readonly worker: WorkerWatch;
  readonly scheduler: SchedulerWatch;
}

/** `pollMs`: from a round of the scheduler to the next. */
export function createRecorder(pollMs: number, nowMs: () => number = () => performance.now()): Recorder {
  const outcomes = createCounter();
  const retries = createCounter();
  const durations = createHistogram(TASK_SECONDS, 500);
  const dispatch = createHistogram(DISPATCH_SECONDS);
  const leasesLost = createCounter();
  const leasesRecovered = createCounter();
  const rounds = createHistogram(ROUND_SECONDS);
  const roundErrors = createCounter();
  for (const counter of [leasesLost, leasesRecovered, roundErrors]) counter.add({}, 0);
  let begunAt: number | undefined;
  let lateMs = 0;

  /** What is counted of a kind of task is found once: there are many ends and few kinds. */
  const endCells = new Map<string, { readonly outcome: Cell; readonly duration: Distribution }>();
  const dispatchCells = new Map<string, Distribution>();

  function ended(pipeline: string, operator: string, { status, retryInMs }: AttemptEnd): Distribution {
    const cells = kept(endCells, `${pipeline} ${operator} ${status}`, () => ({
      outcome: outcomes.cell({ pipeline, operator, outcome: status }),
      duration: durations.cell({ pipeline, operator }),
    }));
    cells.outcome.value += 1;
    if (retryInMs !== null) retries.add({ pipeline, operator });
    return cells.duration;
  }

  return {
    figures: {
      outcomes,
      retries,
      durations,
      dispatch,
      leasesLost,
      leasesRecovered,
      rounds,
      roundErrors,
      lagSeconds: () => (begunAt === undefined ? null : Math.max(lateMs, nowMs() - begunAt - pollMs, 0) / 1000),
    },
    worker: {
      started: ({ waitedSeconds }, operator) => {
        if (waitedSeconds === null) return;
        dispatch.into(
          kept(dispatchCells, operator, () => dispatch.cell({ operator })),
          waitedSeconds,
        );
      },
      ended: ({ pipeline }, operator, end, seconds) => {
        durations.into(ended(pipeline, operator, end), end.usage?.wallSeconds ?? seconds);
      },
      lost: () => leasesLost.add({}),
    },
    scheduler: {
      begin: () => {
        const now = nowMs();
        lateMs = begunAt === undefined ? 0 : Math.max(0, now - begunAt - pollMs);
        begunAt = now;
        return () => rounds.observe({}, (nowMs() - now) / 1000);
      },
      failed: () => roundErrors.add({}),
      recovered: (pipeline, operator, end) => {
        leasesRecovered.add({});
        ended(pipeline, operator, end);
      },
    },
  };
}

const CELLS_KEPT = 5_000;

function kept<T>(cells: Map<string, T>, key: string, make: () => T): T {
  const found = cells.get(key);
  if (found !== undefined) return found;
  const made = make();
  if (cells.size < CELLS_KEPT) cells.set(key, made);
  return made;
}
