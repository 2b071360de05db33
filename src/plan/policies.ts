/**
 * Judges a plan by the policies of the project. Each is judged as the specs have it and, until what changes or removes it
 * is applied, as it is recorded: a change does not escape a policy by weakening it in the same pull request. A recorded
 * function cannot be run: the function of the specs stands for it, with the stricter enforcement of both. A policy sees the
 * plan as its JSON has it, without itself and without what policies say. Pure, where the functions are.
 */
import { MlopsError } from '../lib/error.ts';
import { compileExpression } from '../lib/expression.ts';
import { isJsonObject, type JsonValue } from '../lib/json.ts';
import { compileTemplate } from '../lib/template.ts';
import { isTimeUp, withinTime } from '../lib/time-limit.ts';
import type { Address } from '../spec/address.ts';
import type { PolicyCheck } from '../spec/attach-policies.ts';
import type { CanonicalPolicy } from '../spec/canonical-specs.ts';
import { policyVariables } from '../spec/policy.ts';
import type { AnyResource, Resource } from '../spec/project.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';
import { isNoOp } from './action.ts';
import type { Change } from './change.ts';
import type { Plan, PlanSummary, PolicyResult, PolicyViolation } from './plan.ts';

/** What one policy may take to judge. */
const LIMIT_MS = 10_000;

export interface PolicyInput {
  /** All of the project, also where everything is to be destroyed. */
  readonly resources: ReadonlyMap<Address, AnyResource>;
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  /** The summary of a plan that has only these changes. */
  readonly summarize: (changes: readonly Change[]) => PlanSummary;
  /** Of one policy, in milliseconds. Default 10,000. */
  readonly limitMs?: number | undefined;
}

/** One policy in one of its forms. */
interface Judge {
  readonly address: Address;
  readonly from: 'specs' | 'state';
  readonly spec: CanonicalPolicy;
  readonly check: PolicyCheck | undefined;
  readonly at: PolicyResult['at'];
}

/** By address; what is recorded before what the specs have. */
export function judgePlan(plan: Plan, input: PolicyInput): readonly PolicyResult[] {
  const judges = judgesOf(input);
  const { limitMs = LIMIT_MS } = input;
  if (judges.length === 0) return [];
  let published: Plan | undefined;
  return judges.map((judge) => {
    const judged = (): readonly PolicyViolation[] => {
      if (judge.check === undefined) return judgeExpression(judge.spec, withoutOwn(plan, judge, input));
      published ??= frozen(JSON.parse(JSON.stringify(plan)) as Plan);
      return judgeFunction(judge.spec, judge.check, frozen(withoutOwn(published, judge, input)));
    };
    return resultOf(judge, () => withinTime(limitMs, judged), limitMs);
  });
}

/** Violated and errored alike. */
export function isAgainst({ outcome }: PolicyResult): boolean {
  return outcome !== 'passed';
}

export function isDenial(result: PolicyResult): boolean {
  return isAgainst(result) && result.enforcement === 'deny';
}

function judgesOf({ resources, recorded }: PolicyInput): readonly Judge[] {
  const addresses = [...new Set([...resources.keys(), ...recorded.keys()])].filter((one) => one.startsWith('policy.'));
  return addresses.sort().flatMap((address) => {
    const desired = resources.get(address) as Resource<'policy'> | undefined;
    const before = recorded.get(address);
    // What was never wholly made does not hold yet.
    const state = before?.kind === 'policy' && before.status !== 'creating' ? before.spec : undefined;
    return [...fromState(address, state, desired), ...fromSpecs(address, state, desired)];
  });
}

function fromState(
  address: Address,
  state: CanonicalPolicy | undefined,
  desired: Resource<'policy'> | undefined,
): readonly Judge[] {
  if (state === undefined || state.check !== undefined) return [];
  const same =
    desired !== undefined &&
    desired.spec.each === state.each &&
    desired.spec.when === state.when &&
    !(desired.spec.enforcement === 'warn' && state.enforcement === 'deny');
  return same ? [] : [{ address, from: 'state', spec: state, check: undefined, at: placeOf(desired) }];
}

function fromSpecs(
  address: Address,
  state: CanonicalPolicy | undefined,
  desired: Resource<'policy'> | undefined,
): readonly Judge[] {
  if (desired === undefined) return [];
  const { spec, check } = desired;
  // Specs that are taken from the record have its text only.
  if (spec.check !== undefined && check === undefined) return [];
  const stricter = check !== undefined && state?.check !== undefined && state.enforcement === 'deny';
  return [
    { address, from: 'specs', spec: stricter ? { ...spec, enforcement: 'deny' } : spec, check, at: placeOf(desired) },
  ];
}

