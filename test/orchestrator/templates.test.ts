// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates are what this is about

import { spawnSync } from 'node:child_process';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillTask } from '../../src/orchestrator/fill-task.ts';
import { runParams } from '../../src/orchestrator/new-run.ts';
import type { CanonicalPipeline, CanonicalTask, TaskOf } from '../../src/spec/canonical-specs.ts';
import { pipelineOf } from '../support/orchestrator.ts';

const scope = {
  params: {
    day: '2026-01-01',
    limit: 10,
    deep: true,
    nasty: `'; drop table x; --"$(id)\`id\`\\`,
    none: null,
    list: [1, 'a'],
  },
  outputs: { before: { rows: 3, path: 'a b/c?d', body: { ok: true } } },
  run: { id: 'r', pipeline: 'p', cause: 'manual', instant: '2026-01-02T00:00:00.000Z' },
};
const fill = (task: object): Record<string, unknown> =>
  fillTask({ needs: [], ...task } as unknown as CanonicalTask, scope) as unknown as Record<string, unknown>;

describe('a template', () => {
  it('gives SQL literals, by the type of the value', () => {
    expect(
      fill({
        operator: 'sql_query',
        query:
          'select * from t where d = date ${{ params.day }} and n < ${{ params.limit * 2 }} and b = ${{params.deep}} and s = ${{ params.nasty }} and x is ${{ params.none }} and y in ${{ params.list }}',
      })['query'],
    ).toBe(
      `select * from t where d = date  '2026-01-01'  and n <  20  and b =  true  and s =  '''; drop table x; --"$(id)\`id\`\\'  and x is  null  and y in  (1, 'a') `,
    );
  });

  it('gives a shell line words from variables, in double quotes and outside', () => {
    const task = fill({
      operator: 'command',
      command: 'echo ${{ params.nasty }} "day ${{ params.day }}!" $HOME',
      env: { A: 'x' },
    });
    expect(task['command']).toBe('echo "${MLOPS_VALUE_1}" "day ${MLOPS_VALUE_2}!" $HOME');
    expect(task['env']).toEqual({ A: 'x', MLOPS_VALUE_1: scope.params.nasty, MLOPS_VALUE_2: '2026-01-01' });
  });

  it('gives arguments, headers and bodies their values, a whole one its type', () => {
    expect(
      fill({ operator: 'python', script: 'a.py', args: ['--day=${{ params.day }}', '${{ outputs.before.rows }}'] })[
        'args'
      ],
    ).toEqual(['--day=2026-01-01', '3']);
    const request = fill({
      operator: 'http_request',
      url: 'http://x/${{ outputs.before.path }}?d=${{ params.day }}',
      headers: { 'x-run': '${{ run.id }}', token: { $env: 'TOKEN' } },
      body: {
        rows: '${{ outputs.before.rows }}',
        text: 'n=${{ params.limit }}',
        all: ['${{ outputs.before.body }}', '${{ params.none }}'],
      },
    });
    expect(request['url']).toBe('http://x/a%20b%2Fc%3Fd?d=2026-01-01');
    expect(request['headers']).toEqual({ 'x-run': 'r', token: { $env: 'TOKEN' } });
    expect(request['body']).toEqual({ rows: 3, text: 'n=10', all: [{ ok: true }, null] });
  });

  it.each([
    [{ operator: 'command', command: 'echo ${{ outputs.before.gone }}' }, /there is no such value/],
    [{ operator: 'sql_query', query: 'select ${{ outputs.before.body }}' }, /an object has no form in SQL/],
    [{ operator: 'sql_query', query: "select '${{ params.day }}'" }, /it stands in a text in quotes/],
    [{ operator: 'command', command: "echo '${{ params.day }}'" }, /it stands in single quotes/],
  ])('that cannot be filled says so: %j', (task, message) => {
    expect(() => fill(task)).toThrow(message);
  });

  it('never becomes code of a shell, whatever the value is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !/[\0\p{Surrogate}]/u.test(text)),
        (value) => {
          const written = {
            operator: 'command',
            command: `printf '%s|' \${{ params.v }} "<\${{ params.v }}>"`,
            needs: [],
          };
          const { command, env } = fillTask(written as TaskOf<'command'>, { ...scope, params: { v: value } });
          const { stdout } = spawnSync('/bin/sh', ['-c', String(command)], {
            env: env as Record<string, string>,
            encoding: 'utf8',
          });
          expect(stdout).toBe(`${value}|<${value}>|`);
        },
      ),
      { numRuns: 100, seed: 7 },
    );
  });

  it('never becomes code of SQL, whatever the value is', async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.string({ unit: 'binary' }).filter((text) => !/[\0\p{Surrogate}]/u.test(text)),
          async (value) => {
            const { query } = fillTask(
              { operator: 'sql_query', query: 'select ${{ params.v }} as v', needs: [] },
              { ...scope, params: { v: value } },
            );
            const rows = (await connection.runAndReadAll(String(query))).getRows();
            expect(rows).toEqual([[value]]);
          },
        ),
        { numRuns: 200, seed: 7 },
      );
    } finally {
      connection.closeSync();
    }
  });
});

describe('a parameter', () => {
  const spec = (params: object): CanonicalPipeline => pipelineOf({}, { params } as Partial<CanonicalPipeline>);
  const declared = {
    day: { type: 'date', required: true },
    limit: { type: 'integer', default: 10, min: 1, max: 100 },
    mode: { type: 'string', enum: ['fast', 'full'], default: 'fast' },
    at: { type: 'timestamp' },
    share: { type: 'number', min: 0, max: 1 },
    old: 'text',
    deep: false,
  };

  it('has its default or its value, read as its type from a text', () => {
    expect(runParams(spec(declared), { day: '2026-01-31' })).toEqual({
      day: '2026-01-31',
      limit: 10,
      mode: 'fast',
      at: null,
      share: null,
      old: 'text',
      deep: false,
    });
    expect(
      runParams(spec(declared), {
        day: '2024-02-29',
        limit: '7',
        at: '2026-01-31 12:00+02:00',
        share: '0.5',
        deep: 'true',
        mode: 'full',
      }),
    ).toMatchObject({ limit: 7, at: '2026-01-31T10:00:00.000Z', share: 0.5, deep: true, mode: 'full' });
  });

  it.each([
    [{}, 'The pipeline p needs the parameter "day".'],
    [{ day: '2026-02-29' }, 'The parameter "day" of pipeline p is a date such as 2026-01-31; "2026-02-29" was given.'],
    [{ day: '2026-01-01', limit: 1.5 }, 'The parameter "limit" of pipeline p is a whole number; 1.5 was given.'],
    [{ day: '2026-01-01', limit: '0' }, 'The parameter "limit" of pipeline p is at least 1; "0" was given.'],
    [{ day: '2026-01-01', limit: 101 }, 'The parameter "limit" of pipeline p is at most 100; 101 was given.'],
    [
      { day: '2026-01-01', mode: 'slow' },
      'The parameter "mode" of pipeline p is one of "fast", "full"; "slow" was given.',
    ],
    [
      { day: '2026-01-01', at: 'noon' },
      'The parameter "at" of pipeline p is a time such as 2026-01-31T12:00:00Z; "noon" was given.',
    ],
    [{ day: '2026-01-01', deep: 1 }, 'The parameter "deep" of pipeline p is true or false; 1 was given.'],
    [{ day: '2026-01-01', gone: 1 }, 'The pipeline p has no parameter "gone".'],
  ])('is refused where it does not fit: %j', (given, message) => {
    expect(() => runParams(spec(declared), given)).toThrow(message);
  });
});
