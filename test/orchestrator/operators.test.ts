import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MlopsError } from '../../src/lib/error.ts';
import type { OperatorServices, TrainedModel, TrainingDataset } from '../../src/orchestrator/services.ts';
import {
  ended,
  MANUAL,
  openRig,
  pipelineOf,
  type Rig,
  type Services,
  statuses,
  taskOf,
} from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});

const dataset: TrainingDataset = {
  digest: 'dataset',
  artifact: 'parquet',
  rows: 10,
  trainRows: 8,
  testRows: 2,
  service: 'inputs',
  features: [{ feature: 'labs.bili', column: 'bili', dtype: 'float64' }],
  spineDigest: 's',
  featureSetVersions: { labs: 1 },
  sources: { visits: 'v' },
};

function trained(trainer: string, metrics: Record<string, number>): TrainedModel {
  return {
    artifact: `onnx of ${trainer}`,
    framework: 'onnx',
    trainer,
    hyperparameters: {},
    metrics,
    signature: { features: ['labs.bili'], inputs: [], outputs: [], label: 'died', task: 'binary_classification' },
    dataset,
    extraArtifacts: [],
  };
}

interface Calls {
  readonly register: Parameters<OperatorServices['register']>[0][];
  readonly promote: Parameters<OperatorServices['promote']>[0][];
  readonly evaluate: Parameters<OperatorServices['evaluate']>[0][];
  readonly adopt: { readonly onnx: string; readonly request: Parameters<OperatorServices['adoptTrained']>[0] }[];
}

function recording(): { calls: Calls; services: Services } {
  const calls: Calls = { register: [], promote: [], evaluate: [], adopt: [] };
  return {
    calls,
    services: {
      ingest: async (source) => ({ source, digest: 'v', rows: 10, bytes: 100, changed: true }),
      validate: async () => ({
        checked: 3,
        failures: [{ featureSet: 'labs', feature: 'bili', expectation: 'max 60', observed: 61, rows: 2 }],
      }),
      materialize: async (featureSet) => ({
        featureSet,
        version: 1,
        rowsRead: 10,
        rowsWritten: 10,
        older: [],
        retired: [],
        onlineWritten: 5,
        watermark: '2026-01-01T00:00:00Z',
      }),
      trainingDataset: async () => dataset,
      train: async ({ trainer, label, params }) => {
        expect([label, params]).toEqual(['died', { depth: 3 }]);
        return trained(trainer, { auc: 0.7 });
      },
      adoptTrained: async (request) => {
        calls.adopt.push({ request, onnx: await readFile(request.onnxPath, 'utf8') });
        return trained('command', request.metrics);
      },
      evaluate: async (request) => {
        calls.evaluate.push(request);
        return { metrics: { auc: request.model.trainer === 'command' ? 0.6 : 0.9 }, rows: 2 };
      },
      register: async (request) => {
        calls.register.push(request);
        return { id: `id ${calls.register.length}`, model: request.model, version: calls.register.length };
      },
      promote: async (request) => {
        calls.promote.push(request);
        return { id: request.versionId, model: 'mortality', version: 1, stage: request.to, gates: [], archived: null };
      },
    },
  };
}

async function run(services: Services, tasks: Parameters<typeof pipelineOf>[0]) {
  rig = await openRig(database.connectionString);
  const orchestrator = rig.open({ services, gitCommit: async () => 'abc123' });
  await orchestrator.worker.start();
  await rig.file('');
  const { runId } = await orchestrator.submit({ pipeline: pipelineOf(tasks), cause: MANUAL });
  const done = await ended(orchestrator, runId);
  const log = async (task: string): Promise<string> => {
    let text = '';
    for await (const part of orchestrator.logs(runId, task, { signal: AbortSignal.timeout(5000) })) text += part;
    return text;
  };
  const texts = Object.fromEntries(
    await Promise.all(done.tasks.map(async (task) => [task.name, task.attempt === 0 ? '' : await log(task.name)])),
  );
  await rig.close();
  return { done, texts };
}

const data = {
  ingest: { operator: 'data_ingestion' as const, source: 'visits' },
  validate: { operator: 'data_validation' as const, featureSets: ['labs'], onFailure: 'warn', needs: ['ingest'] },
  materialize: { operator: 'feature_materialization' as const, featureSets: ['labs', 'trend'], needs: ['validate'] },
  dataset: { operator: 'training_dataset' as const, features: 'inputs', spine: 'select 1', needs: ['materialize'] },
};
const train = {
  operator: 'model_training' as const,
  trainer: 'gradient_boosting',
  label: 'died',
  params: { depth: 3 },
  needs: ['dataset'],
};

it('carries a model from its data to production, each operator finding what it works on upstream', async () => {
  const { calls, services } = recording();
  const { done, texts } = await run(services, {
    ...data,
    train,
    evaluate: { operator: 'model_evaluation', metrics: ['auc'], needs: ['train'] },
    register: { operator: 'model_registration', model: 'mortality', needs: ['evaluate'] },
    promote: { operator: 'model_promotion', model: 'mortality', to: 'production', needs: ['register'] },
  });
  expect(done.status).toBe('succeeded');
  expect(calls.evaluate).toMatchObject([{ metrics: ['auc'], model: { artifact: 'onnx of gradient_boosting' } }]);
  expect(calls.register).toMatchObject([
    {
      model: 'mortality',
      metrics: { auc: 0.9 },
      trained: { trainer: 'gradient_boosting' },
      codeDigest: null,
      gitCommit: 'abc123',
    },
  ]);
  expect(calls.promote).toEqual([{ versionId: 'id 1', to: 'production', reason: `run ${done.runId} of p` }]);
  expect(taskOf(done, 'materialize').outputs).toMatchObject({
    featureSets: { labs: { rowsWritten: 10 }, trend: { version: 1 } },
  });
  expect(taskOf(done, 'promote').outputs).toMatchObject({ stage: 'production', version: 1 });
  expect(texts['validate']).toBe('labs.bili is not max 60: 61 in 2 rows\n3 expectations checked, 1 not met\n');
  expect(texts['evaluate']).toBe('2 test rows: auc 0.9\n');
});

