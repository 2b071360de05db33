import { describe, expect, it } from 'vitest';
import { outputsChangedBy } from '../../src/spec/sql-analysis.ts';

const BEFORE =
  'select id, t, x, y * 2 as y, count(*) over w as n from labs where x > 0 window w as (partition by id order by t)';
const edited = (from: string, to: string) => {
  expect(BEFORE).toContain(from);
  return outputsChangedBy(BEFORE, BEFORE.replace(from, to));
};

describe('the outputs that an edit of a query changes', () => {
  it('are those whose expression differs, that are new or gone', async () => {
    expect(await edited('y * 2', 'y * 3')).toEqual(['y']);
    expect(await edited('y * 2 as y', 'y * 2 as y, y as z')).toEqual(['z']);
    expect(await edited('y * 2 as y, ', '')).toEqual(['y']);
    expect(await edited('count(*)', 'max(y)')).toEqual(['n']);
  });

  it('are none where only spaces, comments and the order differ', async () => {
    expect(await edited('id, t, ', '/* the key */ t,\n  id, ')).toEqual([]);
  });

  it.each([
    ['another condition', 'x > 0', 'x > 1'],
    ['another window', 'partition by id', 'partition by t'],
    ['another table', 'from labs', 'from labs_2'],
    ['an output that the condition may mean', 'x, y', '-x as x, y'],
    ['distinct', 'select id', 'select distinct id'],
    ['rows made by an item', 'y * 2 as y', 'unnest(ys) as y'],
    ['a star', 'id, t,', '*,'],
    ['no name', 'y * 2 as y', 'y * 2'],
    ['what is no select', 'select', '(select 1) union select'],
    ['what cannot be read', 'select', 'selectt'],
  ])('may be any after %s', async (_, from, to) => {
    expect(await edited(from, to)).toBeUndefined();
  });

  it('may be any where a place or a name in the list counts, or all rows become one', async () => {
    const pairs = [
      ['select id, x from labs order by 2', 'select id, y as x from labs order by 2'],
      ['select id, x from labs group by all', 'select id, max(x) as x from labs group by all'],
      ['select x + 1 as a, a * 2 as b from labs', 'select x + 2 as a, a * 2 as b from labs'],
      ['select x as a from labs', 'select max(x) as a from labs'],
    ] as const;
    for (const [before, after] of pairs) expect(await outputsChangedBy(before, after), after).toBeUndefined();
    expect(
      await outputsChangedBy(
        'select id, max(x) as x from labs group by id',
        'select id, min(x) as x from labs group by id',
      ),
    ).toEqual(['x']);
  });
});
