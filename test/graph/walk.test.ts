import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleError, createDag } from '../../src/graph/dag.ts';
import { walk } from '../../src/graph/walk.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const diamond = createDag([
  { id: 'base', dependsOn: [] },
  { id: 'left', dependsOn: ['base'] },
  { id: 'right', dependsOn: ['base'] },
  { id: 'top', dependsOn: ['left', 'right'] },
]);

describe('walking a graph', () => {
  it('visits what is depended on first, and the other way round when taking down', async () => {
    const seen: string[] = [];
    const visit = async (id: string): Promise<void> => {
      seen.push(id);
    };
    await walk(diamond, visit, { concurrency: 1 });
    await walk(diamond, visit, { concurrency: 1, direction: 'dependents-first' });
    expect(seen).toEqual(['base', 'left', 'right', 'top', 'top', 'left', 'right', 'base']);
  });

  it('skips what depends on a failure, names the failure once for each, and goes on elsewhere', async () => {
    const skips: string[] = [];
    const problem = new Error('no');
    const result = await walk(
      diamond,
      async (id) => {
        if (id === 'left') throw problem;
      },
      { onSkip: (id, because) => skips.push(`${id} because ${because}`) },
    );
    expect(result.done).toEqual(['base', 'right']);
    expect([...result.failed]).toEqual([['left', problem]]);
    expect([...result.skipped]).toEqual([['top', 'left']]);
    expect(skips).toEqual(['top because left']);
    expect(result.remaining).toEqual([]);
  });

  it('starts nothing after an abort and finishes what is in hand', async () => {
    const abort = new AbortController();
    const result = await walk(
      diamond,
      async (id) => {
        await tick();
        if (id === 'left') abort.abort();
        await tick();
      },
      { signal: abort.signal },
    );
    expect(result.done).toEqual(['base', 'left', 'right']);
    expect(result.remaining).toEqual(['top']);
  });

  it('refuses a cycle', async () => {
    const cyclic = createDag([
      { id: 'a', dependsOn: ['b'] },
      { id: 'b', dependsOn: ['a'] },
    ]);
    await expect(walk(cyclic, async () => {})).rejects.toThrow(CycleError);
  });

  it('keeps order, bound and completeness on random graphs with random failures', async () => {
    const graphs = fc.array(fc.tuple(fc.array(fc.nat(), { maxLength: 4 }), fc.integer({ min: 0, max: 9 })), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 6 }), async (rows, concurrency) => {
        const nodes = rows.map(([wants, fate], index) => ({
          id: String(index),
          fails: fate === 0,
          dependsOn: index === 0 ? [] : wants.map((want) => String(want % index)),
        }));
        let running = 0;
        let most = 0;
        const ended = new Set<string>();
        const result = await walk(
          createDag(nodes),
          async (id) => {
            const node = nodes[Number(id)];
            running += 1;
            most = Math.max(most, running);
            expect(node?.dependsOn.every((other) => ended.has(other))).toBe(true);
            await tick();
            running -= 1;
            if (node?.fails) throw new Error(id);
            ended.add(id);
          },
          { concurrency },
        );
        expect(most).toBeLessThanOrEqual(concurrency);
        expect(result.done.length + result.failed.size + result.skipped.size).toBe(nodes.length);
        for (const because of result.skipped.values()) expect(result.failed.has(because)).toBe(true);
      }),
      { seed: 20261124, numRuns: 200 },
    );
  });

  it('walks 50,000 nodes in seconds', async () => {
    const wide = createDag(
      Array.from({ length: 50_000 }, (_, index) => ({
        id: `n${index}`,
        dependsOn: index < 100 ? [] : [`n${index % 100}`],
      })),
    );
    const started = performance.now();
    const result = await walk(wide, async () => {});
    expect(result.done).toHaveLength(50_000);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
