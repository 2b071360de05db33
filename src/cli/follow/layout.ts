/**
 * The DAG as a tree for a terminal. A task stands under the last task that all ways to it go through; a chain goes straight
 * down, branches are drawn to the side, and what joins them goes on below:
 *
 *     ingest
 *     ├─ labs
 *     └─ visits
 *        clean            ← a chain within a branch
 *     train               ← after labs and clean
 */
import { inOrder } from './in-order.ts';

export interface Placed {
  readonly name: string;
  /** Drawn before the symbol: `│ ├─`. */
  readonly prefix: string;
  /** What it waits for, where the drawing does not show that: names of several tasks. */
  readonly after: readonly string[];
}

interface Node {
  readonly name: string;
  readonly needs: readonly string[];
  depth: number;
  parent: Node | undefined;
  readonly children: Node[];
}

export function layoutOf(
  tasks: readonly { readonly name: string; readonly needs: readonly string[] }[],
): readonly Placed[] {
  const roots: Node[] = [];
  const nodes = new Map<string, Node>();
  for (const task of inOrder(tasks)) {
    const needs = task.needs.flatMap((need) => nodes.get(need) ?? []);
    const parent = needs.reduce<Node | undefined>(
      (shared, need, index) => (index === 0 ? need : common(shared, need)),
      undefined,
    );
    const node: Node = { name: task.name, needs: task.needs, depth: (parent?.depth ?? 0) + 1, parent, children: [] };
    nodes.set(task.name, node);
    (parent?.children ?? roots).push(node);
  }
  const placed: Placed[] = [];
  for (const root of roots) place(root, '', '', placed);
  return placed;
}

/** The nearest that both stand under. */
function common(a: Node | undefined, b: Node | undefined): Node | undefined {
  let [left, right] = [a, b];
  while (left !== right) {
    if (left === undefined || right === undefined) return undefined;
    if (left.depth >= right.depth) left = left.parent;
    else right = right.parent;
  }
  return left;
}

/** `first`: before the node itself; `rest`: before what stands under it. */
function place(node: Node, first: string, rest: string, into: Placed[]): void {
  const told = node.needs.length > 1 || (node.parent === undefined && node.needs.length > 0);
  into.push({ name: node.name, prefix: first, after: told ? node.needs : [] });
  const joins = node.children.filter(isJoin);
  const branches = node.children.filter((child) => !isJoin(child));
  // One way on, or ways that come together: straight down.
  const straight = branches.length === 1 && joins.length === 0 ? branches : joins;
  const aside = straight === branches ? [] : branches;
  aside.forEach((child, index) => {
    const last = index === aside.length - 1;
    place(child, `${rest}${last ? '└─' : '├─'}`, `${rest}${last ? '  ' : '│ '}`, into);
  });
  for (const child of straight) place(child, rest, rest, into);
}

const isJoin = (node: Node): boolean => node.needs.length > 1;
