/** A dependency graph for Graphviz and Mermaid. Arrows go from what is needed to what needs it: the way of the data. */

export interface GraphNode {
  readonly address: string;
  readonly kind: string;
  readonly name: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
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
        ({ address, kind, name }) => `  "${address}" [label="${kind}\\n${name}", shape=${SHAPES[kind] ?? 'box'}];`,
      ),
      ...edges.map(({ from, to }) => `  "${from}" -> "${to}";`),
      '}',
    ].join('\n');
  }
  const ids = new Map(nodes.map(({ address }, index) => [address, `n${index}`]));
  return [
    'flowchart LR',
    ...nodes.map(({ address, kind, name }) => `  ${ids.get(address)}["${kind}<br/>${name}"]`),
    ...edges.map(({ from, to }) => `  ${ids.get(from)} --> ${ids.get(to)}`),
  ].join('\n');
}
