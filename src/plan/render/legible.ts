/**
 * Texts as what they are. Characters that a terminal obeys, that turn the direction of writing or that cannot be seen would let a spec look
 * like another one to whoever reviews it: they are spelled out, as `<U+202E>`. Lines and tabs stay.
 */
import { isNoOp } from '../action.ts';
import type { Plan } from '../plan.ts';
import type { CodeText } from './difference.ts';

/** Controls but for newline and tab, marks of direction, separators of lines, what has no width but for joiners of letters, half a character. */
const UNSEEN =
  /\r\n|[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0001}-\u{e007f}]|\p{Surrogate}/gu;

/** Most texts have nothing but these. */
const PLAIN = /^[\t\n -~]*$/;

export function legibleText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSEEN, (one) => {
    if (one === '\n' || one === '\t') return one;
    if (one === '\r\n') return '\n';
    return `<U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}

/** Values as in JSON. What has nothing to spell out stays the same object. */
export function legible<T>(value: T): T {
  if (typeof value === 'string') return legibleText(value) as T;
  if (typeof value !== 'object' || value === null || isLegible(value)) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => legible(item)) as T;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [legibleText(name), legible(member) as unknown]),
  ) as T;
}

function isLegible(value: unknown): boolean {
  if (typeof value === 'string') return legibleText(value) === value;
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isLegible);
  for (const name in value)
    if (!(PLAIN.test(name) && isLegible((value as Readonly<Record<string, unknown>>)[name]))) return false;
  return true;
}

/** For people: what stays as it is, is not shown. */
export function legiblePlan(plan: Plan): Plan {
  const { changes, drift, decisions, policies, unmanaged, rules, targets } = plan;
  return {
    ...plan,
    project: legible(plan.project),
    environment: legible(plan.environment),
    targets: legible(targets),
    leftOut: legible(plan.leftOut),
    changes: changes.map((change) => (isNoOp(change.actions) ? change : legible(change))),
    drift: legible(drift),
    decisions: legible(decisions),
    policies: legible(policies),
    unmanaged: legible(unmanaged),
    rules: legible(rules),
  };
}

export function legibleCode(codeText: CodeText): CodeText {
  return (digest) => {
    const text = codeText(digest);
    return text === undefined ? undefined : legibleText(text);
  };
}
