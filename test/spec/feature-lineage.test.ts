/** Lineage of a loaded project: through queries, query sources, added columns and expressions down to the columns of files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import type { Column } from '../../src/spec/column.ts';
import { decodeLineage, encodeLineage } from '../../src/spec/column-lineage.ts';
import { loadProject } from '../../src/spec/load.ts';
import type { Project } from '../../src/spec/project.ts';
import { recordedLineage } from '../../src/spec/recorded-lineage.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const directory = await temporaryDirectory();
afterAll(() => directory.remove());

const CONFIG = `
project: p
resources:
  - kind: Source
    name: visits
    file: visits.csv
    columns:
      seen: "timestamp '1974-01-01' + day * interval 1 day"
      bili: bili * 17.1
      ratio: bili / albumin
      rank: row_number() over (partition by id order by day)
  - kind: Source
    name: recent
    query: select id, seen, bili as b, stage from visits where stage > 1
  - kind: Source
    name: wide
    query: select r.id, r.seen, r.b, v.albumin from recent r join visits v using (id)
  - { kind: Entity, name: patient, keys: { id: int64 } }
  - kind: FeatureSet
    name: plain
    entity: patient
    source: visits
    eventTime: seen
    features: { bili: float64, ratio: float64, grade: { dtype: int64, column: stage }, rank: int64, twice: { dtype: float64, expr: ratio * 2 }, sum: { dtype: float64, expr: twice + grade } }
  - kind: FeatureSet
    name: deep
    entity: patient
    query: select id, seen, max(b) over (partition by id order by seen) as top, albumin from wide
    eventTime: seen
    features: { top: float64, albumin: float64 }
  - kind: FeatureSet
    name: pivoted
    entity: patient
    query: select * from (pivot visits on stage using sum(bili) group by id, seen)
    eventTime: seen
    features: { x: { dtype: float64, column: "1" } }
  - { kind: FeatureSet, name: pushed, entity: patient, push: true, eventTime: seen, features: { y: float64 } }
  - { kind: FeatureSet, name: written, entity: patient, push: true, eventTime: seen, features: { n: int64, top: float64, both: { dtype: float64, expr: n * top } } }
  - { kind: FeatureSet, name: named, entity: patient, source: visits, eventTime: seen, features: { albumin: float64 } }
  - kind: Pipeline
    name: computes
    tasks:
      other: { operator: sql_query, query: "select id, stage from visits", needs: [] }
      counts: { operator: sql_query, query: "select id, count(*) as n, max(b) as top from recent group by id", needs: [other] }
      fill: { operator: feature_materialization, featureSets: [written], needs: [counts] }
      into: { operator: sql_query, into: named, query: "select id, seen, ratio as albumin from visits", needs: [other] }
`;

const COLUMNS: readonly Column[] = ['id', 'day', 'bili', 'albumin', 'stage', 'seen', 'ratio', 'rank'].map((name) => ({
  name,
  type: 'DOUBLE',
}));

async function load(): Promise<Project> {
  mkdirSync(directory.path, { recursive: true });
  writeFileSync(join(directory.path, 'visits.csv'), 'id,day,bili,albumin,stage\n1,2,3,4,5\n');
  writeFileSync(join(directory.path, 'mlops.config.yaml'), CONFIG);
  const { project, diagnostics } = await loadProject({
    root: directory.path,
    describeSource: async ({ query }) => (query === undefined ? COLUMNS : undefined),
    parsesQuery: async () => true,
  });
  if (project === undefined) throw new Error(JSON.stringify(diagnostics, null, 2));
  return project;
}

function lineageOf(project: Project, set: string): unknown {
  const lineage = project.resources.get(`feature_set.${set}`)?.lineage ?? {};
  return Object.fromEntries(
    Object.entries(lineage).map(([feature, columns]) => [
      feature,
      columns?.map(({ source, column }) => (source === 'visits' ? column : `${source}.${column}`)).join(' ') ?? null,
    ]),
  );
}

it('goes through queries, query sources, added columns and expressions to the columns of files', async () => {
  const project = await load();
  const rows = 'day id seen';
  expect(lineageOf(project, 'plain')).toEqual({
    bili: `bili ${rows}`,
    ratio: 'albumin bili day id ratio seen',
    grade: 'day id seen stage',
    rank: 'day id rank seen',
    twice: 'albumin bili day id ratio seen',
    sum: 'albumin bili day id ratio seen stage',
  });
  expect(lineageOf(project, 'deep')).toEqual({
    top: 'bili day id seen stage',
    albumin: 'albumin day id seen stage',
  });
  expect(lineageOf(project, 'pivoted')).toEqual({ x: null });
  expect(lineageOf(project, 'pushed')).toEqual({ y: '' });
  // What queries of pipelines write, at the run's instant where they give none; beside the set's own rows where it has some.
  expect(lineageOf(project, 'written')).toEqual({
    n: 'id stage',
    top: 'bili id stage',
    both: 'bili id stage',
  });
  expect(lineageOf(project, 'named')).toEqual({ albumin: 'albumin bili day id ratio seen' });
  expect(project.resources.get('source.visits')?.columns).toEqual(COLUMNS);
  expect(project.resources.get('source.recent')?.columns).toBeUndefined();
});

it('is the same from the cache, and as it is recorded', async () => {
  const [first, second] = [await load(), await load()];
  for (const set of ['plain', 'deep', 'pivoted', 'pushed']) {
    expect(lineageOf(second, set)).toEqual(lineageOf(first, set));
    const lineage = second.resources.get(`feature_set.${set}`)?.lineage;
    expect(decodeLineage(encodeLineage(lineage ?? {}))).toEqual(lineage);
  }
});

it('is the same worked out from what is recorded of the sources', async () => {
  const project = await load();
  const sources = [...project.resources.values()].filter((one) => one.kind === 'source');
  const find = (name: string) => sources.find((one) => one.name === name);
  for (const one of project.resources.values()) {
    // One that is made over HTTP is told what it reads itself.
    if (one.kind !== 'feature_set' || one.name === 'written' || one.name === 'named') continue;
    const lineage = await recordedLineage(one.spec, ['id'], {
      names: new Set(sources.map(({ name }) => name)),
      spec: (name) => find(name)?.spec,
      columns: (name) => find(name)?.columns,
    });
    expect(lineage, one.name).toEqual(one.lineage);
  }
});

it('of a project without queries does not load the SQL parser', async () => {
  const folder = join(directory.path, 'bare');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'visits.csv'), 'id,seen,bili\n');
  writeFileSync(
    join(folder, 'mlops.config.yaml'),
    `project: p
resources:
  - { kind: Source, name: visits, file: visits.csv }
  - { kind: Entity, name: patient, keys: { id: int64 } }
  - { kind: FeatureSet, name: labs, entity: patient, source: visits, eventTime: seen, features: { bili: float64 } }
`,
  );
  const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
  const script = join(folder, 'load.ts');
  writeFileSync(
    script,
    `import { loadProject } from ${JSON.stringify(join(root, 'src/spec/load.ts'))};
const { project } = await loadProject({ root: ${JSON.stringify(folder)}, describeSource: async () => [{ name: 'id', type: 'BIGINT' }, { name: 'seen', type: 'TIMESTAMP' }, { name: 'bili', type: 'DOUBLE' }] });
console.log(JSON.stringify(project?.resources.get('feature_set.labs')?.lineage));
console.log(process.memoryUsage().external < 20e6);
`,
  );
  const [lineage, light] = execFileSync(process.execPath, ['--import', 'jiti/register', script], {
    cwd: root,
    encoding: 'utf8',
  }).split('\n');
  expect(JSON.parse(lineage ?? '')).toEqual({
    bili: ['bili', 'id', 'seen'].map((column) => ({ source: 'visits', column })),
  });
  // The parser is 22 MB of WebAssembly.
  expect(light).toBe('true');
});
