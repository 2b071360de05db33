/** Code that others wrote, called for at most so long: what does not end by itself is ended, wherever it is. Synchronous code only. */
import { createContext, Script } from 'node:vm';

const CALL = new Script('call()');

/** Throws what the call throws, and {@link isTimeUp} where it has not answered in time: the limit of a script holds for all that it calls. */
export function withinTime<T>(limitMs: number, call: () => T): T {
  return CALL.runInContext(createContext({ call }), { timeout: limitMs }) as T;
}

export function isTimeUp(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
