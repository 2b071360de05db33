/** The tree of an expression: what it reads, and the changes of its text that make it mean what expression.ts promises. */
import type { ASTNode } from '@marcbachmann/cel-js';

/** A place in the text of an expression. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** An item of a list, whichever, or a member whose name is computed. */
export const ITEM = Symbol('item');

/** What is read of a variable: its name, then member by member; `c` of `plan.changes.exists(c, …)` is an {@link ITEM} of the list. */
export interface PathRead {
  readonly path: readonly (string | typeof ITEM)[];
  /** Of the last member. */
  readonly place: Place;
}

type Path = PathRead['path'];

/** Macros whose first argument names a variable of their own. */
const BINDING_MACROS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

export function readsOf(root: ASTNode): {
  readonly references: readonly { readonly name: string; readonly place: Place }[];
  readonly paths: readonly PathRead[];
} {
  const references: { name: string; place: Place }[] = [];
  const paths: PathRead[] = [];
  /** `bound`: the variables of macros around, with what they stand for where that is known. */
  const visit = (node: ASTNode, bound: ReadonlyMap<string, Path | undefined>): void => {
    const path = pathOf(node, bound);
    if (path !== undefined && path.length > 1 && node.op !== 'rcall') {
      const name = path.at(-1);
      const length = node.op === '.' && typeof name === 'string' ? name.length : 0;
      paths.push({ path, place: { start: node.range.end - length, end: node.range.end } });
    }
    if (node.op === 'id') {
      if (!bound.has(node.args)) references.push({ name: node.args, place: node.range });
      return;
    }
    if (node.op === 'rcall' && BINDING_MACROS.has(node.args[0])) {
      const [, receiver, [variable, ...rest]] = node.args;
      visit(receiver, bound);
      const list = pathOf(receiver, bound);
      const inner = new Map(bound);
      if (variable?.op === 'id') inner.set(variable.args, list === undefined ? undefined : [...list, ITEM]);
      for (const argument of rest) visit(argument, inner);
      return;
    }
    for (const child of childrenOf(node)) visit(child, bound);
  };
  visit(root, new Map());
  return { references, paths };
}

