import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../src/lib/diagnostics.ts';
import { MlopsError } from '../../src/lib/error.ts';
import type { CanonicalPipeline, TaskOf } from '../../src/spec/canonical-specs.ts';
import { findConfig } from '../../src/spec/find-config.ts';
import { type LoadOptions, type LoadResult, loadProject } from '../../src/spec/load.ts';
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

function load(options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  return loadProject({ root: directory.path, ...options });
}

const told = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.map(({ code, at }) =>
    `${code} ${at === undefined ? '' : `${at.file}:${at.start.line}:${at.start.column}`}`.trim(),
  );

const IMPORTS = `import { defineConfig, entity, featureService, featureSet, pipeline, source, sql } from 'mlops';`;

describe('the config file', () => {
  it('is found in the folder or one above it', async () => {
    write({ 'a/mlops.config.yaml': 'project: p', 'a/b/c/x.txt': '' });
    expect(findConfig(join(directory.path, 'a/b/c'))).toBe(join(directory.path, 'a/mlops.config.yaml'));
    expect(findConfig(join(directory.path, 'a'))).toBe(join(directory.path, 'a/mlops.config.yaml'));
  });

  it('is reported when it is not there', async () => {
    expect(told((await load()).diagnostics)).toEqual(['SP001']);
    expect(told((await load({ configFile: 'other.ts' })).diagnostics)).toEqual(['SP001']);
  });

  it('is told with the place where it does not parse', async () => {
    write({ 'mlops.config.ts': `${IMPORTS}\nexport default defineConfig({\n  project: 'p',,\n});\n` });
    expect(told((await load()).diagnostics)).toEqual(['SP002 mlops.config.ts:3:16']);
  });

  it('is told with the place where it throws, in a file that it imports too', async () => {
    write({
      'mlops.config.ts': `${IMPORTS}\nimport { labs } from './features.ts';\nexport default defineConfig({ project: 'p', resources: [labs] });\n`,
      'features.ts': `import { entity } from 'mlops';\n\nfunction build(): never {\n  throw new RangeError('no features today');\n}\nexport const labs = build();\n`,
    });
    const { diagnostics } = await load();
    expect(told(diagnostics)[0]).toMatch(/^SP002 features\.ts:4:/);
    expect(diagnostics[0]?.detail).toBe('RangeError: no features today');
  });

  it('is told when it imports what is not there, exports nothing, or no project', async () => {
    write({ 'mlops.config.ts': `import { x } from './missing.ts';\nexport default x;\n` });
    expect((await load()).diagnostics).toMatchObject([{ code: 'SP002', at: { file: 'mlops.config.ts' } }]);
    write({ 'mlops.config.ts': 'export const a = 1;\n' });
    expect(told((await load()).diagnostics)).toEqual(['SP002 mlops.config.ts:1:1']);
    write({ 'mlops.config.ts': 'export default [1];\n' });
    expect((await load()).diagnostics).toMatchObject([{ code: 'SP002' }]);
  });

  it('is read again after an edit', async () => {
    const config = (name: string): string =>
      `${IMPORTS}\nexport default defineConfig({ project: 'p', resources: [entity('${name}', { keys: { id: 'int64' } })] });\n`;
    write({ 'mlops.config.ts': config('one') });
    expect([...((await load()).project?.resources.keys() ?? [])]).toEqual(['entity.one']);
    write({ 'mlops.config.ts': config('two') });
    expect([...((await load()).project?.resources.keys() ?? [])]).toEqual(['entity.two']);
  });

  it('may be JavaScript, and a plain object', async () => {
    write({
      'mlops.config.mjs': `export default { project: 'p', environments: { dev: {} }, resources: [{ kind: 'Entity', name: 'a', keys: { id: 'int46' } }] };\n`,
    });
    expect(told((await load()).diagnostics)).toEqual(['SP103 mlops.config.mjs:1:112']);
  });

  it('is told at its place when it throws what is no error, or holds itself', async () => {
    write({ 'mlops.config.ts': 'throw null;\n' });
    const thrown = (await load()).diagnostics;
    expect([told(thrown), thrown[0]?.detail]).toEqual([['SP002 mlops.config.ts:1:1'], 'null']);
    write({
      'mlops.config.ts': `${IMPORTS}\nconst project: any = { project: 'p', owner: 'a' };\nproject.self = project;\nexport default defineConfig(project);\n`,
    });
    expect((await load()).diagnostics.map(({ code }) => code)).toContain('SP101');
  });

  it('is told when aliases of aliases would make it too large', async () => {
    const lines = ['a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]'];
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed'].map((pair) => [...pair]))
      lines.push(`${name}: &${name} [${Array(9).fill(`*${of}`).join(', ')}]`);
    write({ 'mlops.config.yaml': 'project: p\nspecs: [b.yaml]\n', 'b.yaml': lines.join('\n') });
    expect(told((await load()).diagnostics)).toEqual(['SP003 b.yaml:1:1']);
  });

  it('loads when the folder cannot be written', async () => {
    write({
      'mlops.config.yaml': 'project: p\nresources:\n  - { kind: Entity, name: a, keys: { id: int64 } }\n',
      '.mlops': 'a file in the way of the cache',
    });
    expect((await load()).project?.name).toBe('p');
    rmSync(join(directory.path, 'mlops.config.yaml'));
    write({ 'mlops.config.ts': `${IMPORTS}\nexport default defineConfig({ project: 'p' });\n` });
    expect((await load()).project?.name).toBe('p');
  });
});

