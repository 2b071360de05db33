/** Tasks that are TypeScript functions: which code belongs to one, and what is said where that cannot be told. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskOf } from '../../src/spec/canonical-specs.ts';
import { loadProject } from '../../src/spec/load.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory.path, name)), { recursive: true });
    writeFileSync(join(directory.path, name), text);
  }
}

async function load() {
  const { project, diagnostics } = await loadProject({ root: directory.path });
  const spec = project?.resources.get('pipeline.p')?.spec as
    | { tasks: Record<string, TaskOf<'typescript'>> }
    | undefined;
  const task = spec?.tasks['t'];
  const contents = Object.fromEntries(
    Object.entries(task?.bundle?.files ?? {}).map(([path, digest]) => {
      const source = project?.bundleFiles.get(digest);
      return [path, typeof source === 'object' ? source.text : 'a file'];
    }),
  );
  return {
    task,
    contents,
    problems: diagnostics.map(({ code, at, detail }) => `${code} ${at?.file}:${at?.start.line} ${detail}`),
  };
}

const config = (task: string, around = ''): string =>
  `import { defineConfig, pipeline } from 'mlops';\n${around}\nexport default defineConfig({ project: 'p', resources: [pipeline('p', { tasks: { t: ${task} } })] });\n`;

describe('the code of a function', () => {
  it('is the function, what it uses of its file, and the files that these import', async () => {
    write({
      'mlops.config.ts': config(
        `{
        operator: 'typescript',
        run: async ({ params }) => {
          return { mean: mean([LIMIT, 2]), name: unrelated() };
          function unrelated() { return 'inner'; }
        },
      }`,
        [
          `import { mean, median } from './lib/numbers';`,
          `import type { Nothing } from './not-there';`,
          `const LIMIT: number = base() * 2;`,
          `function base() { return 21; }`,
          `const other = median([1]);`,
        ].join('\n'),
      ),
      'lib/numbers.ts': `import { sum } from './sum.js';\nexport const mean = (all: number[]) => sum(all) / all.length;\nexport const median = (all: number[]) => all[0];\n`,
      'lib/sum.ts': `export const sum = (all: number[]) => all.reduce((a, b) => a + b, 0);\n`,
    });
    const { task, contents, problems } = await load();
    expect(problems).toEqual([]);
    expect(task?.run).toBe('mlops.config.p.t.ts#run');
    expect(contents).toEqual({
      'lib/numbers.ts': 'a file',
      'lib/sum.ts': 'a file',
      'mlops.config.p.t.ts': `import { mean } from './lib/numbers';

const LIMIT: number = base() * 2;

function base() { return 21; }

export const run = async ({ params }) => {
  return { mean: mean([LIMIT, 2]), name: unrelated() };
  function unrelated() { return 'inner'; }
};
`,
    });
  });

  it('is the same after an edit elsewhere, and another after one of what it uses or imports', async () => {
    const file = (limit: number, other: string) =>
      config(
        `{ operator: 'typescript', run: () => ({ a: LIMIT + one }) }`,
        `import { one } from './one.ts';\nconst LIMIT = ${limit};\n${other}`,
      );
    write({ 'mlops.config.ts': file(1, ''), 'one.ts': 'export const one = 1;\n' });
    const first = (await load()).task?.bundle?.digest;
    write({ 'mlops.config.ts': file(1, 'const x = 1;\n\n\nexport const y = x;') });
    expect((await load()).task?.bundle?.digest).toBe(first);
    write({ 'mlops.config.ts': file(2, '') });
    const second = (await load()).task?.bundle?.digest;
    expect(second).not.toBe(first);
    write({ 'one.ts': 'export const one = 2;\n' });
    expect((await load()).task?.bundle?.digest).not.toBe(second);
  });

  it.each([
    [
      'a method',
      `{ operator: 'typescript', run() { return { a: 1 }; } }`,
      '',
      '({\n  run() { return { a: 1 }; },\n}).run',
    ],
    ['a function of the file', `{ operator: 'typescript', run: score }`, 'async function score() {}', 'score'],
    ['one that is imported', `{ operator: 'typescript', run: score }`, `import { score } from './score.ts';`, 'score'],
    [
      'one of a namespace',
      `{ operator: 'typescript', run: all.score }`,
      `import * as all from './score.ts';`,
      'all.score',
    ],
  ])('may be %s', async (_, task, around, code) => {
    write({ 'mlops.config.ts': config(task, around), 'score.ts': 'export function score() {}\n' });
    const { contents, problems } = await load();
    expect(problems).toEqual([]);
    expect(
      contents['mlops.config.p.t.ts']?.endsWith(`\n\nexport const run = ${code};\n`) ||
        contents['mlops.config.p.t.ts'] === `export const run = ${code};\n`,
    ).toBe(true);
  });

  it('may be a module and its export, in YAML too', async () => {
    write({
      'mlops.config.yaml': `project: p\nresources:\n  - kind: Pipeline\n    name: p\n    tasks: { t: { operator: typescript, run: tasks/score.ts#score, code: [data/*.txt] } }\n`,
      'tasks/score.ts': `import './setup.mjs';\nexport function score() {}\n`,
      'tasks/setup.mjs': '',
      'data/a.txt': 'a',
    });
    const { task, contents, problems } = await load();
    expect(problems).toEqual([]);
    expect(task?.run).toBe('tasks/score.ts#score');
    expect(Object.keys(contents)).toEqual(['data/a.txt', 'tasks/score.ts', 'tasks/setup.mjs']);
  });

  it('must not use what only the running config knows', async () => {
    write({
      'mlops.config.ts': `import { defineConfig, pipeline } from 'mlops';
const make = (name, limit) => pipeline(name, { tasks: {
  t: { operator: 'typescript', run: ({ params }) => ({ limit, params }) } } });
export default defineConfig({ project: 'p', resources: [make('p', 3)] });
`,
    });
    expect((await load()).problems).toEqual([
      'SP130 mlops.config.ts:3 The function of task "t" uses "limit" of the function around it; in a process of its own that has no value.',
    ]);
  });

  it.each([
    [
      `{ operator: 'typescript', ...Object.fromEntries([['run', () => 1]]) }`,
      'SP130 mlops.config.ts:3 The code of the function of task "t" cannot be told',
    ],
    [`{ operator: 'typescript', run: 'score.ts' }`, 'SP130 mlops.config.ts:3 "score.ts" names no function.'],
    [
      `{ operator: 'typescript', run: 'missing.ts#a' }`,
      'SP130 mlops.config.ts:3 The project has no file "missing.ts".',
    ],
    [`{ operator: 'typescript', run: '../x.ts#a' }`, 'SP130 mlops.config.ts:3 The project has no file "../x.ts".'],
    [
      `{ operator: 'typescript', run: 'score.ts#a' }`,
      'SP130 mlops.config.ts:3 There is no file "./gone", which score.ts imports.',
    ],
  ])('is asked for where it cannot be told: %s', async (task, problem) => {
    write({ 'mlops.config.ts': config(task), 'score.ts': `import './gone';\n` });
    const { problems } = await load();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });
});
