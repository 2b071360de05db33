/** MLflow's own client from PyPI, unchanged but for the URL, tracks experiments and runs against a daemon. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MlflowClient, mlflowClient, withMlflow } from '../support/mlflow.ts';
import { emptyProject, type TestDaemon } from '../support/project.ts';

const KEY = 'a-key-of-the-tests';
const project = emptyProject('mlflow');
let daemon: TestDaemon;
let client: MlflowClient;

interface Run {
  readonly info: Readonly<Record<string, unknown>> & { readonly run_id: string };
  readonly data: {
    readonly metrics: Readonly<Record<string, unknown>>;
    readonly params: Readonly<Record<string, string>>;
    readonly tags: Readonly<Record<string, string>>;
  };
  readonly inputs: { readonly dataset_inputs: readonly unknown[] };
}

beforeAll(async () => {
  writeFileSync(
    join(project.folder, 'mlops.config.yaml'),
    `project: tracking\nenvironments:\n  dev: { daemon: { apiKeys: { ci: '\${env:MLFLOW_TEST_KEY}' } } }\nresources: []\n`,
  );
  daemon = await project.daemon([], { env: { MLFLOW_TEST_KEY: KEY } });
  if (withMlflow) client = await mlflowClient(daemon.url, { MLFLOW_TRACKING_TOKEN: KEY });
}, 180_000);

afterAll(async () => {
  await client?.stop();
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

const call = <T>(
  name: string,
  args: readonly unknown[] = [],
  kwargs: Readonly<Record<string, unknown>> = {},
): Promise<T> => client.call('call', [name, ...args], kwargs);

let count = 0;
const newExperiment = (): Promise<string> => {
  count += 1;
  return call<string>('create_experiment', [`experiment ${count}`]);
};
const newRun = async (kwargs: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  (await call<Run>('create_run', [await newExperiment()], kwargs)).info.run_id;

describe.runIf(withMlflow)("MLflow's client", () => {
  it('finds the experiment Default, and makes, tags, renames, deletes and restores one of its own', async () => {
    expect(await call('get_experiment_by_name', ['Default'])).toMatchObject({
      experiment_id: '0',
      lifecycle_stage: 'active',
    });
    const id = await call<string>('create_experiment', ['Churn: Q3/Q4 – été'], { tags: { team: 'growth' } });
    await call('set_experiment_tag', [id, 'stage', 'early']);
    await call('rename_experiment', [id, 'Churn']);
    expect(await call('get_experiment', [id])).toMatchObject({
      name: 'Churn',
      artifact_location: `mlflow-artifacts:/${id}`,
      tags: { team: 'growth', stage: 'early' },
    });
    await call('delete_experiment_tag', [id, 'stage']);
    await call('delete_experiment', [id]);
    expect(await call('get_experiment_by_name', ['Churn'])).toMatchObject({
      lifecycle_stage: 'deleted',
      tags: { team: 'growth' },
    });
    await call('restore_experiment', [id]);
    expect(await call('get_experiment', [id])).toMatchObject({ lifecycle_stage: 'active' });
    await expect(call('create_experiment', ['Churn'])).rejects.toThrow('RESOURCE_ALREADY_EXISTS');
    await expect(call('get_experiment', ['4711'])).rejects.toThrow('RESOURCE_DOES_NOT_EXIST');
    expect(await call('get_experiment_by_name', ['nothing'])).toBeNull();
  });

  it('logs metrics, parameters and tags, one by one and in batches, and ends the run', async () => {
    const run = await newRun({ run_name: 'first', start_time: 1_700_000_000_000, tags: { a: '1' } });
    await call('log_metric', [run, 'auc', 0.5, 1000, 1]);
    await call('log_metric', [run, 'auc', 0.75, 2000, 3]);
    await call('log_metric', [run, 'auc', 0.6, 3000, 2]);
    await call('log_param', [run, 'depth', 3]);
    await call('set_tag', [run, 'b', 'two words']);
    await client.call('log_batch', [
      run,
      [
        ['loss', 'nan', 10, 0],
        ['loss', 0.25, 20, 1],
        ['top', 'inf', 10, 0],
      ],
      [
        ['lr', '0.1'],
        ['empty', ''],
      ],
      [['c', 'ж']],
    ]);
    await call('set_terminated', [run, 'FINISHED', 1_700_000_001_000]);
    const found = await call<Run>('get_run', [run]);
    expect(found.info).toMatchObject({
      run_name: 'first',
      status: 'FINISHED',
      start_time: 1_700_000_000_000,
      end_time: 1_700_000_001_000,
      lifecycle_stage: 'active',
    });
    expect(found.data).toEqual({
      metrics: { auc: 0.75, loss: 0.25, top: Number.MAX_VALUE },
      params: { depth: '3', lr: '0.1', empty: '' },
      tags: { a: '1', b: 'two words', c: 'ж', 'mlflow.runName': 'first' },
    });
    const history = await call<{ items: readonly { value: unknown; step: number; timestamp: number }[] }>(
      'get_metric_history',
      [run, 'auc'],
    );
    expect(history.items).toMatchObject([
      { value: 0.5, timestamp: 1000, step: 1 },
      { value: 0.75, timestamp: 2000, step: 3 },
      { value: 0.6, timestamp: 3000, step: 2 },
    ]);
    expect(await call('get_metric_history', [run, 'loss'])).toMatchObject({
      items: [{ value: 'nan' }, { value: 0.25 }],
    });
  });

  it('stores files of a run through the daemon, lists them and reads them back', async () => {
    const run = await newRun();
    const contents = { 'a.txt': 'alpha', 'deep/er/ж and space.txt': 'beta', 'deep/empty': '' };
    expect(await client.call('files', [run, contents])).toEqual({
      read: Object.fromEntries(Object.entries(contents).map(([path, content]) => [`out/${path}`, content])),
      listed: [
        ['out/a.txt', false, 5],
        ['out/deep', true, null],
      ],
    });
  });
});
