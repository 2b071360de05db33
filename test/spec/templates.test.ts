// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates are what this is about
import { describe, expect, it } from 'vitest';
import { expr, sql } from '../../src/index.ts';
import { canonicalizeResource } from '../../src/spec/canonicalize.ts';
import { sqlOf } from '../../src/spec/resource-value.ts';

const lookup = { get: () => undefined, names: () => new Set<string>() };

function told(tasks: object, more: object = {}): string[] {
  return canonicalizeResource(
    'pipeline',
    { name: 'p', params: { day: '2026-01-01' }, tasks, ...more },
    lookup as never,
  ).diagnostics.map(({ code, pointer, detail }) => `${code} ${pointer} ${detail}`);
}

describe('templates', () => {
  it('that read what is there, where a value can stand, are fine', () => {
    expect(
      told({
        a: { operator: 'command', command: 'echo ${{ params.day }} "on ${{ params.day }}" # done', needs: [] },
        b: {
          operator: 'sql_query',
          query: "select ${{ params.day }} as d, ${{ outputs.a.rows }} as n -- it's",
          needs: ['a'],
        },
        c: {
          operator: 'http_request',
          url: '${{ outputs.a.url }}',
          headers: { x: '${{ run.instant }}' },
          body: { all: '${{ outputs }}' },
          needs: ['b'],
        },
      }),
    ).toEqual([]);
  });

  it.each([
    [{ operator: 'sql_query', query: "select '${{ params.day }}'" }, 'a text in quotes'],
    [{ operator: 'sql_query', query: 'select "${{ params.day }}"' }, 'a quoted name'],
    [{ operator: 'sql_query', query: 'select 1 -- ${{ params.day }}' }, 'a comment'],
    [{ operator: 'sql_query', query: 'select $$ ${{ params.day }} $$' }, 'a text in quotes'],
    [{ operator: 'command', command: "echo '${{ params.day }}'" }, 'single quotes'],
    [{ operator: 'command', command: 'echo `date ${{ params.day }}`' }, 'a command in backticks'],
    [{ operator: 'command', command: 'echo "$(date ${{ params.day }})"' }, 'a command within double quotes'],
    [{ operator: 'command', command: 'sh -c "echo ${{ params.day }}"' }, 'the text of a program (after -c)'],
    [{ operator: 'command', command: 'eval ${{ params.day }}' }, 'the text of a program (after eval)'],
    [{ operator: 'command', command: 'cat <<END\n${{ params.day }}\nEND' }, 'a text after <<'],
    [{ operator: 'command', command: 'true # ${{ params.day }}' }, 'a comment'],
  ])('are refused where their value could be code: %j', (task, where) => {
    const [problem, ...others] = told({ a: task });
    expect(others).toEqual([]);
    expect(problem).toBe(
      `SP131 /tasks/a/${task.operator === 'command' ? 'command' : 'query'} The template stands in ${where}, where its value could not be told from code.`,
    );
  });

  it('of the query that gives a task its items read no item: there is none yet', () => {
    const task = (query: string) => ({
      operator: 'command',
      command: 'echo ${{ item.x }}',
      forEach: { query },
      when: 'item.x > 1',
    });
    expect(told({ a: task('select ${{ params.day }} as x') })).toEqual([]);
    expect(told({ a: task('select ${{ item }} as x') })).toEqual([
      expect.stringMatching(/^SP114 \/tasks\/a\/forEach\/query .*item/),
    ]);
    expect(told({ a: task("select '${{ params.day }}' as x") })).toEqual([
      expect.stringMatching(/^SP131 \/tasks\/a\/forEach\/query /),
    ]);
  });

  it.each([
    ['${{ params.dya }}', 'The pipeline has no parameter "dya".'],
    ['${{ outputs.later.x }}', 'The task "later" does not come before "a".'],
    ['${{ outputs.gone.x }}', 'The pipeline has no task "gone".'],
    ['${{ run.name }}', 'A run has no "name".'],
    ['${{ item }}', 'It reads "item", which is not there.'],
    ['${{ params.day', 'The template at character 6 has no end.'],
    ['${{ 1 + }}', 'cannot be used'],
  ])('are refused where they read what is not there: %s', (template, detail) => {
    const found = told({
      a: { operator: 'command', command: `echo ${template}`, needs: [] },
      later: { operator: 'command', command: 'x', needs: ['a'] },
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^SP114 \/tasks\/a\/command /);
    expect(found[0]).toContain(detail);
  });

  it('are written in a query of TypeScript by expr', () => {
    expect(sqlOf(sql`select ${1} where day = ${expr('params.day')}`)?.text).toBe(
      'select 1 where day = ${{ params.day }}',
    );
  });
});

describe('parameters', () => {
  it('are told where their declaration cannot be', () => {
    expect(
      told(
        { a: { operator: 'command', command: 'x' } },
        {
          schedule: { cron: '0 0 * * *' },
          params: {
            day: { type: 'date', required: true },
            limit: { type: 'integer', default: 0, min: 1 },
            name: { type: 'string', min: 1 },
            mode: { type: 'string', enum: ['a', 2] },
            both: { type: 'number', default: 1, required: true },
          },
        },
      ),
    ).toEqual([
      'SP103 /params/day/required The schedule of the pipeline gives no value for "day".',
      'SP103 /params/limit/default The default is at least 1; 0 was given.',
      'SP103 /params/name/min "min" goes with numbers, dates and times.',
      'SP103 /params/mode/enum/1 2 is no string.',
      'SP103 /params/both/required A parameter that has a default need not be given; leave out one of the two.',
      'SP103 /params/both/required The schedule of the pipeline gives no value for "both".',
    ]);
  });
});
