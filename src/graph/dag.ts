/**
 * A directed graph of things that depend on one another, held by graphlib. What graphlib does recursively (order, cycles)
 * is done here with explicit stacks and queues: a chain of 50,000 nodes must not overflow the call stack.
 */
import { Graph } from '@dagrejs/graphlib';

export interface DagNode<Id extends string> {
  readonly id: Id;
  /** Ids that are no node of the graph are ignored: a part of a larger graph is a graph. */
  readonly dependsOn: Iterable<Id>;
}

export interface Dag<Id extends string = string> {
  /** In the order given. */
  readonly ids: readonly Id[];
  has(id: Id): boolean;
  dependenciesOf(id: Id): readonly Id[];
  dependentsOf(id: Id): readonly Id[];
  /** `[dependent, dependency]` pairs. */
  edges(): readonly (readonly [Id, Id])[];
  /** Dependencies first; what does not depend on each other stays in the order given. Throws CycleError. */
  topologicalOrder(): readonly Id[];
  /** A cycle as a path that ends where it starts (`a → b → a`), each depending on the next. */
  findCycle(): readonly Id[] | undefined;
  /** Everything that depends on one of `roots`, directly or not, without the roots themselves unless they depend on each other. */
  transitiveDependents(roots: Iterable<Id>): ReadonlySet<Id>;
  transitiveDependencies(roots: Iterable<Id>): ReadonlySet<Id>;
}

export class CycleError extends Error {
  override readonly name = 'CycleError';
  readonly path: readonly string[];
  constructor(path: readonly string[]) {
    super(`dependency cycle: ${path.join(' → ')}`);
    this.path = path;
  }
}

export function createDag<Id extends string>(nodes: Iterable<DagNode<Id>>): Dag<Id> {
  const graph = new Graph({ directed: true });
  const list = [...nodes];
  for (const { id } of list) graph.setNode(id);
  for (const { id, dependsOn } of list) {
    for (const dependency of dependsOn) if (graph.hasNode(dependency)) graph.setEdge(dependency, id);
  }
  const ids = graph.nodes() as Id[];
  const dependenciesOf = (id: Id): readonly Id[] => (graph.predecessors(id) ?? []) as Id[];
  const dependentsOf = (id: Id): readonly Id[] => (graph.successors(id) ?? []) as Id[];

  const kahn = (): readonly Id[] => {
    const waiting = new Map<Id, number>(ids.map((id) => [id, dependenciesOf(id).length]));
    const order = ids.filter((id) => waiting.get(id) === 0);
    for (let next = 0; next < order.length; next += 1) {
      for (const dependent of dependentsOf(order[next] as Id)) {
        const left = (waiting.get(dependent) ?? 0) - 1;
        waiting.set(dependent, left);
        if (left === 0) order.push(dependent);
      }
    }
    return order;
  };

  const findCycle = (): readonly Id[] | undefined => {
    const order = new Set(kahn());
    if (order.size === ids.length) return undefined;
    // Every node left depends on another one left, so following dependencies among them must come back.
    const path: Id[] = [];
    const seenAt = new Map<Id, number>();
    let at = ids.find((id) => !order.has(id));
    while (at !== undefined && !seenAt.has(at)) {
      seenAt.set(at, path.length);
      path.push(at);
      at = dependenciesOf(at).find((id) => !order.has(id));
    }
    return at === undefined ? undefined : [...path.slice(seenAt.get(at)), at];
  };

  const reach = (roots: Iterable<Id>, next: (id: Id) => readonly Id[]): ReadonlySet<Id> => {
    const found = new Set<Id>();
    const queue = [...roots].filter((id) => graph.hasNode(id));
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      for (const other of next(id)) {
        if (found.has(other)) continue;
        found.add(other);
        queue.push(other);
      }
    }
    return found;
  };

  return {
    ids,
    has: (id) => graph.hasNode(id),
    dependenciesOf,
    dependentsOf,
    edges: () => graph.edges().map(({ v, w }) => [w as Id, v as Id] as const),
    topologicalOrder: () => {
      const order = kahn();
      if (order.length !== ids.length) throw new CycleError(findCycle() ?? []);
      return order;
    },
    findCycle,
    transitiveDependents: (roots) => reach(roots, dependentsOf),
    transitiveDependencies: (roots) => reach(roots, dependenciesOf),
  };
}
