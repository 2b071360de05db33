/** What an operator works on that its task leaves out: the nearest upstream task of a kind. */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { OperatorName } from '../../spec/canonical-specs.ts';
import type { OperatorContext } from './operator.ts';

export interface UpstreamOutputs {
  readonly task: string;
  readonly outputs: JsonObject;
}

/** Of every upstream task with that operator that succeeded, the nearest first. */
export function upstreamOf(operator: OperatorName, context: OperatorContext): readonly UpstreamOutputs[] {
  return context.ancestors.flatMap((task) => {
    const outputs = context.inputs[task];
    return context.pipelineSpec.tasks[task]?.operator === operator && outputs !== undefined ? [{ task, outputs }] : [];
  });
}

/** PL206 where there is none. `what` names it in the error: "a training set". */
export function nearestOf(operator: OperatorName, what: string, context: OperatorContext): UpstreamOutputs {
  const [nearest] = upstreamOf(operator, context);
  if (nearest !== undefined) return nearest;
  throw new MlopsError('PL206', {
    detail: `The task ${context.task} needs ${what}, and no ${operator} task before it succeeded.`,
    hint: `add a task with operator ${operator} and name it in the needs of ${context.task}`,
    address: `pipeline.${context.pipeline}`,
  });
}

/** Outputs are plain JSON, which the services' answers are by their types; `undefined` members go. */
export function asOutputs(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** Outputs of our own operators, read back. They were written from a value of that type by `asOutputs`. */
export function fromOutputs<T extends object>(outputs: JsonObject): T {
  return outputs as unknown as T;
}
