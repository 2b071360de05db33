/** Tasks that run once for each item of a list: which items there are, and the items' tasks. */
import { MlopsError } from '../lib/error.ts';
import { compileExpression } from '../lib/expression.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { CanonicalPipeline, CanonicalTask } from '../spec/canonical-specs.ts';
import type { FanOut, Lease, RunDefinition } from '../stores/control/runs.ts';
import { demandOf, sharesOf } from './demand.ts';
import { evaluatedCondition, WHEN_VARIABLES } from './rules.ts';

/** More would be a table, not a list of tasks. */
export const ITEMS_LIMIT = 100_000;

const ITEM_TASK = /^(.*)\[(\d+)\]$/;

/** `train[3]` is the task of the fourth item of `train`. */
export function specTaskName(task: string): string {
  return ITEM_TASK.exec(task)?.[1] ?? task;
}

export function itemIndex(task: string): number | null {
  const index = ITEM_TASK.exec(task)?.[2];
  return index === undefined ? null : Number(index);
}

export function specTask(spec: CanonicalPipeline, task: string): CanonicalTask | undefined {
  const name = specTaskName(task);
  return Object.hasOwn(spec.tasks, name) ? spec.tasks[name] : undefined;
}

/** Whether its condition has to be asked of each item, not of the task. */
export function asksItems(task: CanonicalTask): boolean {
  if (task.forEach === undefined || task.when === undefined) return false;
  const { references } = compileExpression(task.when, [...WHEN_VARIABLES, 'item', 'index']);
  return references.includes('item') || references.includes('index');
}

/** PL207 where `forEach` gives no list or too long a one; SP114 where an expression fails. `rows`: what its query gave. */
export function fanOutOf(
  task: CanonicalTask,
  lease: Lease,
  run: RunDefinition,
  outputs: Readonly<Record<string, JsonValue>>,
  hasCluster: boolean,
  rows: readonly JsonValue[] | undefined,
): FanOut {
  const items = rows ?? itemsOf(task, lease, run, outputs);
  if (items.length > ITEMS_LIMIT)
    throw new MlopsError('PL207', {
      detail: `The list of the task ${lease.task} has ${rows === undefined ? items.length : `more than ${ITEMS_LIMIT}`} items; at most ${ITEMS_LIMIT} can be tasks.`,
      hint: 'let each task work on several: group the items upstream',
      address: `pipeline.${lease.pipeline}`,
    });
  const perItem = asksItems(task);
  return {
    ...demandOf(task, hasCluster),
    priority: task.priority ?? 0,
    deadlineMs: null,
    shares: sharesOf(run.spec, task, `${lease.runId} ${lease.task}`),
    items: items.map((item, index) => ({
      item,
      skip: perItem && !evaluatedCondition(task.when ?? '', { ...facts(lease, run), outputs, item, index }),
    })),
  };
}

function itemsOf(
  task: CanonicalTask,
  lease: Lease,
  run: RunDefinition,
  outputs: Readonly<Record<string, JsonValue>>,
): readonly JsonValue[] {
  if (typeof task.forEach !== 'string') return task.forEach as readonly JsonValue[];
  const value = compileExpression(task.forEach, WHEN_VARIABLES).evaluate({ ...facts(lease, run), outputs });
  if (Array.isArray(value)) return value as readonly JsonValue[];
  throw new MlopsError('PL207', {
    detail: `\`forEach\` of the task ${lease.task} gives ${JSON.stringify(value)?.slice(0, 100) ?? 'nothing'}, which is no list: ${task.forEach}`,
    address: `pipeline.${lease.pipeline}`,
  });
}

function facts({ runId, pipeline }: Lease, { params, cause }: RunDefinition): { params: JsonObject; run: JsonObject } {
  return { params, run: { id: runId, pipeline, cause: cause.kind, instant: cause.instant } };
}
