/** The orchestrator's door: runs are submitted, watched, cancelled and tried again here; the daemon starts its two loops. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { BackfillStore } from '../stores/control/backfills.ts';
import type { BreakerStanding, BreakerStore } from '../stores/control/breakers.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { DeferralStore } from '../stores/control/deferrals.ts';
import { type Limits, NO_LIMITS } from '../stores/control/limits.ts';
import type { RunArtifact, RunArtifactStore } from '../stores/control/run-artifacts.ts';
import type { RunFeed } from '../stores/control/run-feed.ts';
import type { RunFiguresNow, RunFiguresStore } from '../stores/control/run-figures.ts';
import type {
  Demand,
  NewRun,
  RunCause,
  RunEvent,
  RunFilter,
  RunRecord,
  RunStore,
  RunSummary,
  TaskProgress,
} from '../stores/control/runs.ts';
import type { TaskCacheStore } from '../stores/control/task-cache.ts';
import type { TriggerStore } from '../stores/control/triggers.ts';
import { type BackfillRequest, type Backfills, createBackfills } from './backfills.ts';
import { createRecorder, type Figures } from './figures.ts';
import { followEvents, followLog, type LogOptions, unknownRun } from './follow.ts';
import { type FeedOptions, type FeedPart, followFeed } from './follow-feed.ts';
import { type AttemptLine, type LinesOptions, linesOf, textOf } from './follow-lines.ts';
import { machineCapacity, nodeName } from './machine.ts';
import { newRun } from './new-run.ts';
import type { runOperator } from './operators/operators.ts';
import { type PipelineStatus, pipelineStatus } from './pipeline-status.ts';
import { type PoolUse, poolsInUse } from './pools.ts';
import { createRetention } from './retention.ts';
import { runRules } from './rules.ts';
import type { KubernetesRunner } from './runners/kubernetes/kubernetes-runner.ts';
import type { ArtifactLimits } from './runners/task-artifacts.ts';
import { createScheduler, POLL_MS, type Scheduler } from './scheduler.ts';
import { createScheduleTicker } from './schedules.ts';
import { type LogSearch, type LogSearchResult, searchLogs } from './search-logs.ts';
import type { OperatorServices } from './services.ts';
import { withoutReuse } from './task-cache.ts';
import { createTriggers, type Sense } from './triggers.ts';
import { createUsageTotals, type UsageTotal } from './usage-totals.ts';
import { createHints } from './waiting.ts';
import { createWatcher } from './watcher.ts';
import { createWebhooks, type WebhookAnswer, type WebhookRequest } from './webhooks.ts';
import { createWorker, type Worker } from './worker.ts';

/** Each costs a look at its newest runs. */
const PIPELINES_TOLD = 500;
const DEFAULT_LOGS_KEPT_MS = 90 * 86_400_000;
const DEFAULT_EVENTS_KEPT_MS = 365 * 86_400_000;
const DEFAULT_ARTIFACTS_KEPT_MS = 90 * 86_400_000;

export interface OrchestratorOptions {
  readonly runs: RunStore;
  readonly backfills: BackfillStore;
  readonly triggers: TriggerStore;
  readonly breakers: BreakerStore;
  /** What triggers look at. Default: they look at nothing. */
  readonly sense?: Sense | undefined;
  readonly catalog: Catalog;
  readonly services: OperatorServices;
  readonly deferrals: DeferralStore;
  /** What a task's operator does. Default: the operators of this program. */
  readonly runOperator?: typeof runOperator | undefined;
  readonly runArtifacts: RunArtifactStore;
  readonly artifacts: Pick<ArtifactStore, 'localPath' | 'has'>;
  readonly taskCache: TaskCacheStore;
  readonly runFigures: RunFiguresStore;
  readonly runFeed: RunFeed;
  /** Absolute. Attempts of processes get their directories below it. */
  readonly workdir: string;
  /** Of the project: what relative paths of interpreters are below. Default: the working directory. */
  readonly root?: string | undefined;
  /** What tasks on this machine may use together. Default: what it has. */
  readonly capacity?: Partial<Demand> | undefined;
  /** Of what tasks share beyond machines. Default: none. */
  readonly limits?: Limits | undefined;
  /** What references in a task's `env` are looked up in, and what processes inherit the harmless part of. Normally process.env. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Programs of tasks run there unless a task says otherwise. */
  readonly kubernetes?: KubernetesRunner | undefined;
  /** The commit that the applied specs came from, for the lineage of what a run makes. */
  readonly gitCommit?: (() => Promise<string | null>) | undefined;
  /** For people: what the loops do and what goes wrong in them. */
  readonly report?: ((message: string, error?: unknown) => void) | undefined;
  readonly newId?: (() => string) | undefined;
  /** In [0, 1). */
  readonly random?: (() => number) | undefined;
  /** Deletes content that tasks of runs left, once no run refers to it. Default: nothing is deleted. */
  readonly removeFiles?: ((digests: readonly string[]) => Promise<void>) | undefined;
  readonly artifactLimits?: ArtifactLimits | undefined;
  /** How long logs, events and files of runs are kept. Default 90, 365 and 90 days. */
  readonly retention?:
    | {
        readonly logsMs?: number | undefined;
        readonly eventsMs?: number | undefined;
        readonly artifactsMs?: number | undefined;
      }
    | undefined;
  /** Tasks at once, however little they ask for. Default 32. */
  readonly maxTasks?: number | undefined;
  /** From SIGTERM to SIGKILL of a task's processes. Default 10 s. */
  readonly killGraceMs?: number | undefined;
  /** Default: this machine. Workers of one machine share its capacity. */
  readonly node?: string | undefined;
}

