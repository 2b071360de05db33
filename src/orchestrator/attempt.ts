/** One attempt at one task, from its lease to what is to be recorded of its end. */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { redactor } from '../lib/redact.ts';
import { resolveEnv, secretsIn } from '../lib/secret.ts';
import { durationMs, sizeBytes } from '../lib/units.ts';
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import type { Deferral } from '../stores/control/deferrals.ts';
import type { AttemptEnd, RunDefinition } from '../stores/control/runs.ts';
import { type AttemptOutcome, cleaned, failedEnd, stoppedEnd } from './attempt-ends.ts';
import { Attempt, type AttemptTools } from './attempt-state.ts';
import { Deferred } from './deferred.ts';
import { fillTask, hasTemplates, readByTemplates, type TemplateScope } from './fill-task.ts';
import { findItems, withoutItems } from './find-items.ts';
import type { HeldAttempt } from './held-attempt.ts';
import type { InCluster } from './in-cluster.ts';
import { specTask, specTaskName } from './items.ts';
import { OperatorCall } from './operator-call.ts';
import type { OperatorContext } from './operators/operator.ts';
import { retryVerdict } from './retry.ts';
import { HandedOver } from './runners/handed-over.ts';
import { runProcess } from './runners/process-runner.ts';
import { noCluster } from './runners/where.ts';
import { memoryOf, reusedData } from './task-cache.ts';
import { ancestorsOf } from './upstream.ts';

/** Undefined where the lease was lost: then there is nothing to record. A deferral: there is nothing to do yet. */
export async function runAttempt(
  held: HeldAttempt,
  run: RunDefinition,
  tools: AttemptTools,
  cluster: InCluster | undefined,
): Promise<AttemptEnd | Deferral | undefined> {
  const { lease } = held;
  const task = withoutItems(specTask(run.spec, lease.task), lease);
  const attempt = new Attempt(held, run, tools, cluster, task);
  attempt.limitBegins(lease.deadlineInMs ?? undefined);
  // In a cluster it counts from the start of the pod.
  if (attempt.where !== 'kubernetes') attempt.limitBegins(timeoutOf(task));
  try {
    if (task === undefined) throw new MlopsError('PL203', { detail: `The run's pipeline has no task ${lease.task}.` });
    const secrets = secretsIn(task, tools.variables);
    if (secrets.length > 0) attempt.redact = redactor(secrets);
    const outputs =
      task.forEach !== undefined && lease.item === undefined
        ? await itemsOf(task, attempt)
        : cleaned(await operate(task, attempt), attempt.redact);
    return endOf(succeeded(outputs, attempt), task, attempt);
  } catch (error) {
    if (error instanceof HandedOver) return undefined;
    const { stopped } = held;
    if (stopped === undefined && error instanceof Deferred) return error.deferral;
    if (stopped?.reason === 'lost') return undefined;
    const ended =
      stopped === undefined ? failedEnd(error, attempt.redact) : stoppedEnd(stopped.reason, attempt.passedMs);
    if (ended.error !== null) held.log.write('system', `${ended.status}: ${ended.error}\n`);
    return endOf(ended, task, attempt);
  } finally {
    attempt.limitsEnd();
  }
}

function endOf(ended: AttemptOutcome, task: CanonicalTask | undefined, attempt: Attempt): AttemptEnd {
  const { lease } = attempt.held;
  const tookMs = attempt.tookMs();
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
    usage: attempt.took(tookMs),
    retryInMs: ended.final ? null : retryInMs,
    counts,
    fanOut: ended.status === 'succeeded' ? attempt.fanOut : undefined,
    ordinal: lease.ordinal,
  };
}

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

function succeeded(outputs: JsonObject, { recall }: Attempt): AttemptOutcome {
  return { status: 'succeeded', exitCode: null, error: null, outputs, final: true, data: reusedData(recall) };
}

/** The items' tasks are made with its end. */
async function itemsOf(task: CanonicalTask, attempt: Attempt): Promise<JsonObject> {
  const { held, run, tools, cluster, redact } = attempt;
  const outputsOf = (tasks: readonly string[]) => tools.outputsOf(held, tasks);
  const { services } = tools;
  const fanOut = await findItems(task, { held, run, services, outputsOf, hasCluster: cluster !== undefined, redact });
  attempt.fanOut = fanOut;
  // Without items there is nothing to wait for.
  return fanOut.items.map(() => null) as unknown as JsonObject;
}

