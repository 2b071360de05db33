import { describe, expect, it } from 'vitest';
import { mentionedNames, tidySql } from '../../src/spec/sql-text.ts';

describe('the canonical text of a query', () => {
  it('is the same however the query is indented', () => {
    const canonical = 'select id,\n  bili\nfrom visits';
    for (const written of [
      canonical,
      `\n    select id,\n      bili\n    from visits;\n  `,
      `select id,\n           bili\n         from visits`,
      'select id,  \n  bili \nfrom visits',
    ]) {
      expect(tidySql(written).text).toBe(canonical);
    }
  });

  it('leaves a literal over several lines as it is', () => {
    const text = "select 'a\n    b' as c\n  from visits";
    expect(tidySql(`  ${text}  `).text).toBe(text);
  });

  it('knows where each of its characters was written', () => {
    const written = `\n    select id,\n\n      bili\n    from visits;\n  `;
    const { text, toWritten } = tidySql(written);
    for (const word of ['select', 'id', 'bili', 'from', 'visits']) {
      expect(written.slice(toWritten(text.indexOf(word))), word).toMatch(new RegExp(`^${word}`));
    }
  });
});

describe('tables that a query mentions', () => {
  const known = new Set(['visits', 'labs', 'odd-name', 'other']);
  it.each([
    ['select * from visits v join labs on true', ['labs', 'visits']],
    ['with x as (from visits) select * from x', ['visits']],
    ['select * from "odd-name"', ['odd-name']],
    ['select * from VISITS', ['visits']],
    ["select 'labs' as a, 1 -- other\n/* labs */ from visits", ['visits']],
    ['select v.labs, labs(1) from visits v', ['visits']],
  ])('%s', (sql, expected) => {
    expect(mentionedNames(sql, known)).toEqual(expected);
  });
});
