/**
 * Common Expression Language, for features computed on demand (`bili / albumin`) and conditions of tasks (`when`). One
 * implementation for training and serving. What differs from plain CEL, because values are measurements that may be missing:
 *
 * - Numbers are doubles: a literal `2` is 2.0, so `2 * bili + 1` and `1 / 2` mean what they say.
 * - Null in, null out: arithmetic, comparisons and functions over a null give null. `bili == null ? 0 : bili` and
 *   `coalesce(bili, 0)` take it up.
 * - What is no finite number (a division by zero, the logarithm of a negative) is null.
 *
 * Functions beside CEL's own: abs, ceil, floor, round, sqrt, exp, log (natural), pow, min, max, coalesce.
 */
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import { MlopsError } from './error.ts';
import { didYouMean } from './suggest.ts';

export interface Expression {
  readonly text: string;
  /** The variables that it reads, each once, in order of appearance. */
  readonly references: readonly string[];
  /** A number, string, boolean, list or map, or null. Throws SP114 where the values do not fit the expression. */
  readonly evaluate: (values: Readonly<Record<string, unknown>>) => unknown;
}

/** Offsets into the expression's text; in `data.place` of the error that {@link compileExpression} throws. */
export interface ExpressionPlace {
  readonly start: number;
  readonly end: number;
}

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
};

const FUNCTIONS: Readonly<Record<string, (...args: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  round: Math.round,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
};

const BINARY_FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  pow: (a, b) => a ** b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
};

/** Macros whose first argument names a variable of their own. */
const BINDING_MACROS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** Names that CEL itself knows: its types. */
const TYPE_NAMES: ReadonlySet<string> = new Set([
  'int',
  'uint',
  'double',
  'string',
  'bool',
  'bytes',
  'list',
  'map',
  'type',
  'null_type',
  'dyn',
]);

const environment = createEnvironment();

/** Throws SP114 for a syntax error, a type error and a variable that is not among `variables`. */
export function compileExpression(text: string, variables: Iterable<string>): Expression {
  const known = new Set(variables);
  const parsed = parse(text);
  const references = referencesOf(parsed.ast);
  for (const { name, place } of references) {
    if (!known.has(name) && !TYPE_NAMES.has(name)) {
      throw problem(text, `It reads ${JSON.stringify(name)}, which is not there.`, place, didYouMean(name, known));
    }
  }
  const doubles = withDoubleLiterals(text, parsed.ast);
  const program = doubles === text ? parsed : parse(doubles);
  const checked = program.check();
  if (!checked.valid) {
    throw problem(text, sentence(checked.error), doubles === text ? checked.error?.range : undefined);
  }
  const names = [...new Set(references.map((reference) => reference.name).filter((name) => known.has(name)))];
  return { text, references: names, evaluate: (values) => evaluate(text, program, names, values) };
}

function evaluate(
  text: string,
  program: ParseResult,
  names: readonly string[],
  values: Readonly<Record<string, unknown>>,
): unknown {
  const context: Record<string, unknown> = {};
  let hasNull = false;
  for (const name of names) {
    const value = values[name];
    if (value === null || value === undefined) {
      hasNull = true;
      context[name] = null;
    } else {
      context[name] = typeof value === 'bigint' ? Number(value) : value;
    }
  }
  try {
    return plain(program(context));
  } catch (error) {
    if (hasNull) return null;
    throw problem(text, sentence(error));
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return value;
}

function parse(text: string): ParseResult {
  try {
    return environment.parse(text);
  } catch (error) {
    throw problem(text, sentence(error), (error as { range?: ExpressionPlace }).range);
  }
}

function problem(text: string, detail: string, place?: ExpressionPlace, hint?: string): MlopsError {
  return new MlopsError('SP114', {
    detail: `The expression ${JSON.stringify(text)} cannot be used. ${detail}`,
    hint,
    ...(place === undefined ? {} : { data: { place: { start: place.start, end: place.end } } }),
  });
}

function sentence(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string };
  const line = (summary ?? message ?? String(error)).split('\n')[0] ?? '';
  return `${line.replace(/^./, (first) => first.toUpperCase())}.`;
}

function referencesOf(root: ASTNode): { readonly name: string; readonly place: ExpressionPlace }[] {
  const found: { name: string; place: ExpressionPlace }[] = [];
  const visit = (node: ASTNode, bound: ReadonlySet<string>): void => {
    if (node.op === 'id') {
      if (!bound.has(node.args)) found.push({ name: node.args, place: node.range });
      return;
    }
    if (node.op === 'rcall' && BINDING_MACROS.has(node.args[0])) {
      const [, receiver, [variable, ...rest]] = node.args;
      visit(receiver, bound);
      const inner = new Set(bound);
      if (variable?.op === 'id') inner.add(variable.args);
      for (const argument of rest) visit(argument, inner);
      return;
    }
    for (const child of childrenOf(node)) visit(child, bound);
  };
  visit(root, new Set());
  return found;
}

function childrenOf(node: ASTNode): ASTNode[] {
  const children: ASTNode[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) collect(item);
    else if (typeof value === 'object' && value !== null && 'op' in value) children.push(value as ASTNode);
  };
  if (node.op !== 'value') collect(node.args);
  return children;
}

/** Whole literals written as doubles, except where CEL wants a whole number: an index, an argument of a call. */
function withDoubleLiterals(text: string, root: ASTNode): string {
  const ends: number[] = [];
  const visit = (node: ASTNode): void => {
    if (node.op === 'value') {
      if (typeof node.args === 'bigint' && /^\d+$/.test(text.slice(node.range.start, node.range.end)))
        ends.push(node.range.end);
      return;
    }
    const keepsWhole = node.op === 'call' || node.op === 'rcall' || node.op === '[]' || node.op === '[?]';
    for (const child of childrenOf(node)) if (!(keepsWhole && child.op === 'value')) visit(child);
  };
  visit(root);
  let out = '';
  let from = 0;
  for (const end of ends.sort((a, b) => a - b)) {
    out += `${text.slice(from, end)}.0`;
    from = end;
  }
  return out + text.slice(from);
}

function createEnvironment(): Environment {
  const env = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
  const numbers = ['double', 'int'] as const;
  for (const [operator, compute] of Object.entries(ARITHMETIC)) {
    for (const [left, right] of [
      ['double', 'int'],
      ['int', 'double'],
    ] as const) {
      env.registerOperator(`${left} ${operator} ${right}`, (a: unknown, b: unknown) => compute(Number(a), Number(b)));
    }
    for (const type of [...numbers, 'string'] as const) {
      if (type === 'string' && operator !== '+') continue;
      env.registerOperator(`${type} ${operator} null`, () => null);
      env.registerOperator(`null ${operator} ${type}`, () => null);
    }
    env.registerOperator(`null ${operator} null`, () => null);
  }
  env.registerOperator('double % double', (a: number, b: number) => a % b);
  for (const [name, compute] of Object.entries(FUNCTIONS)) {
    env.registerFunction(`${name}(dyn): dyn`, (a: unknown) => (a === null ? null : compute(Number(a))));
  }
  for (const [name, compute] of Object.entries(BINARY_FUNCTIONS)) {
    env.registerFunction(`${name}(dyn, dyn): dyn`, (a: unknown, b: unknown) =>
      a === null || b === null ? null : compute(Number(a), Number(b)),
    );
  }
  env.registerFunction('coalesce(dyn, dyn): dyn', (a: unknown, b: unknown) => plain(a) ?? plain(b));
  return env;
}
