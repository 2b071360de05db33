/** batch_prediction in real runs on real stores: what is answered, and what the plan says of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject } from '../support/project.ts';

const project = emptyProject('batch prediction');
const write = (name: string, text: string): void => writeFileSync(join(project.folder, name), text);
const config = (predict: string, more = ''): string => `
project: sensors
resources:
  - { kind: Source, name: readings, file: readings.csv }
  - { kind: Source, name: asked, file: asked.csv }
  - { kind: Entity, name: sensor, keys: { sensor: int64 } }
  - { kind: FeatureSet, name: state, entity: sensor, source: readings, eventTime: seen, features: { heat: float64, load: float64 } }
  - { kind: FeatureSet, name: risk, entity: sensor, push: true, eventTime: predicted_at, features: { probability: float64, model_version: int64 } }
  - { kind: FeatureService, name: inputs, features: [state] }
  - { kind: Model, name: failure, framework: onnx, inputs: inputs, pipeline: train }
  - { kind: Endpoint, name: failure, variants: { all: { model: failure } } }
  - kind: Pipeline
    name: train
    tasks:
      materialize: { operator: feature_materialization, featureSets: [state] }
      dataset: { operator: training_dataset, spine: "select sensor, seen, failed from readings" }
      train: { operator: model_training, trainer: gradient_boosting, label: failed }
      register: { operator: model_registration }
      check: { operator: batch_prediction }
      promote: { operator: model_promotion, to: production }
  - kind: Pipeline
    name: nightly
    tasks:
      predict: { operator: batch_prediction, model: failure, ${predict} }
${more}`;
async function mlops(...args: readonly string[]) {
  const done = await project.mlops([...args, '--json']);
  return { ...done, json: done.stdout.startsWith('{') ? JSON.parse(done.stdout) : undefined };
}
async function apply(text: string): Promise<void> {
  write('mlops.config.yaml', text);
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stdout + applied.stderr).toBe(0);
}
async function ran(pipeline: string): Promise<Record<string, Record<string, unknown>>> {
  const run = await project.mlops(['run', pipeline, '--follow']);
  expect(run.code, run.stdout + run.stderr).toBe(0);
  const { tasks } = (await mlops('runs', 'show', 'last')).json as {
    tasks: { name: string; outputs: Record<string, unknown> }[];
  };
  return Object.fromEntries(tasks.map(({ name, outputs }) => [name, outputs]));
}

const SENSORS = 40;
beforeAll(async () => {
  const rows = Array.from({ length: SENSORS }, (_, n) => [
    n + 1,
    `2024-01-0${1 + (n % 9)}`,
    20 + ((n * 37) % 71),
    (n * 13) % 10,
    (n * 37) % 71 > 35 ? 1 : 0,
  ]);
  write('readings.csv', `sensor,seen,heat,load,failed\n${rows.map((row) => row.join()).join('\n')}\n`);
  write('asked.csv', `sensor,place\n${rows.map(([sensor]) => `${sensor},"room ${sensor}"`).join('\n')}\n99,nowhere\n`);
  await apply(config('source: asked, file: out/risk.jsonl, into: risk, batchRows: 16'));
}, 120_000);
afterAll(() => project.remove(), 60_000);

describe('a batch_prediction task', { timeout: 120_000 }, () => {
  it('answers the training set with the version that its run has just registered, before it is promoted', async () => {
    const { dataset, register, check } = await ran('train');
    expect(check).toMatchObject({
      model: 'failure',
      version: register?.['version'],
      versionId: register?.['id'],
      rows: SENSORS,
      unanswered: 0,
      featureSetVersions: { state: 1 },
      sources: dataset?.['sources'],
    });
  });

  it('answers each row as the endpoint does, and writes it where it was asked to', async () => {
    const { predict } = await ran('nightly');
    expect(predict).toMatchObject({
      model: 'failure',
      version: 1,
      rows: SENSORS + 1,
      unanswered: 1,
      into: { rowsWritten: SENSORS + 1 },
    });
    const rows = readFileSync(join(project.folder, 'out/risk.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map(({ place }) => place).slice(-2)).toEqual(['room 40', 'nowhere']);
    expect(rows.at(-1)).toMatchObject({ sensor: 99, prediction: null, probability: null, model_version: 1 });
    for (const sensor of [1, 17, 40]) {
      const { predictions, model } = (await mlops('predict', 'failure', '--entity', `sensor=${sensor}`)).json;
      const row = rows.find((one) => one.sensor === sensor);
      expect(row).toMatchObject({ prediction: predictions[0].label, model: model.name, model_version: model.version });
      expect(row.probability).toBeCloseTo(predictions[0].probability, 12);
    }
    const kept = (await mlops('features', 'get', 'risk', '--entity', 'sensor=17')).json;
    expect(kept.features).toEqual({
      'risk.probability': rows.find(({ sensor }) => sensor === 17).probability,
      'risk.model_version': 1,
    });
    const files = await project.mlops(['runs', 'artifacts', 'last', '--out', 'kept']);
    expect(files.code, files.stderr).toBe(0);
    expect(readFileSync(join(project.folder, 'kept/predict/predictions.parquet')).subarray(0, 4).toString()).toBe(
      'PAR1',
    );
  });

  it('fails where a row must be answered and cannot, or where no version is there', async () => {
    await apply(config('source: asked, missing: fail'));
    const run = await project.mlops(['run', 'nightly', '--follow']);
    expect(run.code).toBe(1);
    expect(run.stdout + run.stderr).toMatch(/EP203.*row 40/);
    await apply(config('source: asked, version: 7'));
    const none = await project.mlops(['run', 'nightly', '--follow']);
    expect(none.stdout + none.stderr).toMatch(/EP202.*no version 7/);
  });

  it('is checked by plan: what it answers, which version, and where its answers go', async () => {
    const problems = async (predict: string): Promise<string> => {
      write('mlops.config.yaml', config(predict));
      return (await project.mlops(['plan'])).stderr;
    };
    expect(await problems('into: risk')).toMatch(/SP108[\s\S]*does not say which rows to answer/);
    expect(await problems('source: asked, query: "select 1"')).toMatch(/SP103[\s\S]*both "query" and "source"/);
    expect(await problems('source: asked, version: 1, stage: staging')).toMatch(/both "version" and "stage"/);
    expect(await problems('source: askd')).toContain('did you mean "asked"?');
    expect(await problems('query: "select sensr from asked"')).toMatch(/SP203[\s\S]*no column "sensr"/);
    expect(await problems('source: asked, file: ../out.csv')).toMatch(/SP103[\s\S]*not below the root/);
    expect(await problems('source: asked, file: out.txt')).toMatch(/names no format/);
  });
});
