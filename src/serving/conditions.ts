/** Conditions of rules and picks: what a request says of itself, and the keys of the row, tell whether they hold. */
import { compileCondition } from '../spec/endpoint-rules.ts';
import type { Values } from './predict-request.ts';

/** What a condition is asked about. */
export interface Asked {
  readonly context: Values;
  readonly entity: Values;
}

/** Undefined where it cannot be evaluated: a member is not there, or a value has another type. */
export type Condition = (asked: Asked) => boolean | undefined;

export function createCondition(when: string): Condition {
  const { evaluate } = compileCondition(when);
  return ({ context, entity }) => {
    try {
      const found = evaluate({ context, entity });
      return typeof found === 'boolean' ? found : undefined;
    } catch {
      // What it says of a request is nothing, whatever the reason; it is counted.
      return undefined;
    }
  };
}

/** Numbers beyond 2^53 are read as the nearest that there is. */
export function readable(values: Values | undefined): Values {
  if (values === undefined) return {};
  for (const value of Object.values(values))
    if (typeof value === 'bigint')
      return Object.fromEntries(
        Object.entries(values).map(([name, one]) => [name, typeof one === 'bigint' ? Number(one) : one]),
      );
  return values;
}
