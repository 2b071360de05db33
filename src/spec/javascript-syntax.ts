/** JavaScript and TypeScript as a tree: parsing, and going through it. */
import { createRequire } from 'node:module';
import type { File, Node } from '@babel/types';

/** Undefined where it does not parse. */
export function parseJavascript(text: string, path: string): File['program'] | undefined {
  const { parse } = createRequire(import.meta.url)('@babel/parser') as typeof import('@babel/parser');
  try {
    return parse(text, {
      sourceType: 'unambiguous',
      errorRecovery: true,
      plugins: path.endsWith('x') ? ['typescript', 'jsx'] : ['typescript'],
    }).program;
  } catch {
    return undefined;
  }
}

/** The nodes right below, in order. */
export function childNodes(node: Node): Node[] {
  const children: Node[] = [];
  for (const [key, value] of Object.entries(node)) {
    if (key === 'loc' || key.endsWith('Comments')) continue;
    if (Array.isArray(value)) children.push(...value.filter(isNode));
    else if (isNode(value)) children.push(value);
  }
  return children;
}

export function visitNodes(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const child of childNodes(node)) visitNodes(child, see);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}
