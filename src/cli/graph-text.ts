/** A dependency graph for Graphviz and Mermaid. Arrows go from what is needed to what needs it: the way of the data. */

import { legibleText } from '../plan/render/legible.ts';

export interface GraphNode {
  readonly address: string;
  readonly kind: string;
  readonly name: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** It starts runs of what it leads to: drawn dashed. */
  readonly starts?: boolean;
}

const SHAPES: Readonly<Record<string, string>> = {
  source: 'cylinder',
  entity: 'diamond',
  feature_set: 'box',
  feature_service: 'component',
  pipeline: 'cds',
  model: 'box3d',
  endpoint: 'oval',
  policy: 'octagon',
};

export function graphText(format: 'dot' | 'mermaid', nodes: readonly GraphNode[], edges: readonly GraphEdge[]): string {
  if (format === 'dot') {
    return [
      'digraph mlops {',
      '  rankdir = LR;',
      ...nodes.map(
        ({ address, kind, name }) =>
          `  ${quoted(address)} [label="${label(kind)}\\n${label(name)}", shape=${SHAPES[kind] ?? 'box'}];`,
      ),
      ...edges.map(
        ({ from, to, starts }) =>
          `  ${quoted(from)} -> ${quoted(to)}${starts ? ' [style=dashed, label="starts"]' : ''};`,
      ),
      '}',
    ].join('\n');
  }
  const ids = new Map(nodes.map(({ address }, index) => [address, `n${index}`]));
  return [
    'flowchart LR',
    ...nodes.map(({ address, kind, name }) => `  ${ids.get(address)}["${coded(kind)}<br/>${coded(name)}"]`),
    ...edges.map(({ from, to, starts }) => `  ${ids.get(from)} ${starts ? '-. starts .->' : '-->'} ${ids.get(to)}`),
  ].join('\n');
}

/** A name in Graphviz's language. */
function quoted(text: string): string {
  return `"${legibleText(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A text that is shown there: `&` begins an entity. */
function label(text: string): string {
  return quoted(oneLine(text).replaceAll('&', '&amp;')).slice(1, -1);
}

/** In Mermaid's quoted texts every character can be written by its number; letters, digits and the like need not be. */
function coded(text: string): string {
  return oneLine(text).replace(/[^\p{L}\p{M}\p{N} ._/:,-]/gu, (one) => `#${one.codePointAt(0)};`);
}

function oneLine(text: string): string {
  return legibleText(text).replace(/\s+/g, ' ');
}
