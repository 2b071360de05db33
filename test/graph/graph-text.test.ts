/** Whatever names are: the graph is one that Graphviz and Mermaid read, and shows them as they are. */
import { Graphviz } from '@hpcc-js/wasm-graphviz';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { graphText } from '../../src/cli/graph-text.ts';
import { layoutSvg } from '../../src/graph/svg.ts';

const PIECES = [
  '"',
  '\\',
  '\\"',
  '\\n',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  '<br/>',
  '</text><script>',
  '-->',
  '->',
  ';',
  '%%',
  '`',
];
const MORE = [
  '#35;',
  '#quot;',
  '&lt;',
  '&',
  "'",
  '|',
  'end',
  'subgraph',
  '\n',
  '\r',
  '\u0000',
  '\u202e',
  '\ud800',
  'é',
  '名',
  '🧪',
  ' ',
];
const text = fc
  .array(fc.oneof(fc.constantFrom(...PIECES, ...MORE), fc.string({ maxLength: 6 })), { maxLength: 8 })
  .map((parts) => parts.join(''));

interface Drawn {
  readonly nodes: readonly { readonly address: string; readonly kind: string; readonly name: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

/** A graph of up to five, each needing the one before. */
const graph: fc.Arbitrary<Drawn> = fc.array(text, { minLength: 1, maxLength: 5 }).map((names) => {
  const nodes = names.map((name, index) => ({ address: `source.${name}${index}`, kind: 'source', name }));
  const edges = nodes.slice(1).map(({ address }, index) => ({ from: nodes[index]?.address ?? '', to: address }));
  return { nodes, edges };
});

/** What a reader is to see: on one line, with what cannot be seen spelled out. */
const seen = (name: string): string =>
  name
    .replace(/\r\n/g, '\n')
    .replace(/\p{Cc}|\p{Cf}|\p{Surrogate}/gu, (one) => (/[\n\t]/.test(one) ? one : `<U+${numberOf(one)}>`))
    .replace(/\s+/g, ' ');
const numberOf = (one: string): string => (one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');

it('Graphviz reads every graph and finds every name and arrow in it', async () => {
  const graphviz = await Graphviz.load();
  fc.assert(
    fc.property(graph, ({ nodes, edges }) => {
      const read = JSON.parse(graphviz.layout(graphText('dot', nodes, edges), 'dot_json', 'nop')) as {
        readonly objects: readonly { readonly label: string }[];
        readonly edges?: readonly { readonly tail: number; readonly head: number }[];
      };
      const labels = read.objects.map(({ label }) =>
        label.replace(/\\(.)/g, (_all, one: string) => (one === 'n' ? '\n' : one)).replaceAll('&amp;', '&'),
      );
      expect(labels).toEqual(nodes.map(({ name }) => `source\n${seen(name)}`));
      expect((read.edges ?? []).map(({ tail, head }) => [tail, head])).toEqual(
        edges.map((_edge, index) => [index, index + 1]),
      );
    }),
    { seed: 5, numRuns: 300 },
  );
});

it('the drawing is well-formed XML without anything of theirs that is run', async () => {
  for (const { nodes, edges } of fc.sample(graph, { seed: 5, numRuns: 40 })) {
    const svg = await layoutSvg(graphText('dot', nodes, edges));
    const { errors } = await validateXML({ xml: [{ fileName: 'graph.svg', contents: svg }], schema: [] as never });
    expect(errors).toEqual([]);
    expect(svg).not.toMatch(/<script|\son\w+=|href=/);
  }
});

/** Mermaid's `id["text"]`: in quotes everything but a quote; `#N;` is a character by its number. We write less than that. */
const NODE = /^ {2}(n\d+)\["((?:[\p{L}\p{M}\p{N} ._/:,-]|#\d+;)*)<br\/>((?:[\p{L}\p{M}\p{N} ._/:,-]|#\d+;)*)"\]$/u;
const EDGE = /^ {2}(n\d+) --> (n\d+)$/;

it('Mermaid gets nothing but nodes and arrows, and each name whole', () => {
  fc.assert(
    fc.property(graph, ({ nodes, edges }) => {
      const [head, ...lines] = graphText('mermaid', nodes, edges).split('\n');
      expect(head).toBe('flowchart LR');
      const read = lines.slice(0, nodes.length).map((line) => NODE.exec(line));
      expect(read.map((found) => found?.[1])).toEqual(nodes.map((_node, index) => `n${index}`));
      expect(
        read.map((found) => found?.[3]?.replace(/#(\d+);/g, (_all, number) => String.fromCodePoint(Number(number)))),
      ).toEqual(nodes.map(({ name }) => seen(name)));
      expect(lines.slice(nodes.length).map((line) => EDGE.exec(line)?.slice(1))).toEqual(
        edges.map((_edge, index) => [`n${index}`, `n${index + 1}`]),
      );
    }),
    { seed: 5, numRuns: 500 },
  );
});
