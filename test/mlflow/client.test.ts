/** MLflow's own client from PyPI, unchanged but for the URL, tracks experiments and runs against a daemon. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MlflowClient, mlflowClient, withMlflow } from '../support/mlflow.ts';
import { weightedSumModel } from '../support/onnx-models.ts';
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
  daemon = await project.daemon(['--port', '0'], { env: { MLFLOW_TEST_KEY: KEY } });
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

describe("MLflow's paths", () => {
  it('take the API key as a password too, and refuse in words that MLflow clients know', async () => {
    const ask = (authorization: string, path = 'experiments/get?experiment_id=0') =>
      fetch(`${daemon.url}/api/2.0/mlflow/${path}`, { headers: { authorization } });
    const basic = (password: string) => `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
    expect((await ask(basic(KEY))).status).toBe(200);
    const refused = await ask(basic('wrong'));
    expect([refused.status, await refused.json()]).toMatchObject([401, { error_code: 'UNAUTHENTICATED' }]);
    const unknown = await ask(basic(KEY), 'traces/search');
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { error_code: 'ENDPOINT_NOT_FOUND' }]);
  });
});

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

  it('nests runs, and finds the inner ones by their parent', async () => {
    expect(await client.call('nested', [await newExperiment()])).toEqual(['inner']);
  });

  it('logs a model, registers it, and loads it by its id, its version, an alias and a stage', async () => {
    const name = 'Churn – été (v2)';
    const made = (await client.call('log_and_register', [await newExperiment(), name])) as {
      run: string;
      model: string;
      version: string;
    };
    expect(Number(made.version)).toBe(1);
    await call('set_registered_model_alias', [name, 'champion', '1']);
    await call('transition_model_version_stage', [name, '1', 'Staging']);
    await call('set_model_version_tag', [name, '1', 'checked', 'yes']);
    await call('update_model_version', [name, '1', 'doubles']);
    const version = {
      name,
      version: 1,
      run_id: made.run,
      aliases: ['champion'],
      current_stage: 'Staging',
      status: 'READY',
      tags: { checked: 'yes' },
      description: 'doubles',
    };
    expect(await call('get_model_version_by_alias', [name, 'champion'])).toMatchObject({ ...version, version: '1' });
    for (const uri of [
      `models:/${made.model}`,
      `models:/${name}/1`,
      `models:/${name}@champion`,
      `models:/${name}/Staging`,
      `runs:/${made.run}/doubling`,
    ])
      expect(await client.call('load_and_predict', [uri, [1, 2.5]]), uri).toEqual([2, 5]);

    const ours = await fetch(`${daemon.url}/api/v1/models?name=${encodeURIComponent(name)}`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    const { items } = (await ours.json()) as { items: readonly Record<string, unknown>[] };
    expect(items).toMatchObject([
      {
        name,
        framework: 'pyfunc',
        stage: 'staging',
        metrics: { auc: 0.9 },
        hyperparameters: { depth: '3' },
        lineage: {
          run: { id: made.run },
          logged_model: made.model,
          requirements: ['mlflow==3.17.2', 'numpy==2.0'],
          mlflow: { flavors: { python_function: {} } },
        },
      },
    ]);
    const { tags } = await call<{ tags: Record<string, string> }>('get_logged_model', [made.model]);
    expect(JSON.parse(tags['mlflow.modelVersions'] ?? '')).toEqual([{ name, version: '1' }]);
  });

  it('keeps what scikit-learn fitted', async () => {
    const predicted = await client.call('sklearn_round', [await newExperiment(), 'line']);
    expect(predicted[0]).toBeCloseTo(5, 9);
  });

  it('finds models and versions by name, number, run and tags, page by page, and deletes what nothing uses', async () => {
    const run = await newRun();
    await client.call('log_text_files', [
      run,
      { 'm/MLmodel': 'flavors:\n  xgboost:\n    data: model.xgb\n', 'm/model.xgb': 'x' },
    ]);
    for (const name of ['found-a', 'found-b'])
      await call('create_registered_model', [name, { team: name.slice(-1) }, 'a model']);
    for (let index = 0; index < 3; index += 1)
      await call('create_model_version', ['found-a', `runs:/${run}/m`, run], { tags: { n: String(index) } });
    const versions = async (filter: string, kwargs = {}) =>
      await call<{ items: readonly { name: string; version: string }[]; token: string | null }>(
        'search_model_versions',
        [filter],
        kwargs,
      );
    const numbers = async (filter: string, kwargs = {}) =>
      (await versions(filter, kwargs)).items.map(({ version }) => Number(version));
    expect(await numbers("name = 'found-a'", { order_by: ['version_number ASC'] })).toEqual([1, 2, 3]);
    expect(await numbers("name LIKE 'found%' and version_number > 1", { order_by: ['version_number DESC'] })).toEqual([
      3, 2,
    ]);
    expect(await numbers(`run_id = '${run}' and tags.n = '2'`)).toEqual([3]);
    const first = await versions("name = 'found-a'", { order_by: ['version_number ASC'], max_results: 2 });
    expect(
      await numbers("name = 'found-a'", { order_by: ['version_number ASC'], max_results: 2, page_token: first.token }),
    ).toEqual([3]);
    const models = await call<{ items: readonly { name: string; latest_versions: readonly unknown[] }[] }>(
      'search_registered_models',
      [],
      { filter_string: "tags.team = 'a'" },
    );
    expect(models.items).toMatchObject([
      { name: 'found-a', tags: { team: 'a' }, description: 'a model', latest_versions: [{ version: '3' }] },
    ]);
    expect(await call('get_latest_versions', ['found-a'])).toMatchObject([{ version: '3' }]);
    await call('transition_model_version_stage', ['found-a', '3', 'Production']);
    await expect(call('delete_model_version', ['found-a', '3'])).rejects.toThrow('RESOURCE_CONFLICT');
    await call('delete_model_version', ['found-a', '1']);
    expect(await numbers("name = 'found-a'", { order_by: ['version_number ASC'] })).toEqual([2, 3]);
    await call('delete_registered_model', ['found-b']);
    await expect(call('get_registered_model', ['found-b'])).rejects.toThrow('RESOURCE_DOES_NOT_EXIST');
    await expect(call('create_registered_model', ['found-a'])).rejects.toThrow('RESOURCE_ALREADY_EXISTS');
    for (const bad of ['a/b', 'a:b', '..', ' ']) await expect(call('create_registered_model', [bad])).rejects.toThrow();
    await expect(call('set_registered_model_alias', ['found-a', 'v1', '2'])).rejects.toThrow('INVALID_PARAMETER_VALUE');
    await expect(call('create_model_version', ['found-a', '/etc', run])).rejects.toThrow('INVALID_PARAMETER_VALUE');
  });

  it('registers a model with an ONNX file, which answers under the Open Inference Protocol by its name', async () => {
    const name = 'Weighted sum';
    const run = await newRun();
    const { experiment_id } = (await call<Run>('get_run', [run])).info;
    const headers = { authorization: `Bearer ${KEY}` };
    await client.call('log_text_files', [run, { 'm/MLmodel': 'flavors:\n  onnx:\n    data: model.onnx\n' }]);
    const file = `${daemon.url}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run}/artifacts/m/model.onnx`;
    const put = await fetch(file, { method: 'PUT', headers, body: Buffer.from(await weightedSumModel([1, 10])) });
    expect(put.status).toBe(200);
    await call('create_registered_model', [name]);
    await call('create_model_version', [name, `runs:/${run}/m`, run]);
    const answer = await fetch(`${daemon.url}/v2/models/${encodeURIComponent(name)}/infer`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [2, 3] }] }),
    });
    expect(await answer.json()).toMatchObject({ model_name: name, outputs: [{ name: 'y', data: [32] }] });
  });
});
