/** What a task that is a TypeScript function gets. */
import type { JsonObject, JsonValue } from '../lib/json.ts';

export interface TaskContext {
  /** The run's parameters. */
  readonly params: JsonObject;
  /** The outputs of the tasks before it that succeeded, by task. */
  readonly inputs: Readonly<Record<string, JsonObject>>;
  readonly run: {
    readonly id: string;
    readonly pipeline: string;
    readonly task: string;
    /** From 1. */
    readonly attempt: number;
    /** The instant of a scheduled run. */
    readonly instant: Date | null;
  };
  /** A line for the task's log: texts as they are, everything else as JSON. `console.log` goes there too. */
  readonly log: (...values: readonly unknown[]) => void;
  /** Aborted when the task is to end: it was cancelled, or its time is over. */
  readonly signal: AbortSignal;
}

/** Answers the task's outputs, or nothing. What it throws fails the attempt. */
export type TaskFunction = (context: TaskContext) => TaskOutputs | Promise<TaskOutputs>;

// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement is one.
type TaskOutputs = Readonly<Record<string, JsonValue | undefined>> | undefined | void;
