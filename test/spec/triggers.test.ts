import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadProject } from '../../src/spec/load.ts';
import { renamedReferences } from '../../src/spec/rename-references.ts';
import { TRIGGER_KINDS } from '../../src/spec/triggers.ts';
import { pipelineOf } from '../support/orchestrator.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'mlops triggers '));
  await writeFile(join(root, 'raw.csv'), 'id,event_time,a\n1,2026-01-01,2\n');
});
afterAll(() => rm(root, { recursive: true, force: true }));

const about = `
project: p
environments: { dev: {} }
resources:
  - { kind: Source, name: raw, file: raw.csv }
  - { kind: Entity, name: thing, keys: { id: int64 } }
  - { kind: FeatureSet, name: labs, entity: thing, source: raw, eventTime: event_time, features: { a: float64 } }
  - { kind: FeatureService, name: inputs, features: [labs] }
  - { kind: Model, name: risk, framework: onnx, inputs: inputs }
`;

async function problems(pipelines: string): Promise<readonly string[]> {
  const file = join(root, 'mlops.config.yaml');
  await writeFile(file, `${about}${pipelines}`);
  const { diagnostics } = await loadProject({ root, describeSource: async () => undefined });
  return diagnostics.map(({ code, detail }) => `${code} ${detail}`);
}
const pipeline = (name: string, triggers: string, task = '{ operator: command, command: "true" }'): string =>
  `  - { kind: Pipeline, name: ${name}, triggers: [${triggers}], tasks: { t: ${task} } }\n`;

describe('triggers', () => {
  it('of every kind are accepted, cycles aside', async () => {
    const triggers = [
      '{ cron: "0 2 * * *", timezone: Europe/Berlin, catchup: all }',
      '{ materialized: labs, params: { v: event.version } }',
      '{ promoted: risk, to: staging }',
      '{ pipeline: other, on: any, coalesce: true }',
      '{ file: "in/*.csv", every: 10s }',
      `{ table: visits, column: at, database: "\${env:EHR_URL}" }`,
      `{ webhook: push, token: "\${env:TOKEN}", secret: "\${env:SECRET}" }`,
    ];
    expect(await problems(pipeline('all', triggers.join(', ')) + pipeline('other', ''))).toEqual([]);
  });

  it('have a line each in docs/triggers.md', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/triggers.md'), 'utf8');
    const [, table = ''] = /\| trigger \|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(page) ?? [];
    expect([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, kind]) => kind)).toEqual([...TRIGGER_KINDS]);
  });

  it('are told what is wrong with them, each at once', async () => {
    expect(
      [
        ...(await problems(
          pipeline(
            'bad',
            [
              '{ cron: "61 * * * *" }',
              '{ materialized: lab }',
              '{ pipeline: all, every: 1m }',
              '{ table: visits }',
              '{ webhook: push }',
              '{ file: a, every: 10ms, params: { x: "event." } }',
            ].join(', '),
          ),
        )),
      ].sort(),
    ).toEqual([
      'SP102 A trigger by table needs the "database" that it looks at.',
      'SP102 A webhook needs a "token" or a "secret": whoever reaches it could start runs.',
      'SP103 "every" is no field of a trigger by pipeline.',
      'SP103 A trigger looks once a second at most.',
      'SP104 There is no FeatureSet "lab".',
      'SP104 There is no Pipeline "all".',
      expect.stringMatching(/^SP114 /),
      expect.stringMatching(/^SP115 .*minute/),
    ]);
    expect((await problems(pipeline('both', '{ promoted: risk, pipeline: both }')))[0]).toMatch(
      /^SP103 .* has both "promoted" and "pipeline"; only one of them can start a run\.$/,
    );
  });

  it('that start pipelines in a circle are refused: by ends, by sets, by models', async () => {
    const cycle = (path: string): string =>
      `PL120 A run of each of these pipelines starts the next, without end: ${path}.`;
    expect(await problems(pipeline('a', '{ pipeline: b }') + pipeline('b', '{ pipeline: a, on: failed }'))).toEqual([
      cycle('a → b → a'),
    ]);
    expect(await problems(pipeline('a', '{ pipeline: a }'))).toEqual([cycle('a → a')]);
    const fills = '{ operator: feature_materialization, featureSets: [labs] }';
    expect(await problems(pipeline('a', '{ materialized: labs }', fills))).toEqual([cycle('a → a')]);
    expect(await problems(pipeline('a', '{ pipeline: b }', fills) + pipeline('b', '{ materialized: labs }'))).toEqual([
      cycle('a → b → a'),
    ]);
    expect(await problems(pipeline('a', '', fills) + pipeline('b', '{ materialized: labs }'))).toEqual([]);
  });

  it('that close a circle with tasks that run a pipeline are refused, and circles of such tasks alone', async () => {
    const runs = (name: string): string => `{ operator: run_pipeline, pipeline: ${name} }`;
    expect(await problems(pipeline('a', '{ pipeline: b }', runs('b')) + pipeline('b', ''))).toEqual([
      'PL120 A run of each of these pipelines starts the next, without end: a → b → a.',
    ]);
    expect(
      await problems(pipeline('a', '', runs('b')) + pipeline('b', '', runs('c')) + pipeline('c', '', runs('a'))),
    ).toEqual([expect.stringMatching(/^SP107 .*pipeline\.a → pipeline\.b → pipeline\.c → pipeline\.a/)]);
    expect(await problems(pipeline('a', '', runs('b')) + pipeline('b', ''))).toEqual([]);
  });

  it('say the new names of what is renamed', () => {
    const spec = pipelineOf(
      { a: {} },
      { triggers: [{ materialized: 'labs' }, { promoted: 'labs' }, { pipeline: 'labs' }, { file: 'labs' }] },
    );
    const renamed = renamedReferences('pipeline', spec, (kind, name) => `${kind}_${name}`);
    expect(renamed.triggers).toEqual([
      { materialized: 'feature_set_labs' },
      { promoted: 'model_labs' },
      { pipeline: 'pipeline_labs' },
      { file: 'labs' },
    ]);
  });
});

describe('a cache', () => {
  it('goes with tasks whose result is all that they do', async () => {
    expect(
      await problems(
        pipeline('p', '', '{ operator: command, command: "true", cache: { ttl: 1h, key: "params.x" } }') +
          pipeline('q', '', '{ operator: data_ingestion, source: raw, cache: { ttl: 1h } }') +
          pipeline('r', '', '{ operator: command, command: "true", cache: { ttl: 1h, key: "1 +" } }'),
      ),
    ).toEqual([
      'SP103 What a data_ingestion task does in the stores cannot be taken over.',
      expect.stringMatching(/^SP114 /),
    ]);
  });
});
