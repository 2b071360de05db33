/** One attempt at one task, from its lease to what is to be recorded of its end. */
import { systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { type Redact, redactor } from '../lib/redact.ts';
import { resolveEnv, secretsIn } from '../lib/secret.ts';
import { durationMs, sizeBytes } from '../lib/units.ts';
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import { type Where, whereOf } from '../spec/where-tasks-run.ts';
import type { Deferral } from '../stores/control/deferrals.ts';
import type { RunArtifact } from '../stores/control/run-artifacts.ts';
import type { AttemptEnd, FanOut, RunDefinition } from '../stores/control/runs.ts';
import { type AttemptOutcome, cleaned, failedEnd, stoppedEnd } from './attempt-ends.ts';
import { Deferred } from './deferred.ts';
import { fillTask, readByTemplates } from './fill-task.ts';
import { findItems, instantOf, withoutItems } from './find-items.ts';
import type { HeldAttempt } from './held-attempt.ts';
import type { InCluster } from './in-cluster.ts';
import { itemIndex, specTask, specTaskName } from './items.ts';
import type { OperatorContext } from './operators/operator.ts';
import type { runOperator } from './operators/operators.ts';
import { retryVerdict } from './retry.ts';
import { HandedOver } from './runners/handed-over.ts';
import { type ProcessRunnerOptions, runProcess } from './runners/process-runner.ts';
import { noCluster } from './runners/where.ts';
import type { OperatorServices } from './services.ts';
import { memoryOf, type Recall, reusedData, type TaskCache } from './task-cache.ts';
import { createTimeLimit, type TimeLimit } from './time-limit.ts';
import { ancestorsOf } from './upstream.ts';
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

interface Attempt {
  readonly held: HeldAttempt;
  readonly run: RunDefinition;
  readonly tools: AttemptTools;
  /** Where the environment names a cluster. */
  readonly cluster: InCluster | undefined;
  readonly where: Where;
  readonly usage: UsageGatherer;
  readonly recall: Recall;
  readonly timeLimit: TimeLimit;
  redact: Redact;
  fanOut: FanOut | undefined;
}

/** Undefined where the lease was lost: then there is nothing to record. A deferral: there is nothing to do yet. */
export async function runAttempt(
  held: HeldAttempt,
  run: RunDefinition,
  tools: AttemptTools,
  cluster: InCluster | undefined,
): Promise<AttemptEnd | Deferral | undefined> {
  const { lease } = held;
  const task = withoutItems(specTask(run.spec, lease.task), lease);
  const where = task === undefined ? 'daemon' : (cluster?.where ?? whereOf(task, false));
  const timeLimit = createTimeLimit(() => held.stop('timed_out'));
  timeLimit.begin(lease.deadlineInMs ?? undefined);
  // In a cluster it counts from the start of the pod.
  if (where !== 'kubernetes') timeLimit.begin(timeoutOf(task));
  const began = performance.now();
  const attempt: Attempt = {
    held,
    run,
    tools,
    cluster,
    where,
    usage: createUsageGatherer(),
    recall: { reused: null },
    timeLimit,
    redact: asItIs,
    fanOut: undefined,
  };
  let ended: AttemptOutcome;
  try {
    if (task === undefined) throw new MlopsError('PL203', { detail: `The run's pipeline has no task ${lease.task}.` });
    ended = await succeeded(task, attempt);
  } catch (error) {
    if (error instanceof HandedOver) return undefined;
    const { stopped } = held;
    if (stopped === undefined && error instanceof Deferred) return error.deferral;
    if (stopped?.reason === 'lost') return undefined;
    ended =
      stopped === undefined
        ? failedEnd(error, attempt.redact)
        : stoppedEnd(stopped.reason as Exclude<typeof stopped.reason, 'lost'>, timeLimit.passedMs);
    if (ended.error !== null) held.log.write('system', `${ended.status}: ${ended.error}\n`);
  } finally {
    timeLimit.clear();
  }
  const tookMs = performance.now() - began;
  const { retryInMs, counts } = verdictOn(ended, task, attempt, tookMs);
  return {
    runId: lease.runId,
    task: lease.task,
    attempt: lease.attempt,
    status: ended.status,
    exitCode: ended.exitCode,
    error: ended.error,
    outputs: ended.outputs,
    data: ended.data,
    usage: attempt.usage.total(tookMs / 1000),
    retryInMs: ended.final ? null : retryInMs,
    counts,
    fanOut: ended.status === 'succeeded' ? attempt.fanOut : undefined,
  };
}

const asItIs: Redact = (text) => text;

const NOT_AGAIN = { retryInMs: null, counts: 'nothing' } as const;

function verdictOn(
  ended: AttemptOutcome,
  task: CanonicalTask | undefined,
  { held, tools }: Attempt,
  tookMs: number,
): Pick<AttemptEnd, 'retryInMs' | 'counts'> {
  if (ended.status === 'succeeded') return NOT_AGAIN;
  if (held.stopped?.reason === 'stopped' && ended.status === 'crashed') return { retryInMs: 0, counts: 'nothing' };
  const { lease } = held;
  const left = lease.deadlineInMs === null ? null : lease.deadlineInMs - tookMs;
  return retryVerdict(task?.retry, lease, ended, left, tools.random);
}

function timeoutOf(task: CanonicalTask | undefined): number | undefined {
  return task?.timeout === undefined ? undefined : durationMs(task.timeout);
}

async function succeeded(task: CanonicalTask, attempt: Attempt): Promise<AttemptOutcome> {
  const { held, tools } = attempt;
  const secrets = secretsIn(task, tools.variables);
  if (secrets.length > 0) attempt.redact = redactor(secrets);
  let outputs: JsonObject;
  if (task.forEach !== undefined && held.lease.item === undefined) {
    const fanOut = await findItems(task, {
      held,
      run: attempt.run,
      services: tools.services,
      outputsOf: (tasks) => tools.outputsOf(held, tasks),
      hasCluster: attempt.cluster !== undefined,
      redact: attempt.redact,
    });
    attempt.fanOut = fanOut;
    // Without items there is nothing to wait for.
    outputs = fanOut.items.map(() => null) as unknown as JsonObject;
  } else {
    outputs = cleaned(await operate(task, attempt), attempt.redact);
  }
  const end = { status: 'succeeded', exitCode: null, error: null, final: true } as const;
  return { ...end, outputs, data: reusedData(attempt.recall) };
}

async function operate(written: CanonicalTask, attempt: Attempt): Promise<JsonObject> {
  const { held, run, tools, where, redact } = attempt;
  const { lease } = held;
  const asked = readByTemplates(written);
  const ancestors = readsNothing(written) && asked?.size === 0 ? [] : ancestorsOf(run.spec, specTaskName(lease.task));
  const read = ancestors.filter(
    (name) => asked === undefined || asked.has(name) || readsInputs(written, run.spec.tasks[name]),
  );
  const inputs = read.length === 0 ? {} : await tools.outputsOf(held, read);
  throwIfStopped(held);
  const instant = instantOf(run);
  const index = itemIndex(lease.task);
  const task = fillTask(written, {
    params: run.params,
    outputs: inputs,
    run: { id: lease.runId, pipeline: lease.pipeline, cause: run.cause.kind, instant: instant.toISOString() },
    item: lease.item,
    index: index ?? undefined,
  });
  const env = resolvedEnv(task, tools.variables);
  const memory = memoryOf(task, { lease, run, inputs, reads: await readsOf(task, attempt) }, tools.cache, held);
  // A Job that is adopted is at work already.
  const known = memory === undefined || 'job' in lease ? undefined : await memory.find(attempt.recall);
  if (known !== undefined) return known;
  throwIfStopped(held);
  const work = tools.runOperator(task, {
    get signal() {
      return held.signal;
    },
    log: (line) => held.log.write('out', `${redact(line)}\n`),
    resolve: (value) => resolveEnv(value, tools.variables),
    progress: (told) => held.progress.tell(told),
    runId: lease.runId,
    pipeline: lease.pipeline,
    task: lease.task,
    attempt: lease.attempt,
    params: run.params,
    instant,
    pipelineSpec: run.spec,
    cause: run.cause,
    root: tools.root,
    now: systemClock.now(),
    waited: () => tools.waited(held),
    newestRun: tools.newestRun,
    children: tools.children,
    item: lease.item,
    index,
    ancestors,
    inputs,
    gitCommit: run.gitCommit,
    services: tools.services,
    keepArtifact: (path, stored) => tools.keepArtifact(held, { path, ...stored }),
    runProcess: (process, use) => {
      const program = {
        runId: lease.runId,
        pipeline: lease.pipeline,
        task: lease.task,
        attempt: lease.attempt,
        params: run.params,
        inputs,
        instant: run.cause.instant,
        ancestors,
        traceparent: run.cause.traceparent,
        signal: held.signal,
        taskLog: held.log,
        env,
        secrets: secretsIn(task, tools.variables),
        memoryBytes: task.resources?.memory === undefined ? undefined : sizeBytes(task.resources.memory),
        onUsage: attempt.usage.add,
        gpus: lease.gpus,
        item: lease.item,
        index,
      };
      if (where !== 'kubernetes') return runProcess(process, program, tools.processOf(held), use);
      if (attempt.cluster === undefined) throw noCluster(lease.task, lease.pipeline);
      // There the task's own limit counts from the start of the pod, which was so long ago.
      const begun = (elapsedMs: number): void => attempt.timeLimit.begin(timeoutOf(written), elapsedMs);
      return attempt.cluster.run(process, { ...program, spec: task, deadlineInMs: lease.deadlineInMs }, begun, use);
    },
  });
  const outputs = await patient(work, held, tools.abandonAfterMs);
  await memory?.keep();
  return outputs;
}

/** Of a cached task whose result follows from what is in the stores, a digest of that. */
async function readsOf(task: CanonicalTask, { held, tools }: Attempt): Promise<string | undefined> {
  if (tools.cache === undefined || task.cache === undefined || task.cache.key !== undefined) return undefined;
  if (task.operator !== 'sql_query' && task.operator !== 'training_dataset') return undefined;
  const { runId, pipeline, task: name } = held.lease;
  return tools.services.readsOf(task, { signal: held.signal, log: () => {}, runId, pipeline, task: name });
}

function throwIfStopped({ stopped }: HeldAttempt): void {
  if (stopped !== undefined) throw stopped;
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
function patient<T>(work: Promise<T>, held: HeldAttempt, abandonAfterMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const over = (): void => {
      clearTimeout(timer);
      held.onStop(undefined);
    };
    work.then(
      (value) => {
        over();
        resolve(value);
      },
      (error: unknown) => {
        over();
        reject(error);
      },
    );
    held.onStop(() => {
      timer = setTimeout(() => reject(held.stopped), abandonAfterMs);
    });
  });
}

/** Secrets are looked up now, at the start of the attempt; only their references were ever stored. */
function resolvedEnv(
  task: CanonicalTask,
  variables: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  if (!('env' in task) || task.env === undefined) return values;
  for (const [name, value] of Object.entries(task.env)) values[name] = resolveEnv(value, variables);
  return values;
}