function placeOf(desired: Resource<'policy'> | undefined): PolicyResult['at'] {
  const at = desired?.at;
  return at === undefined ? null : { file: at.file, line: at.start.line, column: at.start.column };
}

function withoutOwn(plan: Plan, { address }: Judge, { summarize }: PolicyInput): Plan {
  const changes = plan.changes.filter((change) => change.address !== address);
  const own = changes.length < plan.changes.length;
  return own ? { ...plan, changes, summary: summarize(changes) } : plan;
}

function resultOf(judge: Judge, judged: () => readonly PolicyViolation[], limitMs: number): PolicyResult {
  const { address, from, at } = judge;
  const { enforcement } = judge.spec;
  const told = { address, from, enforcement, at };
  let violations: readonly PolicyViolation[];
  try {
    violations = judged();
  } catch (error) {
    return { ...told, outcome: 'errored', message: reasonOf(error, limitMs), addresses: [], violations: [] };
  }
  return {
    ...told,
    outcome: violations.length === 0 ? 'passed' : 'violated',
    message: violations.length === 0 ? null : violations.map(({ message }) => message).join('\n'),
    addresses: [...new Set(violations.flatMap(({ addresses }) => addresses))].sort(),
    violations,
  };
}

function judgeExpression(spec: CanonicalPolicy, plan: Plan): readonly PolicyViolation[] {
  const variables = policyVariables(spec);
  const message = compileTemplate(spec.message, variables, { documents: true });
  const rule = compileExpression(spec.each ?? spec.when ?? '', variables, { documents: true });
  const holds = (values: Readonly<Record<string, unknown>>): boolean => {
    const value = rule.evaluate(values);
    if (value !== null && typeof value !== 'boolean')
      throw new Nonsense(`${rule.text} is ${shown(value)}, neither true nor false.`);
    return value === true;
  };
  if (spec.each === undefined) return holds({ plan }) ? [{ message: message.evaluate({ plan }), addresses: [] }] : [];
  return toldTogether(
    plan.changes
      .filter((change) => !isNoOp(change.actions) && holds({ plan, change }))
      .map((change) => ({ message: message.evaluate({ plan, change }), addresses: [change.address] })),
  );
}

/** What there is the same to say of is told once, in the order in which it came up. */
function toldTogether(violations: readonly PolicyViolation[]): readonly PolicyViolation[] {
  const byMessage = new Map<string, Set<string>>();
  for (const { message, addresses } of violations) {
    const together = byMessage.get(message) ?? new Set();
    for (const address of addresses) together.add(address);
    byMessage.set(message, together);
  }
  return [...byMessage].map(([message, addresses]) => ({ message, addresses: [...addresses] }));
}

function judgeFunction(spec: CanonicalPolicy, check: PolicyCheck, plan: Plan): readonly PolicyViolation[] {
  const answer = check(plan);
  if (answer === undefined || answer === null) return [];
  const message = compileTemplate(spec.message, policyVariables(spec), { documents: true });
  const fallback = (): string => message.evaluate({ plan });
  return toldTogether((Array.isArray(answer) ? answer : [answer]).map((one: unknown) => violationOf(one, fallback)));
}

function violationOf(value: unknown, message: () => string): PolicyViolation {
  if (typeof value === 'string') return { message: value, addresses: [] };
  if (!isJsonObject(value) || typeof (value as { then?: unknown }).then === 'function') {
    const hint = typeof value === 'boolean' ? ': it returns what violates it, or nothing' : '';
    throw new Nonsense(`The function returned ${shown(value)}${hint}.`);
  }
  const { message: own, address, addresses } = value as Readonly<Record<string, JsonValue | undefined>>;
  const named = [...(address === undefined ? [] : [address]), ...(Array.isArray(addresses) ? addresses : [])];
  if (!named.every((one) => typeof one === 'string') || (own !== undefined && typeof own !== 'string')) {
    throw new Nonsense(`The function returned ${shown(value)}, whose message and addresses are no texts.`);
  }
  return { message: own ?? message(), addresses: named as readonly string[] };
}

/** What a policy answers that means nothing. */
class Nonsense extends Error {}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'then' in value) return 'a promise: it must be synchronous';
  const text = typeof value === 'function' ? 'a function' : String(JSON.stringify(value));
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function reasonOf(error: unknown, limitMs: number): string {
  if (error instanceof Nonsense) return error.message;
  if (error instanceof MlopsError) return error.detail;
  if (isTimeUp(error)) return `It had not ended after ${limitMs / 1000} s.`;
  // An error of the function's own: it may come from anywhere, and be anything.
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `The function threw ${text.split('\n')[0]}.`;
}

/** A function that writes into the plan fails, instead of changing what is applied. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}
