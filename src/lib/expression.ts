/**
 * Common Expression Language, for features computed on demand (`bili / albumin`) and conditions of tasks (`when`). One
 * implementation for training and serving. What differs from plain CEL, because values are measurements that may be missing:
 *
 * - Numbers are doubles: a literal `2` is 2.0, so `2 * bili + 1` and `1 / 2` mean what they say.
 * - Null in, null out: arithmetic, comparisons and functions over a null give null. `bili == null ? 0 : bili` and
 *   `coalesce(bili, 0)` take it up.
 * - What is no finite number (a division by zero, the logarithm of a negative) is null, and so is an item beyond the end of
 *   a list. `size` of a list is a number like others.
 *
 * Functions beside CEL's own: abs, ceil, floor, round, sqrt, exp, log (natural), pow, min, max, coalesce.
 *
 * Over documents (`documents: true`), whose variables are objects and lists in which members may be absent: an absent
 * member is null, also of what is null or absent itself. Null is false where a truth is asked for, an empty list where one
 * is gone through, neither less nor greater than anything, and no test of a text (`startsWith`, `matches`, …) is true of it.
 */
import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { MlopsError } from './error.ts';
import { doubleLiterals, doubleSizes, edited, forgivingAccess, type PathRead, readsOf } from './expression-tree.ts';
import { didYouMean } from './suggest.ts';

export interface Expression {
  readonly text: string;
  /** The variables that it reads, each once, in order of appearance. */
  readonly references: readonly string[];
  /** What it reads of its variables, member by member, with the place of the last one. */
  readonly reads: readonly PathRead[];
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

export interface ExpressionOptions {
  /** The variables are documents: what is absent in them is null. Default false. */
  readonly documents?: boolean;
}

const environment = createEnvironment();
let documentEnvironment: Environment | undefined;

/** Throws SP114 for a syntax error, a type error and a variable that is not among `variables`. */
export function compileExpression(
  text: string,
  variables: Iterable<string>,
  { documents = false }: ExpressionOptions = {},
): Expression {
  const known = new Set(variables);
  const { references, paths, program } = meaningOf(text, documents);
  for (const { name, place } of references) {
    if (!known.has(name) && !TYPE_NAMES.has(name)) {
      throw problem(text, `It reads ${JSON.stringify(name)}, which is not there.`, place, didYouMean(name, known));
    }
  }
  const checked = program();
  const names = [...new Set(references.map((reference) => reference.name).filter((name) => known.has(name)))];
  return {
    text,
    references: names,
    reads: paths.filter(({ path: [name] }) => typeof name === 'string' && known.has(name)),
    evaluate: (values) => evaluate(text, checked, names, values),
  };
}

/** Everything about an expression but whose variables it reads. */
interface Meaning {
  readonly references: ReturnType<typeof readsOf>['references'];
  readonly paths: readonly PathRead[];
  /** Throws SP114 for a type error. */
  readonly program: () => ParseResult;
}

/** A project's checks, its plan and its rows ask for the same texts again and again; more than this start afresh. */
const KEPT_MEANINGS = 10_000;
const meanings = new Map<string, Meaning>();

function meaningOf(text: string, documents: boolean): Meaning {
  const id = `${documents ? 'documents' : 'values'}:${text}`;
  const known = meanings.get(id);
  if (known !== undefined) return known;
  const parsed = parse(text);
  const { references, paths } = readsOf(parsed.ast);
  let checked: ParseResult | undefined;
  const program = (): ParseResult => {
    checked ??= checkedProgram(text, parsed, documents);
    return checked;
  };
  const meaning = { references, paths, program };
  if (meanings.size >= KEPT_MEANINGS) meanings.clear();
  meanings.set(id, meaning);
  return meaning;
}

function checkedProgram(text: string, parsed: ParseResult, documents: boolean): ParseResult {
  const meant = edited(text, [
    ...doubleLiterals(text, parsed.ast),
    ...(documents ? forgivingAccess(text, parsed.ast) : doubleSizes(parsed.ast)),
  ]);
  if (documents) documentEnvironment ??= createDocumentEnvironment();
  const by = documents ? documentEnvironment : environment;
  const program = meant.text === text && !documents ? parsed : parse(meant.text, by);
  const checked = program.check();
  if (checked.valid) return program;
  const place = checked.error?.range;
  throw problem(
    text,
    sentence(checked.error),
    place === undefined ? undefined : { start: meant.toWritten(place.start), end: meant.toWritten(place.end) },
  );
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
      const list = listOf(value);
      context[name] = list ?? (typeof value === 'bigint' ? Number(value) : value);
      hasNull ||= list?.includes(null) === true;
    }
  }
  try {
    return plain(program(context));
  } catch (error) {
    if (hasNull || (error as { code?: unknown }).code === 'index_out_of_bounds') return null;
    throw problem(text, sentence(error));
  }
}

/** An array or an embedding as a list of numbers, texts, booleans and nulls. */
function listOf(value: unknown): readonly unknown[] | undefined {
  if (value instanceof Float32Array) return Array.from(value);
  return Array.isArray(value) ? value.map((item) => (typeof item === 'bigint' ? Number(item) : item)) : undefined;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return Array.isArray(value) ? value.map(plain) : value;
}

function parse(text: string, by: Environment = environment): ParseResult {
  try {
    return by.parse(text);
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

function createEnvironment(enableOptionalTypes = false): Environment {
  const env = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes,
  });
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

function createDocumentEnvironment(): Environment {
  const env = createEnvironment(true);
  for (const operator of ['<', '<=', '>', '>=']) {
    for (const type of ['double', 'int', 'string']) {
      env.registerOperator(`null ${operator} ${type}`, () => false);
      env.registerOperator(`${type} ${operator} null`, () => false);
    }
    env.registerOperator(`null ${operator} null`, () => false);
  }
  // A size is a whole number, a literal beside it a double.
  env.registerOperator('int == double', (a: unknown, b: unknown) => Number(a) === Number(b));
  for (const name of ['startsWith', 'endsWith', 'contains', 'matches']) {
    env.registerFunction(`null.${name}(string): bool`, () => false);
  }
  env.registerOperator('dyn in null', () => false);
  env.registerFunction('size(null): int', () => 0n);
  env.registerFunction('null.size(): int', () => 0n);
  return env;
}