function pathOf(node: ASTNode, bound: ReadonlyMap<string, Path | undefined>): Path | undefined {
  switch (node.op) {
    case 'id':
      return bound.has(node.args) ? bound.get(node.args) : [node.args];
    case '.': {
      const left = pathOf(node.args[0], bound);
      return left === undefined ? undefined : [...left, node.args[1]];
    }
    case '[]': {
      const left = pathOf(node.args[0], bound);
      const key = node.args[1];
      const segment = key.op === 'value' && typeof key.args === 'string' ? key.args : ITEM;
      return left === undefined ? undefined : [...left, segment];
    }
    case 'rcall':
      return node.args[0] === 'filter' ? pathOf(node.args[1], bound) : undefined;
    default:
      return undefined;
  }
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

/** A change of a text. */
export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** `toWritten`: from an offset in the new text to the one in the text as it was. */
export function edited(
  text: string,
  edits: readonly Edit[],
): { readonly text: string; readonly toWritten: (offset: number) => number } {
  // Of several at one place the one that was found first stands first.
  const sorted = edits
    .map((edit, index) => ({ edit, index }))
    .sort((a, b) => a.edit.at - b.edit.at || a.index - b.index);
  let out = '';
  let from = 0;
  const starts: { readonly out: number; readonly written: number }[] = [{ out: 0, written: 0 }];
  for (const { edit } of sorted) {
    out += text.slice(from, edit.at) + edit.insert;
    from = edit.at + edit.remove;
    starts.push({ out: out.length, written: from });
  }
  out += text.slice(from);
  return {
    text: out,
    toWritten: (offset) => {
      const next = starts.findIndex((start) => start.out > offset);
      const start = starts[(next < 0 ? starts.length : next) - 1] ?? { out: 0, written: 0 };
      const end = next < 0 ? text.length : (starts[next]?.written ?? text.length);
      return Math.min(start.written + offset - start.out, end);
    },
  };
}

/** Whole literals written as doubles, except where CEL wants a whole number: an index, an argument of a call. */
export function doubleLiterals(text: string, root: ASTNode): readonly Edit[] {
  const edits: Edit[] = [];
  const visit = (node: ASTNode): void => {
    if (node.op === 'value') {
      if (typeof node.args === 'bigint' && /^\d+$/.test(text.slice(node.range.start, node.range.end)))
        edits.push({ at: node.range.end, remove: 0, insert: '.0' });
      return;
    }
    const keepsWhole = node.op === 'call' || node.op === 'rcall' || node.op === '[]' || node.op === '[?]';
    for (const child of childrenOf(node)) if (!(keepsWhole && child.op === 'value')) visit(child);
  };
  visit(root);
  return edits;
}

/** `size(a)` and `a.size()` as `double(size(a))`: a number like others. */
export function doubleSizes(root: ASTNode): readonly Edit[] {
  const edits: Edit[] = [];
  const visit = (node: ASTNode): void => {
    const isSize = (node.op === 'call' || node.op === 'rcall') && node.args[0] === 'size';
    if (isSize) edits.push({ at: node.range.start, remove: 0, insert: 'double(' });
    for (const child of childrenOf(node)) visit(child);
    if (isSize) edits.push({ at: node.range.end, remove: 0, insert: ')' });
  };
  visit(root);
  return edits;
}

/**
 * `a.b[0].c` as `a.?b[?0].?c.orValue(null)`: null where a member is absent, instead of an error. `has(a.b)` is then
 * `(a.?b.orValue(null) != null)`; where a truth is asked for, null is none; what a macro goes through is empty when it is null.
 */
export function forgivingAccess(text: string, root: ASTNode): readonly Edit[] {
  const edits: Edit[] = [];
  const around = (node: ASTNode, before: string, after: string, visitInside: () => void): void => {
    edits.push({ at: node.range.start, remove: 0, insert: before });
    visitInside();
    edits.push({ at: node.range.end, remove: 0, insert: after });
  };
  const chain = (node: Extract<ASTNode, { op: '.' | '[]' }>): void => {
    const [left, right] = node.args;
    if (left.op === '.' || left.op === '[]') chain(left);
    else visit(left);
    // Between what it is read of and the mark there may be the parentheses around it.
    const gap = /^[\s)]*[.[]/.exec(text.slice(left.range.end))?.[0].length ?? 0;
    edits.push({ at: left.range.end + gap, remove: 0, insert: '?' });
    if (typeof right !== 'string') visit(right);
  };
  const visit = (node: ASTNode, use?: 'truth' | 'list'): void => {
    const children = childrenOf(node);
    if (node.op === '.' || node.op === '[]') {
      if (use === 'truth') around(node, '(', ' == true)', () => visit(node));
      else if (use === 'list') around(node, 'coalesce(', ', [])', () => visit(node));
      else around(node, '', '.orValue(null)', () => chain(node));
    } else if (node.op === 'call' && node.args[0] === 'has') {
      edits.push({ at: node.range.start, remove: 'has'.length, insert: '(' });
      for (const child of children) visit(child);
      edits.push({ at: node.range.end, remove: 0, insert: ' != null)' });
    } else if (node.op === 'rcall' && BINDING_MACROS.has(node.args[0])) {
      const [name, receiver, [, ...rest]] = node.args;
      visit(receiver, 'list');
      for (const [index, argument] of rest.entries()) {
        const isTest = name !== 'map' || index < rest.length - 1;
        visit(argument, isTest ? 'truth' : undefined);
      }
    } else {
      const isTest = (index: number): boolean =>
        node.op === '&&' || node.op === '||' || node.op === '!_' || (node.op === '?:' && index === 0);
      for (const [index, child] of children.entries()) visit(child, isTest(index) ? 'truth' : undefined);
    }
  };
  visit(root);
  return edits;
}
