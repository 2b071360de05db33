/** Queries and training sets that are taken over: while what they would read is the same. */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject } from '../support/project.ts';

const project = emptyProject('cached queries');
const CONFIG = `
project: cached
resources:
  - { kind: Source, name: visits, file: visits.csv }
  - { kind: Entity, name: patient, keys: { patient_id: int64 } }
  - { kind: FeatureSet, name: costs, entity: patient, source: visits, eventTime: day, features: { cost: float64 } }
  - { kind: FeatureService, name: inputs, features: [costs] }
  - kind: Pipeline
    name: learn
    params: { at_least: 0 }
    tasks:
      ingest: { operator: data_ingestion, source: visits }
      count:
        operator: sql_query
        query: "select patient_id, count(*) as visits from visits where cost >= \${{ params.at_least }} group by patient_id"
        needs: [ingest]
        cache: { ttl: 1d }
      materialize: { operator: feature_materialization, featureSets: [costs], needs: [ingest] }
      dataset:
        operator: training_dataset
        features: inputs
        spine: select patient_id, day as event_time, 1 as label from visits
        needs: [materialize]
        cache: { ttl: 1d }
`;
type Task = { readonly name: string; readonly cached_from: unknown; readonly outputs: { readonly digest: string } };

async function tasksOf(...params: readonly string[]): Promise<Readonly<Record<string, Task>>> {
  const run = await project.mlops(['run', 'learn', '--follow', ...params]);
  expect(run.code, run.stdout + run.stderr).toBe(0);
  const shown = await project.mlops(['runs', 'show', 'last', '--json']);
  const { tasks } = JSON.parse(shown.stdout) as { readonly tasks: readonly Task[] };
  return Object.fromEntries(tasks.map((task) => [task.name, task]));
}
const taken = ({ count, dataset }: Readonly<Record<string, Task>>) =>
  [count, dataset].map((one) => one?.cached_from !== null);

beforeAll(async () => {
  writeFileSync(join(project.folder, 'mlops.config.yaml'), CONFIG);
  writeFileSync(join(project.folder, 'visits.csv'), 'patient_id,day,cost\n1,2024-01-01,10\n2,2024-01-02,20\n');
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stdout + applied.stderr).toBe(0);
}, 120_000);
afterAll(() => project.remove(), 60_000);

describe('a query and a training set with a cache', { timeout: 180_000 }, () => {
  it('are taken over while snapshots and rows are the same, and made anew when they are not', async () => {
    const first = await tasksOf();
    expect(taken(first)).toEqual([false, false]);
    const second = await tasksOf();
    expect(taken(second)).toEqual([true, true]);
    expect(second['dataset']?.outputs).toEqual(first['dataset']?.outputs);
    // Another parameter is another query; the training set does not read it.
    expect(taken(await tasksOf('--param', 'at_least=15'))).toEqual([false, true]);
    appendFileSync(join(project.folder, 'visits.csv'), '1,2024-02-01,30\n');
    const third = await tasksOf();
    expect(taken(third)).toEqual([false, false]);
    expect(third['dataset']?.outputs.digest).not.toBe(first['dataset']?.outputs.digest);
  });

  it('are made anew where what they gave is gone', async () => {
    rmSync(join(project.folder, '.mlops/artifacts'), { recursive: true, force: true });
    expect(taken(await tasksOf())).toEqual([true, false]);
  });
});