it('fails on expectations that are not met, with each of them in the message', async () => {
  const { done } = await run(recording().services, { ...data, validate: { ...data.validate, onFailure: 'fail' } });
  expect(taskOf(done, 'validate')).toMatchObject({ status: 'failed' });
  expect(taskOf(done, 'validate').error).toContain('FS203');
  expect(taskOf(done, 'validate').error).toContain('labs.bili is not max 60: 61 in 2 rows');
  expect(statuses(done)['materialize']).toBe('upstream_failed');
});

it('adopts the model, the metrics and the further files that a program leaves, and keeps two trainers apart', async () => {
  const { calls, services } = recording();
  const { done } = await run(
    { ...services, artifactFile: async (digest) => `/artifacts/${digest}` },
    {
      ...data,
      train,
      program: {
        operator: 'model_training',
        command:
          'printf "$MLOPS_DATASET $MLOPS_LABEL" > model.onnx; echo \'{"loss": 0.25}\' > metrics.json; echo \'{"framework": "sklearn", "version": "1.4.2", "requirements": ["scikit-learn==1.4.2"]}\' > flavour.json; mkdir plots; cat "$MLOPS_FEATURES" "$MLOPS_HYPERPARAMETERS" > plots/a.json; ln -s /etc/passwd link',
        label: 'died',
        params: { depth: 2 },
        bundle: { digest: 'bundle', files: {} },
        needs: ['dataset'],
      },
      evaluate: { operator: 'model_evaluation', needs: ['train'] },
      evaluateProgram: { operator: 'model_evaluation', needs: ['program'] },
      register: { operator: 'model_registration', model: 'mortality', needs: ['evaluateProgram', 'evaluate'] },
      registerTrained: { operator: 'model_registration', model: 'mortality', needs: ['evaluate'] },
    },
  );
  expect(done.status).toBe('succeeded');
  expect(calls.adopt).toHaveLength(1);
  const { request, onnx } = calls.adopt[0]!;
  expect(onnx).toBe('/artifacts/parquet died');
  expect(request).toMatchObject({
    label: 'died',
    metrics: { loss: 0.25 },
    hyperparameters: { depth: 2 },
    dataset: { digest: 'dataset' },
  });
  expect(request.extraFiles.map((file) => file.path)).toEqual(['plots/a.json']);
  const registered = Object.fromEntries(calls.register.map((call) => [call.trained.trainer, call]));
  // The nearest training counts, and the evaluations of that one alone.
  expect(registered['command']).toMatchObject({ metrics: { loss: 0.25, auc: 0.6 }, codeDigest: 'bundle' });
  expect(registered['command']?.trained).toMatchObject({
    framework: 'sklearn',
    flavour: { version: '1.4.2', python: null, requirements: ['scikit-learn==1.4.2'] },
  });
  expect(registered['gradient_boosting']).toMatchObject({ metrics: { auc: 0.9 } });
  expect(calls.register).toHaveLength(2);
});

it('says what a trainer of your own must leave', async () => {
  const { services } = recording();
  const mine = (line: string) => ({
    operator: 'model_training' as const,
    command: line,
    label: 'died',
    needs: ['dataset'],
  });
  const { done } = await run(services, {
    ...data,
    none: mine('true'),
    odd: mine('touch model.onnx; echo \'{"auc": "high"}\' > metrics.json'),
    unread: mine('touch model.onnx; echo \'{"requirements": "all"}\' > flavour.json'),
    unknown: mine('touch model.onnx; echo \'{"pip": ["a"]}\' > flavour.json'),
  });
  expect(taskOf(done, 'none').error).toContain('without leaving model.onnx');
  expect(taskOf(done, 'odd').error).toContain('gives auc a value that is no finite number');
  expect(taskOf(done, 'unread').error).toContain('gives requirements that are no list of texts');
  expect(taskOf(done, 'unknown').error).toContain('says pip, which it does not have');
});

it('does not try a promotion again that a gate refused', async () => {
  const { services } = recording();
  let tried = 0;
  const { done } = await run(
    {
      ...services,
      promote: async () => {
        tried += 1;
        throw new MlopsError('MD202', { detail: 'auc 0.7 is below 0.8.' });
      },
    },
    {
      ...data,
      train,
      register: { operator: 'model_registration', model: 'mortality', needs: ['train'] },
      promote: {
        operator: 'model_promotion',
        model: 'mortality',
        to: 'production',
        needs: ['register'],
        retry: { limit: 5, backoff: { initial: '1ms' } },
      },
    },
  );
  expect(taskOf(done, 'promote')).toMatchObject({ status: 'failed', attempt: 1 });
  expect(taskOf(done, 'promote').error).toContain('MD202');
  expect(tried).toBe(1);
});

it('names what is missing upstream', async () => {
  const { done } = await run(recording().services, {
    train: { ...train, needs: [] },
    register: { operator: 'model_registration', model: 'm' },
    promote: { operator: 'model_promotion', model: 'm', to: 'staging' },
  });
  expect(done.tasks.map((task) => task.error?.slice(0, 5))).toEqual(['PL206', 'PL206', 'PL206']);
  expect(taskOf(done, 'train').error).toContain('no training_dataset task before it succeeded');
});
