/** deployment in real runs: a daemon that serves, and what the plan says of the task. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject, type TestDaemon } from '../support/project.ts';

const project = emptyProject('deployment');
const write = (name: string, text: string): void => writeFileSync(join(project.folder, name), text);
const config = (deploy: string, endpoints = '{ all: { model: failure } }', more = ''): string => `
project: sensors
resources:
  - { kind: Source, name: readings, file: readings.csv }
  - { kind: Entity, name: sensor, keys: { sensor: int64 } }
  - { kind: FeatureSet, name: state, entity: sensor, source: readings, eventTime: seen, features: { heat: float64 } }
  - { kind: FeatureService, name: inputs, features: [state] }
  - { kind: Model, name: failure, framework: onnx, inputs: inputs, pipeline: release }
  - { kind: Endpoint, name: risk, variants: ${endpoints}${endpoints.includes('second') ? ', split: { all: 50, second: 50 }' : ''} }
  - kind: Pipeline
    name: release
    tasks:
      materialize: { operator: feature_materialization, featureSets: [state] }
      dataset: { operator: training_dataset, spine: "select sensor, seen, failed from readings" }
      train: { operator: model_training, trainer: logistic_regression, label: failed }
      register: { operator: model_registration }
      deploy: { operator: deployment${deploy} }
${more}`;
const run = async (args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await project.mlops(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
};
const apply = async (text: string): Promise<void> => {
  write('mlops.config.yaml', text);
  await run(['apply', '--yes']);
};
const deployed = async () => {
  const { tasks } = JSON.parse(await run(['runs', 'show', 'last', '--json'])) as {
    tasks: { name: string; outputs: Record<string, unknown>; error: string | null }[];
  };
  return tasks.find(({ name }) => name === 'deploy');
};

let daemon: TestDaemon | undefined;
beforeAll(async () => {
  const rows = Array.from({ length: 30 }, (_, n) => `${n + 1},2024-01-0${1 + (n % 9)},${n * 3},${n > 15 ? 1 : 0}`);
  write('readings.csv', `sensor,seen,heat,failed\n${rows.join('\n')}\n`);
  await apply(config(', within: 2s'));
}, 120_000);
afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

describe('a deployment task', { timeout: 180_000 }, () => {
  it('fails with a reason where no daemon answers requests', async () => {
    const failed = await project.mlops(['run', 'release', '--follow']);
    expect(failed.code).toBe(1);
    expect((await deployed())?.error).toMatch(/^EP205 .*no daemon that answers requests was heard of within 2 s/);
  });

  it('ends once the daemon serves the version that was trained, and predictions come from it', async () => {
    daemon = await project.daemon();
    const { url } = daemon;
    await apply(config(''));
    await run(['run', 'release', '--follow']);
    const outputs = (await deployed())?.outputs;
    expect(outputs).toMatchObject({ endpoint: 'risk', variant: 'all', stage: 'production', moved: true, daemons: 1 });
    const answer = await fetch(`${url}/api/v1/endpoints/risk/predict`, {
      method: 'POST',
      body: JSON.stringify({ entities: { sensor: 3 } }),
    });
    expect(((await answer.json()) as { model: object }).model).toEqual({
      name: 'failure',
      version: outputs?.['version'],
    });
    const { items } = (await (await fetch(`${url}/api/v1/models/failure/history`)).json()) as {
      items: { to: string; version: number; who: string }[];
    };
    expect(items[0]).toMatchObject({ to: 'production', version: outputs?.['version'] });
    daemon.kill('SIGTERM');
    await daemon.ended;
    daemon = undefined;
  });

  it('is checked by plan: which endpoint, which variant, which version', async () => {
    const problems = async (...args: Parameters<typeof config>): Promise<string> => {
      write('mlops.config.yaml', config(...args));
      return (await project.mlops(['plan'])).stderr;
    };
    const two = '{ all: { model: failure }, second: { model: failure, stage: staging } }';
    expect(await problems('', two)).toMatch(/SP108[\s\S]*which variant serves it[\s\S]*candidates: all, second/);
    expect(await problems(', variant: secnd', two)).toMatch(
      /SP104[\s\S]*no variant "secnd"[\s\S]*did you mean "second"/,
    );
    expect(await problems(', endpoint: rsk')).toMatch(/SP104[\s\S]*did you mean "risk"/);
    expect(await problems(', version: 1, stage: staging')).toMatch(/SP103[\s\S]*both "version" and "stage"/);
    const other = '  - { kind: Endpoint, name: second, variants: { all: { model: failure } } }\n';
    expect(await problems('', undefined, other)).toMatch(/SP108[\s\S]*which endpoint[\s\S]*candidates: risk, second/);
  });
});
