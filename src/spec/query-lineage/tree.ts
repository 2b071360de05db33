/** The parser's tree: how its nodes are told apart, and that what is not known ends the look at it. */

/** It cannot be told. Caught where an output or the whole may be null. */
class Untold extends Error {}

export function untold(): never {
  throw new Untold('the lineage cannot be told');
}

export type Node = Readonly<Record<string, unknown>>;

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const nodesOf = (value: unknown): readonly Node[] => (Array.isArray(value) ? value.filter(isNode) : []);

/** Nodes are objects with one member, named for what they are. */
export function kindOf(value: unknown): readonly [string, Node] {
  if (!isNode(value)) untold();
  const [kind, ...more] = Object.keys(value);
  const content = kind === undefined ? undefined : value[kind];
  if (kind === undefined || more.length > 0 || !isNode(content)) untold();
  return [kind, content];
}

export function nameIn(value: unknown): string | undefined {
  const name = isNode(value) ? value['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

export const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0);

/** A member that is not known may mean anything. */
export function only(node: Node, known: ReadonlySet<string>): void {
  for (const [key, value] of Object.entries(node)) if (!known.has(key) && !isEmpty(value)) untold();
}

export function orUndefined<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof Untold) return undefined;
    throw error;
  }
}