const NONE: readonly string[] = [];
const NO_INPUTS: Readonly<Record<string, JsonObject>> = {};

async function operate(written: CanonicalTask, attempt: Attempt): Promise<JsonObject> {
  const { held, run, tools } = attempt;
  const { lease } = held;
  const asked = readByTemplates(written);
  const ancestors = readsNothing(written) && asked?.size === 0 ? NONE : ancestorsOf(run.spec, specTaskName(lease.task));
  const read = ancestors.filter(
    (name) => asked === undefined || asked.has(name) || readsInputs(written, run.spec.tasks[name]),
  );
  const inputs = read.length === 0 ? NO_INPUTS : await tools.outputsOf(held, read);
  throwIfStopped(held);
  const call: OperatorCall = new OperatorCall(attempt, ancestors, inputs);
  const task: CanonicalTask = hasTemplates(written) ? fillTask(written, templateScope(call)) : written;
  const env = resolvedEnv(task, tools.variables);
  call.runsPrograms(() => programOf(written, task, env, attempt, call));
  const cached = task.cache !== undefined && tools.cache !== undefined;
  const reads = cached ? await readsOf(task, attempt) : undefined;
  const memory = memoryOf(task, { lease, run, inputs, reads }, tools.cache, held);
  // A Job that is adopted is at work already.
  const known = memory === undefined || 'job' in lease ? undefined : await memory.find(attempt.recall);
  if (known !== undefined) return known;
  throwIfStopped(held);
  const outputs = await patient(tools.runOperator(task, call), held, tools.abandonAfterMs);
  if (memory !== undefined) await memory.keep();
  return outputs;
}

function templateScope(call: OperatorCall): TemplateScope {
  return {
    params: call.params,
    outputs: call.inputs,
    run: { id: call.runId, pipeline: call.pipeline, cause: call.cause.kind, instant: call.instant.toISOString() },
    item: call.item,
    index: call.index ?? undefined,
  };
}

/** How the operator runs a program: here, or in the cluster. */
function programOf(
  written: CanonicalTask,
  task: CanonicalTask,
  env: Readonly<Record<string, string>>,
  attempt: Attempt,
  call: OperatorCall,
): OperatorContext['runProcess'] {
  const { held, run, tools, where, cluster } = attempt;
  const { lease } = held;
  return (process, use) => {
    const program = {
      runId: lease.runId,
      pipeline: lease.pipeline,
      task: lease.task,
      attempt: lease.attempt,
      params: run.params,
      inputs: call.inputs,
      instant: run.cause.instant,
      ancestors: call.ancestors,
      traceparent: run.cause.traceparent,
      signal: held.signal,
      taskLog: held.log,
      env,
      secrets: secretsIn(task, tools.variables),
      memoryBytes: task.resources?.memory === undefined ? undefined : sizeBytes(task.resources.memory),
      onUsage: attempt.usage.add,
      gpus: lease.gpus,
      item: lease.item,
      index: call.index,
    };
    if (where !== 'kubernetes') return runProcess(process, program, tools.processOf(held), use);
    if (cluster === undefined) throw noCluster(lease.task, lease.pipeline);
    // There the task's own limit counts from the start of the pod, which was so long ago.
    const begun = (elapsedMs: number): void => attempt.limitBegins(timeoutOf(written), elapsedMs);
    return cluster.run(process, { ...program, spec: task, deadlineInMs: lease.deadlineInMs }, begun, use);
  };
}

/** Of a cached task whose result follows from what is in the stores, a digest of that. */
async function readsOf(task: CanonicalTask, { held, tools }: Attempt): Promise<string | undefined> {
  if (task.cache?.key !== undefined) return undefined;
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
    // After the first nothing of what comes counts.
    work.then(resolve, reject);
    held.onStop(() => setTimeout(() => reject(held.stopped), abandonAfterMs).unref());
  });
}

const NO_ENV: Readonly<Record<string, string>> = {};

/** Secrets are looked up now, at the start of the attempt; only their references were ever stored. */
function resolvedEnv(
  task: CanonicalTask,
  variables: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  if (!('env' in task) || task.env === undefined) return NO_ENV;
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(task.env)) values[name] = resolveEnv(value, variables);
  return values;
}
