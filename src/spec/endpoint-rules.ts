/** Rules of an endpoint: conditions over what a request says of itself, each with the variant that answers. */
import { compileExpression, type Expression } from '../lib/expression.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalEndpoint } from './canonical-specs.ts';
import { reportExpression } from './feature-set.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { RoutingRule } from './schema-types.ts';

/** What a condition may read: the request's `context`, and the keys of the row. */
export const CONDITION_VARIABLES = ['context', 'entity'] as const;

/** What a rule is called where nobody named it. */
export function ruleName({ name }: RoutingRule, index: number): string {
  return name ?? `rule_${index + 1}`;
}

/** `keys`: of the entities that the models' features describe, where they are known. */
export function checkRules(
  { rules = [], variants }: Pick<CanonicalEndpoint, 'rules' | 'variants'>,
  keys: ReadonlySet<string> | undefined,
  into: Canonicalizing,
): void {
  const names = new Map<string, number>();
  let always: number | undefined;
  for (const [index, rule] of rules.entries()) {
    const pointer = pointerTo('/rules', index);
    const name = ruleName(rule, index);
    if (names.has(name)) report(into, 'SP105', `${pointer}/name`, `There is a rule "${name}" already.`);
    names.set(name, index);
    if (variants[rule.variant] === undefined)
      report(into, 'SP104', `${pointer}/variant`, `There is no variant "${rule.variant}".`, {
        hint: didYouMean(rule.variant, Object.keys(variants)),
      });
    if (!checkCondition(rule.when, `${pointer}/when`, keys, into)) continue;
    const same = rules.findIndex(({ when }) => when.trim() === rule.when.trim());
    const why =
      always !== undefined
        ? `rule ${always + 1} before it is true of every request`
        : same < index
          ? `rule ${same + 1} before it has the same condition`
          : isNever(rule.when)
            ? 'its condition is never true'
            : undefined;
    if (why !== undefined)
      report(into, 'EP109', pointer, `The rule "${name}" is never reached: ${why}.`, {
        severity: 'warning',
        hint: 'take it out, or move it before what hides it',
      });
    else if (isAlways(rule.when)) always = index;
  }
}

/** SP114 where it cannot be used, SP104 where it reads a key that no entity has. Whether it can be used. */
export function checkCondition(
  when: string,
  pointer: string,
  keys: ReadonlySet<string> | undefined,
  into: Canonicalizing,
): boolean {
  const before = into.problems.length;
  reportExpression(when, CONDITION_VARIABLES, pointer, into);
  if (into.problems.length > before) return false;
  for (const { path, place } of compileCondition(when).reads) {
    const [variable, key] = path;
    if (keys === undefined || variable !== 'entity' || typeof key !== 'string' || path.length > 2 || keys.has(key))
      continue;
    report(into, 'SP104', pointer, `"${key}" is no key of an entity that the models' features describe.`, {
      span: place,
      hint: didYouMean(key, keys) ?? 'what the request says beside its keys is in `context`',
    });
    return false;
  }
  return true;
}

/** SP114 where it cannot be used. */
export function compileCondition(when: string): Expression {
  return compileExpression(when, CONDITION_VARIABLES);
}

/** True whatever is asked. */
export function isAlways(when: string): boolean {
  return constantOf(when) === true;
}

/** A condition that reads nothing says the same of every request; one that is no truth is never true. */
function isNever(when: string): boolean {
  const constant = constantOf(when);
  return constant !== undefined && constant !== true;
}

/** Undefined where it depends on the request, or cannot be used. */
function constantOf(when: string): unknown {
  try {
    const condition = compileCondition(when);
    return condition.references.length === 0 ? (condition.evaluate({}) ?? null) : undefined;
  } catch {
    return undefined;
  }
}
