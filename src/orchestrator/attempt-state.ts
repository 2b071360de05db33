/** What an attempt has to work with, and what is known of it while it runs. */
import type { JsonObject } from '../lib/json.ts';
import type { Redact } from '../lib/redact.ts';
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import { type Where, whereOf } from '../spec/where-tasks-run.ts';
import type { AttemptUsage } from '../stores/control/attempt-usage.ts';
import type { RunArtifact } from '../stores/control/run-artifacts.ts';
import type { FanOut, RunDefinition } from '../stores/control/runs.ts';
import type { HeldAttempt } from './held-attempt.ts';
import type { InCluster } from './in-cluster.ts';
import type { OperatorContext } from './operators/operator.ts';
import type { runOperator } from './operators/operators.ts';
import type { ProcessRunnerOptions } from './runners/process-runner.ts';
import type { OperatorServices } from './services.ts';
import type { Recall, TaskCache } from './task-cache.ts';
import { createTimeLimit, type TimeLimit } from './time-limit.ts';
import { createUsageGatherer, type UsageGatherer } from './usage.ts';

/** The same for all attempts of a worker. */
export interface AttemptTools {
  readonly services: OperatorServices;
  /** Outputs of the tasks named that succeeded. */
  readonly outputsOf: (attempt: HeldAttempt, tasks: readonly string[]) => Promise<Readonly<Record<string, JsonObject>>>;
  readonly runOperator: typeof runOperator;
  readonly processOf: (attempt: HeldAttempt) => ProcessRunnerOptions;
  readonly keepArtifact: (attempt: HeldAttempt, artifact: Omit<RunArtifact, 'task'>) => Promise<void>;
  /** Of the project. */
  readonly root: string;
  readonly waited: (attempt: HeldAttempt) => Promise<boolean>;
  readonly newestRun: OperatorContext['newestRun'];
  readonly children: OperatorContext['children'];
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly random: () => number;
  /** Where results that may be taken over are kept. Default: nowhere. */
  readonly cache?: TaskCache | undefined;
  /** How long an operator that was told to end may take before it is left to itself. */
  readonly abandonAfterMs: number;
}

const asItIs: Redact = (text) => text;

/** What is known of an attempt while it runs. What few attempts need comes to be when it is asked for. */
export class Attempt {
  redact: Redact = asItIs;
  fanOut: FanOut | undefined;
  readonly recall: Recall = { reused: null };
  readonly began: number = performance.now();
  readonly held: HeldAttempt;
  readonly run: RunDefinition;
  readonly tools: AttemptTools;
  /** Where the environment names a cluster. */
  readonly cluster: InCluster | undefined;
  readonly where: Where;
  private limit: TimeLimit | undefined;
  private used: UsageGatherer | undefined;

  constructor(
    held: HeldAttempt,
    run: RunDefinition,
    tools: AttemptTools,
    cluster: InCluster | undefined,
    task: CanonicalTask | undefined,
  ) {
    this.held = held;
    this.run = run;
    this.tools = tools;
    this.cluster = cluster;
    this.where = task === undefined ? 'daemon' : (cluster?.where ?? whereOf(task, false));
  }

  /** A limit begins to count, so much of it being over; undefined: there is none. */
  limitBegins(limitMs: number | undefined, elapsedMs = 0): void {
    if (limitMs === undefined) return;
    this.limit ??= createTimeLimit(() => this.held.stop('timed_out'));
    this.limit.begin(limitMs, elapsedMs);
  }

  get passedMs(): number | undefined {
    return this.limit?.passedMs;
  }

  limitsEnd(): void {
    this.limit?.clear();
  }

  get usage(): UsageGatherer {
    this.used ??= createUsageGatherer();
    return this.used;
  }

  tookMs(): number {
    return performance.now() - this.began;
  }

  took(tookMs: number): AttemptUsage {
    const wallSeconds = tookMs / 1000;
    return this.used?.total(wallSeconds) ?? { cpuSeconds: null, peakMemoryBytes: null, wallSeconds };
  }
}