describe('resources', () => {
  it('come along when something refers to them, and are told when nothing does', async () => {
    write({
      'a.csv': 'id,at,x\n',
      'mlops.config.ts': `${IMPORTS}
const rows = source('rows', { file: 'a.csv' });
const patient = entity('patient', { keys: { id: 'int64' } });
const labs = featureSet('labs', { entity: patient, source: rows, eventTime: 'at', features: { x: 'float64' } });
const inputs = featureService('inputs', { features: [labs.x] });
entity('forgotten', { keys: { id: 'int64' } });
export default defineConfig({ project: 'p', resources: [inputs] });
`,
    });
    const { project, diagnostics } = await load();
    expect([...(project?.resources.keys() ?? [])]).toEqual([
      'entity.patient',
      'feature_service.inputs',
      'feature_set.labs',
      'source.rows',
    ]);
    expect(diagnostics).toMatchObject([{ code: 'SP113', severity: 'warning', at: { start: { line: 6, column: 1 } } }]);
  });

  it('of projects that load at once are told apart', async () => {
    const config = (own: string): string =>
      `${IMPORTS}\nawait new Promise((resolve) => setImmediate(resolve));\nexport default defineConfig({ project: 'p', resources: [entity('${own}', { keys: { id: 'int64' } })] });\n`;
    write({ 'a.config.ts': config('a'), 'b.config.ts': config('b') });
    const both = await Promise.all([load({ configFile: 'a.config.ts' }), load({ configFile: 'b.config.ts' })]);
    expect(both.map(({ diagnostics }) => diagnostics)).toEqual([[], []]);
    expect(both.map(({ project }) => [...(project?.resources.keys() ?? [])])).toEqual([['entity.a'], ['entity.b']]);
  });

  it('made in a loop and in another file have the place of their builder', async () => {
    write({
      'a.csv': 'id,at,x\n',
      'mlops.config.ts': `${IMPORTS}\nimport { sets } from './sets';\nexport default defineConfig({ project: 'p', resources: sets });\n`,
      'sets.ts': `import { featureSet } from 'mlops';
interface Options { readonly ttl: string }
const options: Options = { ttl: '1 day' };
export const sets = ['a', 'b'].map((name) =>
  featureSet(name, {
    entity: 'patient', source: 'rows', eventTime: 'at',
    ...options,
    features: { x: 'float64' },
  }),
);
`,
    });
    const { diagnostics } = await load();
    expect(told(diagnostics)).toEqual([
      'SP103 sets.ts:3:33',
      'SP103 sets.ts:3:33',
      'SP104 sets.ts:6:13',
      'SP104 sets.ts:6:13',
      'SP104 sets.ts:6:32',
      'SP104 sets.ts:6:32',
    ]);
  });

  it('that need each other in a circle are told', async () => {
    write({
      'mlops.config.yaml': `project: p
resources:
  - { kind: Source, name: one, query: select * from two }
  - { kind: Source, name: two, query: select * from three }
  - { kind: Source, name: three, query: select * from one }
`,
    });
    const { diagnostics } = await load();
    expect(diagnostics.filter(({ code }) => code === 'SP107')).toMatchObject([
      { detail: expect.stringContaining('source.one → source.two → source.three → source.one') },
    ]);
  });

  it('in YAML keep their place when they come from the cache', async () => {
    write({
      'mlops.config.yaml': 'project: p\nspecs: ["*.yml"]\n',
      'a.yml': '---\n---\nkind: Entity\nname: patient\nkeys: { id: int64 }\n',
    });
    const first = await load();
    const second = await load();
    expect(second.project?.digest).toBe(first.project?.digest);
    expect(second.project?.resources.get('entity.patient')?.locate('/keys/id')).toMatchObject({
      file: 'a.yml',
      start: { line: 5, column: 13 },
    });
    write({ 'a.yml': 'kind: Entity\nname: patient\nkeys: { id: string }\n' });
    expect((await load()).project?.digest).not.toBe(first.project?.digest);
  });

  it('have digests and an order that do not depend on how they are written', async () => {
    write({
      'mlops.config.yaml':
        'project: p\nresources:\n  - { kind: Entity, name: b, keys: { id: int64 }, owner: x }\n  - { kind: Entity, name: a, keys: { id: int64 } }\n',
    });
    const one = await load();
    write({
      'mlops.config.yaml':
        'project: p\nresources:\n  - { name: a, keys: { id: int64 }, kind: Entity }\n  - { owner: x, kind: entity, keys: { id: int64 }, name: b }\n',
    });
    const two = await load();
    expect(two.project?.digest).toBe(one.project?.digest);
  });
});

