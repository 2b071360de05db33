/** One attempt at one task, from its lease to what is to be recorded of its end. */
import { systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { type Redact, redactor } from '../lib/redact.ts';
import { resolveEnv, secretsIn } from '../lib/secret.ts';
import { durationMs, sizeBytes } from '../lib/units.ts';
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import { type Where, whereOf } from '../spec/where-tasks-run.ts';
import type { Deferral } from '../stores/control/deferrals.ts';
import type { RunArtifact } from '../stores/control/run-artifacts.ts';
import type { AttemptStatus } from '../stores/control/run-states.ts';
import type { AttemptEnd, FanOut, Lease, RunDefinition, TaskProgress } from '../stores/control/runs.ts';
import { AttemptStopped, type StopReason } from './attempt-stopped.ts';
import { Deferred } from './deferred.ts';
import { fillTask, readByTemplates } from './fill-task.ts';
import type { InCluster } from './in-cluster.ts';
import { asksItems, fanOutOf, itemIndex, specTask, specTaskName } from './items.ts';
import type { OperatorContext } from './operators/operator.ts';
import type { runOperator } from './operators/operators.ts';
import { retryVerdict } from './retry.ts';
import { HandedOver } from './runners/handed-over.ts';
import { type ProcessRunnerOptions, runProcess } from './runners/process-runner.ts';
import { noCluster } from './runners/where.ts';
import type { OperatorServices } from './services.ts';
import { memoryOf, type Recall, reusedData, type TaskCache } from './task-cache.ts';
import { type Outlook, TaskFailure } from './task-failure.ts';
import type { TaskLog } from './task-log.ts';
import { createTimeLimit } from './time-limit.ts';
import { ancestorsOf } from './upstream.ts';
import { createUsageGatherer, type UsageGatherer } from './usage.ts';

export interface AttemptOptions {
  readonly lease: Lease;
  readonly run: RunDefinition;
  readonly services: OperatorServices;
  /** Outputs of the tasks named that succeeded. */
  readonly outputsOf: (tasks: readonly string[]) => Promise<Readonly<Record<string, JsonObject>>>;
  readonly runOperator: typeof runOperator;
  readonly process: ProcessRunnerOptions;
  /** Where the environment names a cluster. */
  readonly cluster?: InCluster | undefined;
  readonly keepArtifact: (artifact: Omit<RunArtifact, 'task'>) => Promise<void>;
  readonly taskLog: TaskLog;
  readonly waited: OperatorContext['waited'];
  readonly newestRun: OperatorContext['newestRun'];
  readonly children: OperatorContext['children'];
  readonly progress: (progress: TaskProgress) => void;
  readonly controller: AbortController;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly random: () => number;
  /** Where results that may be taken over are kept. Default: nowhere. */
  readonly cache?: TaskCache | undefined;
  /** How long an operator that was told to end may take before it is left to itself. */
  readonly abandonAfterMs: number;
}

/** Failures that trying again cannot mend. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'MD202',
  'PL206',
  'SP110',
  'PL220',
  'PL221',
  'PL225',
  'SP114',
  'PL230',
  'PL233',
]);

/** Undefined where the lease was lost: then there is nothing to record. A deferral: there is nothing to do yet. */
export async function runAttempt(options: AttemptOptions): Promise<AttemptEnd | Deferral | undefined> {
  const { lease, run, controller, taskLog } = options;
  const task = specTask(run.spec, lease.task);
  const where = task === undefined ? 'daemon' : (options.cluster?.where ?? whereOf(task, false));
  const timeLimit = createTimeLimit(() => controller.abort(new AttemptStopped('timed_out')));
  timeLimit.begin(lease.deadlineInMs ?? undefined);
  const timeoutMs = task?.timeout === undefined ? undefined : durationMs(task.timeout);
  // In a cluster it counts from the start of the pod.
  if (where !== 'kubernetes') timeLimit.begin(timeoutMs);
  const began = performance.now();
  const usage = createUsageGatherer();
  const recall: Recall = { reused: null };
  let redact: Redact = (text) => text;
  let fanOut: FanOut | undefined;
  let ended: {
    status: AttemptStatus;
    exitCode: number | null;
    error: string | null;
    outputs: JsonObject | null;
    final: boolean;
    busy?: Outlook['busy'];
    data: JsonObject;
  };
  try {
    if (task === undefined) throw new MlopsError('PL203', { detail: `The run's pipeline has no task ${lease.task}.` });
    redact = redactor(secretsIn(task, options.variables));
    if (task.forEach !== undefined && lease.item === undefined) {
      const found = await findItems(task, options);
      fanOut = found;
      taskLog.write('out', `${found.items.length} items\n`);
    }
    const begun = (elapsedMs: number): void => timeLimit.begin(timeoutMs, elapsedMs);
    const outputs =
      fanOut === undefined ? await operate(task, redact, options, { usage, begun, where, recall }) : undefined;
    ended = {
      status: 'succeeded',
      exitCode: null,
      error: null,
      // Without items there is nothing to wait for.
      outputs:
        outputs === undefined
          ? ((fanOut?.items ?? []).map(() => null) as unknown as JsonObject)
          : cleaned(outputs, redact),
      final: true,
      data: reusedData(recall),
    };
  } catch (error) {
    if (error instanceof HandedOver) return undefined;
    const stopped = controller.signal.aborted ? (controller.signal.reason as unknown) : undefined;
    if (stopped === undefined && error instanceof Deferred) return error.deferral;
    if (stopped instanceof AttemptStopped) {
      if (stopped.reason === 'lost') return undefined;
      ended = { ...stoppedEnd(stopped.reason, timeLimit.passedMs), final: false, data: {} };
    } else {
      ended = failedEnd(error, redact);
    }
    if (ended.error !== null) taskLog.write('system', `${ended.status}: ${ended.error}\n`);
  } finally {
    timeLimit.clear();
  }
  const left = lease.deadlineInMs === null ? null : lease.deadlineInMs - (performance.now() - began);
  const isStop =
    controller.signal.aborted &&
    (controller.signal.reason as AttemptStopped).reason === 'stopped' &&
    ended.status === 'crashed';
  const verdict = isStop
    ? ({ retryInMs: 0, counts: 'nothing' } as const)
    : retryVerdict(task?.retry, lease, ended, left, options.random);
  return {
    runId: lease.runId,
    task: lease.task,
    attempt: lease.attempt,
    status: ended.status,
    exitCode: ended.exitCode,
    error: ended.error,
    outputs: ended.outputs,
    data: ended.data,
    usage: usage.total((performance.now() - began) / 1000),
    retryInMs: ended.final ? null : verdict.retryInMs,
    counts: verdict.counts,
    fanOut: ended.status === 'succeeded' ? fanOut : undefined,
  };
}

/** What the expressions of `forEach` and of the items' condition read. */
async function findItems(task: CanonicalTask, { lease, run, outputsOf, cluster }: AttemptOptions): Promise<FanOut> {
  const reads = typeof task.forEach === 'string' || asksItems(task);
  const outputs = reads ? await outputsOf(ancestorsOf(run.spec, lease.task)) : {};
  return fanOutOf(task, lease, run, outputs, cluster !== undefined);
}

interface Measures {
  readonly usage: UsageGatherer;
  /** A program in a cluster started so long ago. */
  readonly begun: (elapsedMs: number) => void;
  readonly where: Where;
  readonly recall: Recall;
}

async function operate(
  written: CanonicalTask,
  redact: Redact,
  options: AttemptOptions,
  { usage, begun, where, recall }: Measures,
): Promise<JsonObject> {
  const { lease, run, controller, taskLog } = options;
  const { signal } = controller;
  const asked = readByTemplates(written);
  const ancestors = readsNothing(written) && asked?.size === 0 ? [] : ancestorsOf(run.spec, specTaskName(lease.task));
  const read = ancestors.filter(
    (name) => asked === undefined || asked.has(name) || readsInputs(written, run.spec.tasks[name]),
  );
  const inputs = read.length === 0 ? {} : await options.outputsOf(read);
  signal.throwIfAborted();
  const instant = run.cause.instant === null ? run.createdAt : new Date(run.cause.instant);
  const task = fillTask(written, {
    params: run.params,
    outputs: inputs,
    run: { id: lease.runId, pipeline: lease.pipeline, cause: run.cause.kind, instant: instant.toISOString() },
    item: lease.item,
    index: itemIndex(lease.task) ?? undefined,
  });
  const env = resolvedEnv(task, options.variables);
  const attempt = {
    runId: lease.runId,
    pipeline: lease.pipeline,
    task: lease.task,
    attempt: lease.attempt,
    params: run.params,
    inputs,
    instant: run.cause.instant,
    ancestors,
    traceparent: run.cause.traceparent,
    signal,
    taskLog,
    env: env.values,
    secrets: env.secrets,
    memoryBytes: task.resources?.memory === undefined ? undefined : sizeBytes(task.resources.memory),
    onUsage: usage.add,
    gpus: lease.gpus,
    item: lease.item,
    index: itemIndex(lease.task),
  };
  const memory = memoryOf(task, { lease, run, inputs }, options.cache, taskLog);
  // A Job that is adopted is at work already.
  const known = 'job' in lease ? undefined : await memory.find(recall);
  if (known !== undefined) return known;
  signal.throwIfAborted();
  const work = options.runOperator(task, {
    signal,
    log: (line) => taskLog.write('out', `${redact(line)}\n`),
    resolve: (value) => resolveEnv(value, options.variables),
    progress: options.progress,
    runId: lease.runId,
    pipeline: lease.pipeline,
    task: lease.task,
    attempt: lease.attempt,
    params: run.params,
    instant,
    pipelineSpec: run.spec,
    cause: run.cause,
    root: options.process.root,
    now: systemClock.now(),
    waited: options.waited,
    newestRun: options.newestRun,
    children: options.children,
    item: lease.item,
    index: itemIndex(lease.task),
    ancestors,
    inputs,
    gitCommit: run.gitCommit,
    services: options.services,
    keepArtifact: (path, stored) => options.keepArtifact({ path, ...stored }),
    runProcess: (process, use) => {
      if (where !== 'kubernetes') return runProcess(process, attempt, options.process, use);
      if (options.cluster === undefined) throw noCluster(lease.task, lease.pipeline);
      return options.cluster.run(process, { ...attempt, spec: task, deadlineInMs: lease.deadlineInMs }, begun, use);
    },
  });
  const outputs = await patient(work, signal, options.abandonAfterMs);
  await memory.keep();
  return outputs;
}

/** Operators that work on data alone need little of the tasks before them; in a large graph all would be much to read. */
function readsNothing(task: CanonicalTask): boolean {
  return task.operator === 'data_ingestion' || task.operator === 'data_validation' || task.operator === 'sql_query';
}

function readsInputs(task: CanonicalTask, before: CanonicalTask | undefined): boolean {
  if (readsNothing(task)) return false;
  return task.operator !== 'feature_materialization' || before?.operator === 'sql_query';
}

/** As `work`; but an operator that does not heed the signal is not waited for longer than that. */
async function patient<T>(work: Promise<T>, signal: AbortSignal, abandonAfterMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let abandon = (): void => {};
  const abandoned = new Promise<never>((_, reject) => {
    abandon = () => {
      timer = setTimeout(() => reject(signal.reason), abandonAfterMs);
    };
  });
  abandoned.catch(() => {});
  work.catch(() => {});
  if (signal.aborted) abandon();
  else signal.addEventListener('abort', abandon, { once: true });
  try {
    return await Promise.race([work, abandoned]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abandon);
  }
}

/** Secrets are looked up now, at the start of the attempt; only their references were ever stored. */
function resolvedEnv(
  task: CanonicalTask,
  variables: Readonly<Record<string, string | undefined>>,
): { readonly values: Readonly<Record<string, string>>; readonly secrets: readonly string[] } {
  const spec = 'env' in task ? (task.env ?? {}) : {};
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec)) values[name] = resolveEnv(value, variables);
  return { values, secrets: secretsIn(task, variables) };
}

