/** Choices that the specs leave open: which pairs are found, and what is to be pasted. */
import { describe, expect, it } from 'vitest';
import { movedShare } from '../../src/plan/analyzers/traffic.ts';
import type { Decision, Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import type { AnyResource } from '../../src/spec/project.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { projectOf, resource } from '../support/specs.ts';

const source = (name: string, more: object = {}): AnyResource =>
  resource('source', { name, file: 'a.csv', nulls: ['NA'], delimiter: ';', ...more });

async function plan(
  before: readonly AnyResource[],
  after: readonly AnyResource[],
  options: object = {},
): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(projectOf(before), state, { effects: memoryEffects() });
  return planOf(projectOf(after), state, options);
}

const pairs = ({ decisions }: Plan): readonly string[] => decisions.map(({ addresses }) => addresses.join(' → '));

describe('decisions', () => {
  it('ask whether what comes is what goes, with the line to paste at its place', async () => {
    const made = await plan([source('old')], [source('new')]);
    expect(made.decisions).toEqual<Decision[]>([
      {
        kind: 'rename-or-create',
        addresses: ['source.old', 'source.new'],
        question: 'Is source.new a new name of source.old? Their specs are the same.',
        options: [
          {
            meaning: expect.any(String) as string,
            paste: "movedFrom: 'old'",
            at: { file: 'mlops.config.ts', line: 1, column: 3 },
          },
          { meaning: 'source.old is destroyed, source.new starts anew', paste: null, at: null },
        ],
      },
    ]);
    expect(renderHuman(made, { color: false })).toContain("paste at mlops.config.ts:1:3: movedFrom: 'old'");
    expect(renderMarkdown(made)).toContain("paste at `mlops.config.ts:1:3`: `movedFrom: 'old'`");
    expect(made.applyable).toBe(true);
  });

  it('are none once movedFrom is pasted, in a destroy, and where the specs are not alike', async () => {
    expect((await plan([source('old')], [source('new', { movedFrom: 'old' })])).decisions).toEqual([]);
    expect((await plan([source('old')], [source('new')], { mode: 'destroy' })).decisions).toEqual([]);
    expect((await plan([source('old')], [source('new', { file: 'b.csv', nulls: [] })])).decisions).toEqual([]);
    expect(
      (await plan([source('old')], [resource('entity', { name: 'old', keys: { id: 'int64' } })])).decisions,
    ).toEqual([]);
  });

  it('pair the most alike first, each in one pair, and do so again', async () => {
    const before = [source('a'), source('b', { format: 'csv' })];
    const after = [source('c', { format: 'csv' }), source('d')];
    const first = await plan(before, after);
    expect(pairs(first)).toEqual(['source.a → source.d', 'source.b → source.c']);
    expect((await plan([...before].reverse(), [...after].reverse())).decisions).toEqual(first.decisions);
  });

  it('find the same among thousands, one for one', async () => {
    const many = (prefix: string): AnyResource[] =>
      Array.from({ length: 300 }, (_, index) =>
        source(`${prefix}${String(index).padStart(3, '0')}`, { file: `${index}.csv` }),
      );
    const made = await plan(many('a'), many('b'));
    expect(pairs(made)).toHaveLength(300);
    expect(pairs(made)[7]).toBe('source.a007 → source.b007');
  });

  it('offer to keep a feature beside the one that looks like its new name', async () => {
    const set = (features: object): AnyResource =>
      resource('feature_set', { name: 's', entity: 'e', source: 'a', eventTime: 't', features } as never, [
        'entity.e',
        'source.a',
      ]);
    const rest = [source('a'), resource('entity', { name: 'e', keys: { id: 'int64' } })];
    const made = await plan(
      [...rest, set({ bili: { dtype: 'float64', unit: 'mg/dl' } })],
      [...rest, set({ bilirubin: { dtype: 'float64', column: 'bili' } })],
    );
    expect(made.decisions[0]?.options[0]?.paste).toBe('bili: { dtype: "float64", unit: "mg/dl", column: "bili" }');
  });
});

describe('the share of keys that a split moves', () => {
  it('is counted on the ranges that variants take in the order of their names', () => {
    expect(movedShare({ a: 90, b: 10 }, { a: 80, b: 20 })).toBeCloseTo(10);
    expect(movedShare({ a: 100 }, { b: 100 })).toBe(100);
    expect(movedShare({ a: 50, b: 50 }, { a: 50, b: 50 })).toBe(0);
    // A variant whose name comes first pushes the ranges of the others along.
    expect(movedShare({ b: 50, c: 50 }, { a: 10, b: 40, c: 50 })).toBeCloseTo(10);
  });
});