export interface Submission {
  /** An applied pipeline by name, or one given whole. */
  readonly pipeline: string | CanonicalPipeline;
  /** Over the pipeline's defaults. */
  readonly params?: JsonObject | undefined;
  /** Nothing is taken over from runs before, whatever the tasks' `cache` says. Default false. */
  readonly noCache?: boolean | undefined;
  readonly cause: RunCause;
  /** Submitting the same key again answers the run that it made. */
  readonly idempotencyKey?: string | undefined;
}

export type NamedBackfill = Omit<BackfillRequest, 'spec'> & { readonly pipeline: string };

export interface Orchestrator {
  /** PL201 for an unknown pipeline, PL205 for a parameter that it does not take. */
  submit(submission: Submission): Promise<RunSummary>;
  get(runId: string): Promise<RunRecord | undefined>;
  /** The pools of the environment, and what is used of them. */
  pools(): Promise<readonly PoolUse[]>;
  /** The tasks of a task's items, in order. */
  items: RunStore['items'];
  list(filter: RunFilter): Promise<{ readonly items: readonly RunSummary[]; readonly nextCursor: string | null }>;
  /** Files that its tasks left, of the tasks named or all. */
  artifacts(runId: string, tasks?: readonly string[]): Promise<readonly RunArtifact[]>;
  /** PL202 for an unknown run. A run at its end is left as it is. */
  cancel(runId: string, who: string): Promise<RunRecord>;
  /** PL202 for an unknown run, PL204 for one that is under way or succeeded. */
  retry(runId: string, who: string): Promise<RunRecord>;
  /** How far those of its tasks are that run and tell. */
  progress(runId: string): Promise<ReadonlyMap<string, TaskProgress>>;
  events(
    runId: string,
    options: { readonly signal: AbortSignal; readonly after?: number | undefined },
  ): AsyncIterable<RunEvent>;
  /** What happens to all runs, from now on or after a position. */
  feed(options: FeedOptions): AsyncGenerator<FeedPart, void, undefined>;
  /** What the task wrote, as it wrote it. */
  logs(runId: string, task: string, options: LogOptions): AsyncIterable<string>;
  /** The same as lines: those that are asked for. */
  logLines(runId: string, task: string, options: LogOptions & LinesOptions): AsyncIterable<AttemptLine>;
  /** Lines of the logs of a pipeline's runs, the newest run first, for a limited time. */
  searchLogs(search: LogSearch): Promise<LogSearchResult>;
  /** Since this daemon started. */
  usage(): readonly UsageTotal[];
  /** Likewise, of its scheduler and its worker. */
  readonly figures: Figures;
  /** How the runs, tasks and machines stand now. Fails where that takes longer. */
  standing(withinMs: number): Promise<RunFiguresNow>;
  readonly backfills: Omit<Backfills, 'preview' | 'start' | 'tick'> & {
    /** As Backfills' own, of an applied pipeline by name: PL201 for an unknown one. */
    preview(request: NamedBackfill): ReturnType<Backfills['preview']>;
    start(request: NamedBackfill): ReturnType<Backfills['start']>;
  };
  /** PL201. */
  status(pipeline: string): Promise<PipelineStatus>;
  /** How the breakers of the applied pipelines stand. */
  breakers(): Promise<readonly BreakerStanding[]>;
  /** Closes the pipeline's breaker and begins to count anew. PL201. */
  resetBreaker(pipeline: string, who: string): Promise<PipelineStatus>;
  /** PL243, PL244. */
  webhook(request: WebhookRequest): Promise<WebhookAnswer>;
  readonly scheduler: Scheduler;
  readonly worker: Worker;
  /** Stops both loops and closes what listens. */
  close(): Promise<void>;
}

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { runs, catalog } = options;
  const newId = options.newId ?? randomUUID;
  const random = options.random ?? Math.random;
  const report = options.report ?? (() => {});
  const node = options.node ?? nodeName();
  const hints = createHints(runs);
  const hasCluster = options.kubernetes !== undefined;

  async function prepare(
    spec: CanonicalPipeline,
    params: JsonObject,
    cause: RunCause,
    idempotencyKey: string | null,
  ): Promise<NewRun> {
    const gitCommit = (await options.gitCommit?.()) ?? null;
    return newRun({ runId: newId(), spec, params, cause, gitCommit, idempotencyKey, hasCluster });
  }

  async function pipelineOf(name: string): Promise<CanonicalPipeline> {
    // It may have been applied a moment ago: who applies and then runs gets what was applied.
    await catalog.refresh();
    const found = catalog.get('pipeline', name);
    if (found !== undefined) return found.spec;
    throw new MlopsError('PL201', {
      detail: `No pipeline ${JSON.stringify(name)} is applied.`,
      hint:
        didYouMean(
          name,
          catalog.list('pipeline').map((pipeline) => pipeline.name),
        ) ?? 'apply one first: mlops apply',
      status: 404,
    });
  }

  async function newestRun(pipeline: string): Promise<RunSummary | undefined> {
    return (await runs.list({ pipeline, status: 'succeeded', limit: 1 })).items[0];
  }

  async function existing(runId: string): Promise<RunRecord> {
    const run = await runs.get(runId);
    if (run === undefined) throw unknownRun(runId);
    return run;
  }

  async function cancel(runId: string, who: string): Promise<RunRecord> {
    const run = await runs.cancel(runId, who, runRules);
    if (run === undefined) throw unknownRun(runId);
    return run;
  }

  const usage = createUsageTotals();
  const recorder = createRecorder(POLL_MS);
  const worker = createWorker({
    runs,
    watch: {
      ...recorder.worker,
      ended: (lease, operator, end, seconds) => {
        usage.add(lease.pipeline, lease.task, end.usage);
        recorder.worker.ended(lease, operator, end, seconds);
      },
    },
    services: options.services,
    deferrals: options.deferrals,
    runArtifacts: options.runArtifacts,
    newestRun,
    children: {
      start: async ({ pipeline, params, cause, key }) => {
        const { run } = await runs.create(await prepare(await pipelineOf(pipeline), params, cause, key), runRules);
        return existing(run.runId);
      },
      retry: async (runId) => {
        await runs.retry(runId, 'the run that started it', runRules);
      },
    },
    runOperator: options.runOperator,
    artifactFile: (digest) => options.artifacts.localPath(digest),
    artifactLimits: options.artifactLimits,
    kubernetes: options.kubernetes,
    cache: {
      store: options.taskCache,
      isThere: async (digest) => (await options.artifacts.has(digest)) !== undefined,
      tableIsThere: (location) => options.services.tableIsThere(location),
    },
    hints,
    node,
    limits: options.limits,
    capacity: { ...machineCapacity(), ...defined(options.capacity) },
    workdir: options.workdir,
    root: options.root ?? process.cwd(),
    variables: options.variables,
    random,
    report,
    maxTasks: options.maxTasks,
    killGraceMs: options.killGraceMs,
  });
  const backfills = createBackfills({
    store: options.backfills,
    newId,
    gitCommit: async () => (await options.gitCommit?.()) ?? null,
    newRun: ({ spec, params, gitCommit }, cause) =>
      newRun({ runId: newId(), spec, params, cause, gitCommit, idempotencyKey: null, hasCluster }),
    report,
  });
  const startedBy = (spec: CanonicalPipeline, cause: RunCause, params: JsonObject): Promise<NewRun> =>
    prepare(spec, params, cause, null);
  const triggers = createTriggers({
    store: options.triggers,
    catalog,
    sense: options.sense,
    newRun: startedBy,
    report,
  });
  const webhook = createWebhooks({
    store: options.triggers,
    variables: options.variables,
    pipeline: async (name) => catalog.get('pipeline', name)?.spec,
    newRun: startedBy,
  });
  const watcher = createWatcher({
    deferrals: options.deferrals,
    runs,
    services: options.services,
    newestRun,
    root: options.root ?? process.cwd(),
    variables: options.variables,
    cancel,
    now: systemClock.now,
  });
  const scheduler = createScheduler({
    runs,
    node,
    workdir: options.workdir,
    schedules: createScheduleTicker({ runs, catalog, newRun: startedBy, report }),
    parts: [
      async (_, { runs: any }) => any && watcher.tick(),
      (signal, { events }) => triggers.tick(signal, { events }),
      async (_, { backfills: any }) => any && backfills.tick(),
      createRetention({
        runs,
        logsMs: options.retention?.logsMs ?? DEFAULT_LOGS_KEPT_MS,
        eventsMs: options.retention?.eventsMs ?? DEFAULT_EVENTS_KEPT_MS,
        artifactsMs: options.retention?.artifactsMs ?? DEFAULT_ARTIFACTS_KEPT_MS,
        runArtifacts: options.runArtifacts,
        removeFiles: async (digests) => options.removeFiles?.(digests),
      }),
    ],
    random,
    watch: recorder.scheduler,
    report,
  });

  return {
    submit: async (submission) => {
      const { pipeline } = submission;
      const spec = typeof pipeline === 'string' ? await pipelineOf(pipeline) : pipeline;
      const run = await prepare(
        submission.noCache === true ? withoutReuse(spec) : spec,
        submission.params ?? {},
        submission.cause,
        submission.idempotencyKey ?? null,
      );
      return (await runs.create(run, runRules)).run;
    },
    get: (runId) => runs.get(runId),
    pools: async () => poolsInUse(options.limits ?? NO_LIMITS, await runs.sharesInUse()),
    items: (runId, task, filter) => runs.items(runId, task, filter),
    list: (filter) => runs.list(filter),
    artifacts: (runId, tasks) => options.runArtifacts.list(runId, tasks),
    cancel,
    retry: async (runId, who) => {
      const run = await runs.retry(runId, who, runRules);
      if (run === undefined) throw unknownRun(runId);
      return run;
    },
    progress: (runId) => runs.progress(runId),
    events: (runId, { signal, after }) => followEvents(runs, hints, runId, { signal, after }),
    feed: (feedOptions) => followFeed(options.runFeed, hints, feedOptions),
    logs: (runId, task, logOptions) => textOf(followLog(runs, hints, runId, task, logOptions)),
    logLines: (runId, task, logOptions) => linesOf(followLog(runs, hints, runId, task, logOptions), logOptions),
    searchLogs: (search) => searchLogs(runs, search),
    usage: usage.list,
    figures: recorder.figures,
    standing: (withinMs) =>
      options.runFigures.read(
        catalog
          .list('pipeline')
          .slice(0, PIPELINES_TOLD)
          .map(({ name }) => name),
        withinMs,
      ),
    backfills: {
      ...backfills,
      preview: async (request) => backfills.preview({ ...request, spec: await pipelineOf(request.pipeline) }),
      start: async (request) => backfills.start({ ...request, spec: await pipelineOf(request.pipeline) }),
    },
    status: async (pipeline) => pipelineStatus(await pipelineOf(pipeline), options),
    breakers: () => options.breakers.standings(catalog.list('pipeline').map(({ spec }) => spec)),
    resetBreaker: async (pipeline, who) => {
      const spec = await pipelineOf(pipeline);
      await options.breakers.reset(spec.name, who);
      return pipelineStatus(spec, options);
    },
    webhook,
    scheduler,
    worker,
    close: async () => {
      await scheduler.stop();
      await worker.stop();
      await hints.close();
    },
  };
}

function defined(capacity: Partial<Demand> | undefined): Partial<Demand> {
  return Object.fromEntries(Object.entries(capacity ?? {}).filter(([, value]) => value !== undefined));
}
