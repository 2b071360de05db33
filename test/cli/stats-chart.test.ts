/** Statistics as a terminal shows them: as wide as there is room, and in ASCII where there is no more. */
import { describe, expect, it } from 'vitest';
import { columnText, showsUnicode } from '../../src/cli/stats-chart.ts';
import { binEdges, type ColumnProfile } from '../../src/stores/profile.ts';

const column: ColumnProfile = {
  dtype: 'float64',
  count: 1945,
  nulls: 12,
  invalid: 3,
  distinct: 12_345,
  distinctEstimated: true,
  sampled: false,
  min: 0.1,
  max: 38,
  mean: 3.4567891,
  sd: 5.25,
  quantiles: { p1: 0.3, p5: 0.5, p25: 0.8, p50: 1.3, p75: 3.4, p95: 15, p99: 27 },
  histogram: { edges: [0, 5, 10, 15, 20], counts: [0, 1500, 250, 100, 60, 23] },
  nonFinite: 0,
  top: null,
  lengths: null,
};
const words: ColumnProfile = {
  ...column,
  dtype: 'string',
  distinct: 2,
  distinctEstimated: false,
  invalid: null,
  min: null,
  max: null,
  mean: null,
  sd: null,
  quantiles: null,
  histogram: null,
  top: [
    { value: 'männlich', count: 900 },
    { value: 'w', count: 100 },
  ],
  lengths: { min: 1, mean: 7.3, max: 8 },
};

describe('the chart of a feature', () => {
  it('has its figures, and a bin a character as high as its share of the fullest', () => {
    expect(columnText('bili', column, undefined, { width: 100, unicode: true })).toBe(
      [
        'bili float64',
        '  rows 1945  nulls 12 (0.6 %)  distinct ≈12345  not as expected 3',
        '  min 0.1  max 38  mean 3.457  sd 5.25',
        '  p1 0.3  p5 0.5  p25 0.8  p50 1.3  p75 3.4  p95 15  p99 27',
        '  | █▂▁▁▁|',
        '  4 bins from 0 to 20, 23 > 20',
      ].join('\n'),
    );
  });

  it('shows two beside each other where their bins are the same, and what changed', () => {
    const before = {
      ...column,
      count: 1000,
      mean: 3,
      histogram: { edges: [0, 5, 10, 15, 20], counts: [0, 1, 1, 1, 1, 0] },
    };
    const text = columnText('bili', column, before, { width: 100, unicode: true });
    expect(text).toContain('rows 1000 → 1945');
    expect(text).toContain('mean 3 → 3.457');
    expect(text).toContain('before | ████ |\n  now    | █▂▁▁▁|');
    const other = { ...before, histogram: { edges: [0, 1], counts: [1, 1, 1] } };
    expect(columnText('bili', column, other, { width: 100, unicode: true })).not.toContain('before |');
  });

  it('is ASCII where the terminal shows no more', () => {
    for (const each of [column, words]) {
      const text = columnText('x', each, { ...each, count: 1 }, { width: 80, unicode: false });
      expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    }
    expect(showsUnicode({ LANG: 'C' })).toBe(false);
    expect(showsUnicode({ LANG: 'de_DE.UTF-8' })).toBe(true);
    expect(showsUnicode({ LANG: 'en_US.UTF-8', LC_ALL: 'POSIX' })).toBe(false);
    expect(showsUnicode({ TERM: 'dumb', LANG: 'en_US.UTF-8' })).toBe(false);
  });

  it.each([20, 40, 60, 80, 200])('keeps to %i columns, but for single words', (width) => {
    const many = {
      ...column,
      histogram: { edges: Array.from({ length: 60 }, (_, at) => at), counts: new Array<number>(61).fill(3) },
    };
    for (const each of [many, words])
      for (const line of columnText('x', each, undefined, { width, unicode: true }).split('\n'))
        expect(line.length, line).toBeLessThanOrEqual(Math.max(width, 50));
  });

  it('shows the most frequent values with their shares', () => {
    expect(columnText('sex', words, undefined, { width: 60, unicode: true })).toContain('"männlich"  ████');
    expect(columnText('sex', words, undefined, { width: 60, unicode: true })).toContain('100 (5.1 %)');
  });
});

describe('the bins', () => {
  it('are round numbers that hold the range, and do not depend on the data in it', () => {
    expect(binEdges(0.03, 0.97, false)).toEqual(binEdges(0.031, 0.968, false));
    expect(binEdges(0, 1, false)).toEqual(Array.from({ length: 21 }, (_, at) => Number((at * 0.05).toPrecision(12))));
    expect(binEdges(1, 6, true)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(binEdges(-1e9, 1e9, true)).toHaveLength(22);
    expect(binEdges(7, 7, false)).toEqual([7]);
  });
});
