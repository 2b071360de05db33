/** What a task with `forEach` is run for: a list, what an expression gives, or the rows of a query. */
import type { JsonObject } from '../lib/json.ts';
import type { Redact } from '../lib/redact.ts';
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import { itemsQuery } from '../spec/task-texts.ts';
import type { FanOut, Lease, RunDefinition } from '../stores/control/runs.ts';
import { fillItemsQuery } from './fill-task.ts';
import type { HeldAttempt } from './held-attempt.ts';
import { asksItems, fanOutOf, ITEMS_LIMIT } from './items.ts';
import type { OperatorServices } from './services.ts';
import { ancestorsOf } from './upstream.ts';

export interface FindItemsOptions {
  readonly held: HeldAttempt;
  readonly run: RunDefinition;
  readonly services: Pick<OperatorServices, 'rows'>;
  readonly outputsOf: (tasks: readonly string[]) => Promise<Readonly<Record<string, JsonObject>>>;
  readonly hasCluster: boolean;
  readonly redact: Redact;
}

/** Each item's task has to do with its own item alone: the list may be long. */
export function withoutItems(task: CanonicalTask | undefined, { item }: Lease): CanonicalTask | undefined {
  return task?.forEach === undefined || item === undefined ? task : { ...task, forEach: [] };
}

/** Its log says how many there are, and what they were read from. */
export async function findItems(
  task: CanonicalTask,
  { held, run, services, outputsOf, hasCluster, redact }: FindItemsOptions,
): Promise<FanOut> {
  const { lease } = held;
  const isQuery = itemsQuery(task.forEach) !== undefined;
  // What the expressions of `forEach` and of the items' condition read.
  const reads = typeof task.forEach === 'string' || isQuery || asksItems(task);
  const outputs = reads ? await outputsOf(ancestorsOf(run.spec, lease.task)) : {};
  const told = (fanOut: FanOut, from = ''): FanOut => {
    held.log.write('out', `${fanOut.items.length} items${from}\n`);
    return fanOut;
  };
  if (!isQuery) return told(fanOutOf(task, lease, run, outputs, hasCluster, undefined));
  const { runId, pipeline } = lease;
  const instant = instantOf(run).toISOString();
  const query = fillItemsQuery(task, {
    params: run.params,
    outputs,
    run: { id: runId, pipeline, cause: run.cause.kind, instant },
  });
  const { rows, sources } = await services.rows(
    { query: query ?? '', limit: ITEMS_LIMIT + 1 },
    {
      signal: held.signal,
      log: (line) => held.log.write('out', `${redact(line)}\n`),
      runId,
      pipeline,
      task: lease.task,
    },
  );
  const read = Object.entries(sources).map(([source, digest]) => `${source} (snapshot ${digest.slice(0, 12)})`);
  const from = read.length === 0 ? '' : ` from ${read.join(', ')}`;
  return told(fanOutOf(task, lease, run, outputs, hasCluster, rows), from);
}

/** Of the schedule that made the run; of another run, when it was made. */
export function instantOf({ cause, createdAt }: RunDefinition): Date {
  return cause.instant === null ? createdAt : new Date(cause.instant);
}
