import { describe, expect, it } from 'vitest';
import { CycleError, createDag } from '../../src/graph/dag.ts';

const diamond = createDag<string>([
  { id: 'top', dependsOn: ['left', 'right'] },
  { id: 'left', dependsOn: ['base'] },
  { id: 'right', dependsOn: ['base'] },
  { id: 'base', dependsOn: [] },
  { id: 'alone', dependsOn: ['elsewhere'] },
]);

describe('a graph of dependencies', () => {
  it('puts dependencies first and keeps the order given otherwise', () => {
    expect(diamond.topologicalOrder()).toEqual(['base', 'alone', 'left', 'right', 'top']);
  });

  it('ignores what is outside of it', () => {
    expect(diamond.dependenciesOf('alone')).toEqual([]);
    expect(diamond.has('elsewhere')).toBe(false);
  });

  it('lists edges as dependent and dependency', () => {
    expect(diamond.edges()).toContainEqual(['top', 'left']);
    expect(diamond.edges()).toHaveLength(4);
  });

  it('finds everything that depends on a node, and everything that it depends on', () => {
    expect([...diamond.transitiveDependents(['base'])].sort()).toEqual(['left', 'right', 'top']);
    expect([...diamond.transitiveDependencies(['left'])]).toEqual(['base']);
    expect([...diamond.transitiveDependents(['top'])]).toEqual([]);
  });

  it('names a cycle as a path that ends where it starts', () => {
    const cyclic = createDag([
      { id: 'a', dependsOn: ['b'] },
      { id: 'b', dependsOn: ['c'] },
      { id: 'c', dependsOn: ['b'] },
      { id: 'd', dependsOn: ['a'] },
    ]);
    expect(cyclic.findCycle()).toEqual(['b', 'c', 'b']);
    expect(() => cyclic.topologicalOrder()).toThrow(CycleError);
    expect(diamond.findCycle()).toBeUndefined();
  });

  it('names a node that depends on itself', () => {
    expect(createDag([{ id: 'a', dependsOn: ['a'] }]).findCycle()).toEqual(['a', 'a']);
  });

  it('orders a chain of 50,000 without overflowing the stack, in seconds', () => {
    const size = 50_000;
    const chain = createDag(
      Array.from({ length: size }, (_, index) => ({
        id: `n${index}`,
        dependsOn: index === 0 ? [] : [`n${index - 1}`],
      })).reverse(),
    );
    const started = performance.now();
    expect(chain.topologicalOrder().at(-1)).toBe(`n${size - 1}`);
    expect(chain.transitiveDependents(['n0']).size).toBe(size - 1);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