describe('code of tasks', () => {
  const config = (task: string): string =>
    `${IMPORTS}\nexport default defineConfig({ project: 'p', resources: [pipeline('run', { tasks: { go: ${task} } })] });\n`;

  it('is the files that the command names and those that its globs match', async () => {
    write({
      'train.py': 'print(1)\n',
      'lib/a.py': 'a\n',
      'lib/deep/b.py': 'b\n',
      'lib/c.txt': 'c\n',
      'conf/x.json': '{}\n',
      'node_modules/z/z.py': 'z\n',
      'mlops.config.ts': config(
        `{ operator: 'command', command: "python 'train.py' --config=conf/x.json && echo done", code: ['lib/**/*.py'] }`,
      ),
    });
    const { project, diagnostics } = await load();
    expect(diagnostics).toEqual([]);
    const task = (project?.resources.get('pipeline.run')?.spec as CanonicalPipeline | undefined)?.tasks[
      'go'
    ] as TaskOf<'command'>;
    expect(Object.keys(task.bundle?.files ?? {})).toEqual(['conf/x.json', 'lib/a.py', 'lib/deep/b.py', 'train.py']);
    expect(
      [...(project?.bundleFiles.values() ?? [])].map((path) => String(path).slice(directory.path.length + 1)).sort(),
    ).toEqual(Object.keys(task.bundle?.files ?? {}));
    write({ 'lib/a.py': 'changed\n' });
    const edited = (await load()).project;
    expect(edited?.resources.get('pipeline.run')?.digest).not.toBe(project?.resources.get('pipeline.run')?.digest);
  });

  it('of a Python task is its script, the files that its arguments name and those that its globs match', async () => {
    write({
      'jobs/score.py': 'print(1)\n',
      'jobs/lib.py': '\n',
      'conf.json': '{}\n',
      'mlops.config.ts': config(
        `{ operator: 'python', script: './jobs/score.py', args: ['--conf=conf.json', 'other.py'], code: ['jobs/l*.py'] }`,
      ),
    });
    const { project, diagnostics } = await load();
    expect(diagnostics).toEqual([]);
    const task = (project?.resources.get('pipeline.run')?.spec as CanonicalPipeline | undefined)?.tasks['go'];
    expect(Object.keys((task as TaskOf<'python'>).bundle?.files ?? {})).toEqual([
      'conf.json',
      'jobs/lib.py',
      'jobs/score.py',
    ]);
    write({ 'mlops.config.ts': config(`{ operator: 'python', script: '../outside.py' }`) });
    expect((await load()).diagnostics.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      'SP112 /tasks/go/script',
    ]);
  });

  it('must be there and inside the project', async () => {
    write({
      'mlops.config.ts': config(
        `{ operator: 'command', command: ['python', 'missing.py', 'out.py', '/etc/passwd'], code: ['../**', 'nothing/*.py'] }`,
      ),
    });
    const { diagnostics } = await load();
    expect(diagnostics.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      'SP112 /tasks/go/command',
      'SP112 /tasks/go/code/0',
      'SP112 /tasks/go/code/1',
    ]);
  });
});

