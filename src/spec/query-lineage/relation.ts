/** Relations as a query sees them, and what a name in one means. Dependencies are sets of `readKey`. */
import type { Column } from '../column.ts';
import { isEmpty, nameIn, nodesOf, orUndefined, untold } from './tree.ts';

export const readKey = (table: string, column: string): string => `${table}\t${column}`;

export type Deps = ReadonlySet<string>;

export interface Output {
  readonly name: string | null;
  /** Undefined: may be any. */
  readonly deps: Deps | undefined;
}

export interface Star {
  readonly table: string;
  readonly except: ReadonlySet<string>;
  readonly deps: Deps;
}

export interface Relation {
  readonly outputs: readonly Output[];
  readonly stars: readonly Star[];
  readonly rows: Deps;
}

export interface Visible extends Relation {
  readonly alias: string;
  /** The right side of a semi or anti join: its columns are for the condition alone. */
  readonly hidden: boolean;
}

/** Where names are looked up. */
export interface Scope {
  readonly relations: readonly Visible[];
  readonly aliases: readonly Output[];
  /** A name may mean an output even where a table has such a column: what is behind the select list. */
  readonly aliasesFirst: boolean;
  /** Columns that joins merge, in lower case. */
  readonly merged: ReadonlySet<string>;
  readonly windows: ReadonlyMap<string, Deps>;
  /** Parameters of lambdas and comprehensions, in lower case. */
  readonly bound: ReadonlySet<string>;
  readonly env: Env;
}

export interface Env {
  readonly tables: ReadonlyMap<string, readonly Column[] | undefined>;
  /** By name in lower case; undefined: it reads itself, or cannot be told. */
  readonly ctes: ReadonlyMap<string, Relation | undefined>;
  readonly outer: Scope | undefined;
  /** How a query inside an expression or a `from` is looked at. */
  readonly relationOf: (query: unknown, env: Env) => Relation;
}

export const union = (...all: readonly Deps[]): Deps => new Set(all.flatMap((deps) => [...deps]));
export const sorted = (deps: Iterable<string>): string[] => [...deps].sort();
export const NONE: Deps = new Set();

export function withRows({ outputs, stars, rows }: Relation, more: Deps): Relation {
  return {
    outputs: outputs.map(({ name, deps }) => ({ name, deps: deps === undefined ? undefined : union(deps, more) })),
    stars: stars.map((star) => ({ ...star, deps: union(star.deps, more) })),
    rows: union(rows, more),
  };
}

/** `as t(a, b)`. */
export function renamed(relation: Relation, aliases: unknown): Relation {
  if (isEmpty(aliases)) return relation;
  const names = nodesOf(aliases).map(nameIn);
  if (relation.stars.length > 0 || names.includes(undefined)) untold();
  return {
    ...relation,
    outputs: relation.outputs.map((output, index) => ({ ...output, name: names[index] ?? output.name })),
  };
}

/** Of all outputs together. */
export function everyColumn({ outputs, stars }: Pick<Relation, 'outputs' | 'stars'>): Deps {
  if (stars.length > 0) untold();
  return union(...outputs.map(({ deps }) => deps ?? untold()));
}

export function emptyScope(env: Env): Scope {
  return { relations: [], aliases: [], aliasesFirst: false, merged: NONE, windows: new Map(), bound: NONE, env };
}

/** Undefined where the relation has no such column. */
export function columnOf({ outputs, stars }: Relation, name: string): Deps | undefined {
  const lower = name.toLowerCase();
  const found = outputs.filter((output) => output.name?.toLowerCase() === lower);
  const open = stars.filter(({ except }) => !except.has(lower));
  if (open.length > 1) untold();
  if (found.length + open.length === 0) return undefined;
  return union(
    ...found.map(({ deps }) => deps ?? untold()),
    ...open.map(({ table, deps }) => union(deps, new Set([readKey(table, name)]))),
  );
}

/**
 * Where several things may be meant, all of them are. The engine looks for a lambda's parameter first, then for a column,
 * then for an output of that name.
 */
export function lookUp(name: string, scope: Scope): Deps {
  const lower = name.toLowerCase();
  if (scope.bound.has(lower)) return NONE;
  const closed = scope.relations.filter(({ outputs }) =>
    outputs.some((output) => output.name?.toLowerCase() === lower),
  );
  const open = scope.relations.filter(({ stars }) => stars.some(({ except }) => !except.has(lower)));
  if (closed.length === 0 && open.length > 1) untold();
  const searched = closed.length === 0 || scope.merged.has(lower) ? [...closed, ...open] : closed;
  const found = [...new Set(searched)].map((relation) => columnOf(relation, name) ?? NONE);
  if (closed.length === 0 || scope.aliasesFirst)
    for (const output of scope.aliases) if (output.name?.toLowerCase() === lower) found.push(output.deps ?? untold());
  if (closed.length === 0 && (found.length === 0 || open.length > 0) && scope.env.outer !== undefined) {
    const { outer } = scope.env;
    const beyond = orUndefined(() => lookUp(name, outer));
    if (beyond !== undefined) found.push(beyond);
  }
  if (found.length > 0) return union(...found);
  // A table's name stands for its whole row.
  const whole = scope.relations.filter(({ alias }) => alias === lower);
  if (whole.length === 0) untold();
  return union(...whole.map(everyColumn));
}