function stoppedEnd(reason: Exclude<StopReason, 'lost'>, timeLimit: number | undefined) {
  const end = { exitCode: null, outputs: null };
  switch (reason) {
    case 'cancelled':
      return { ...end, status: 'cancelled' as const, error: 'cancelled' };
    case 'timed_out':
      return { ...end, status: 'timed_out' as const, error: `not done within ${seconds(timeLimit ?? 0)} s` };
    case 'stopped':
      return { ...end, status: 'crashed' as const, error: 'its worker was stopped; the task goes back to the queue' };
  }
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}

function failedEnd(error: unknown, redact: Redact) {
  const message = clean(redact(error instanceof Error ? error.message : String(error)));
  const end = { error: message === '' ? 'it failed without a message' : message, outputs: null };
  if (error instanceof TaskFailure)
    return {
      ...end,
      status: error.status,
      exitCode: error.exitCode,
      final: error.outlook.final ?? false,
      busy: error.outlook.busy,
      data: {},
    };
  if (error instanceof MlopsError) {
    // The control store was away: our fault, not the task's.
    const status = error.code === 'ST101' ? ('crashed' as const) : ('failed' as const);
    const data: JsonObject = {
      code: error.code,
      ...(error.hint === undefined ? {} : { hint: clean(redact(error.hint)) }),
    };
    return { ...end, status, exitCode: null, final: FINAL_CODES.has(error.code), data };
  }
  return { ...end, status: 'failed' as const, exitCode: null, final: false, data: {} };
}

/** What Postgres cannot hold in a text: NUL and halves of surrogate pairs. */
function clean(text: string): string {
  return text.replaceAll('\u0000', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}

function cleaned(outputs: JsonObject, redact: Redact): JsonObject {
  const visit = (value: JsonValue | undefined): JsonValue => {
    if (value === undefined) return null;
    if (typeof value === 'string') return clean(redact(value));
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(visit);
    return visitObject(value as JsonObject);
  };
  const visitObject = (object: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [clean(redact(key)), visit(value)]));
  return visitObject(outputs);
}
