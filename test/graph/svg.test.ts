import { expect, it } from 'vitest';
import { graphText } from '../../src/cli/graph-text.ts';
import { layoutSvg } from '../../src/graph/svg.ts';

const nodes = [
  { address: 'source.visits', kind: 'source', name: 'visits' },
  { address: 'feature_set.labs', kind: 'feature_set', name: 'labs' },
];
const dot = graphText('dot', nodes, [{ from: 'source.visits', to: 'feature_set.labs' }]);

it('draws every resource and every arrow', async () => {
  const svg = await layoutSvg(dot);
  expect(svg).toMatch(/^<\?xml [\s\S]*<svg [\s\S]*<\/svg>\s*$/);
  expect(svg.match(/<g id="node\d+"/g)).toHaveLength(2);
  expect(svg.match(/<g id="edge\d+"/g)).toHaveLength(1);
  expect(svg).toContain('>labs</text>');
});

it('is the same for the same graph, and holds no script and no reference to elsewhere', async () => {
  const svg = await layoutSvg(dot);
  expect(await layoutSvg(dot)).toBe(svg);
  expect(svg).not.toMatch(/<script|<!DOCTYPE|\son\w+=|href=|<image|<foreignObject/);
  expect(await layoutSvg('digraph { a [label="</text><script>alert(1)</script>"]; }')).not.toContain('<script');
});

it('refuses what is no graph', async () => {
  await expect(layoutSvg('digraph {')).rejects.toThrow();
});