describe('data', () => {
  it('may be many files; none at all is told at its place', async () => {
    write({
      'mlops.config.ts': `${IMPORTS}\nconst rows = source('rows', { file: 'data/*.csv' });\nexport default defineConfig({ project: 'p', resources: [rows] });\n`,
      'data/a.csv': 'id\n1\n',
    });
    expect((await load()).diagnostics).toEqual([]);
    write({
      'mlops.config.ts': `${IMPORTS}\nconst rows = source('rows', { file: 'data/*.parquet' });\nexport default defineConfig({ project: 'p', resources: [rows] });\n`,
    });
    expect((await load()).diagnostics).toMatchObject([
      { code: 'SP112', pointer: '/file', detail: 'No file in the project matches "data/*.parquet".' },
    ]);
  });

  const config = `${IMPORTS}\nconst rows = source('rows', { file: 'a.csv', columns: { twice: 'x * 2' } });\nexport default defineConfig({ project: 'p', resources: [rows] });\n`;

  it('that cannot be read is told at the file', async () => {
    write({ 'a.csv': 'x\n', 'mlops.config.ts': config });
    const { diagnostics } = await load({
      describeSource: () => Promise.reject(new MlopsError('FS204', { detail: 'It is no CSV.' })),
    });
    expect(told(diagnostics)).toEqual(['FS204 mlops.config.ts:2:37']);
  });

  it('whose added columns are refused is told at these', async () => {
    write({ 'a.csv': 'x\n', 'mlops.config.ts': config });
    const { diagnostics } = await load({
      describeSource: async (spec) => {
        if (spec.columns !== undefined) throw new MlopsError('FS204', { detail: 'No operator * for VARCHAR.' });
        return [{ name: 'x', type: 'VARCHAR' }];
      },
    });
    expect(diagnostics).toMatchObject([{ code: 'SP204', pointer: '/columns', detail: 'No operator * for VARCHAR.' }]);
  });

  it('has no diagnostics for SQL that our parser does not understand and the engine does', async () => {
    write({
      'a.csv': 'x\n',
      'mlops.config.ts': `${IMPORTS}\nconst rows = source('rows', { file: 'a.csv' });\nexport default defineConfig({ project: 'p', resources: [source('half', { query: sql\`select x // 2 as h from \${rows}\` })] });\n`,
    });
    expect((await load({ parsesQuery: async () => true })).diagnostics).toEqual([]);
    expect(told((await load({ parsesQuery: async () => false })).diagnostics)).toEqual([
      expect.stringMatching(/^SP201 mlops\.config\.ts:3:/),
    ]);
  });
});
