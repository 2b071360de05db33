/** What tasks of pipelines train and measure, as runs of the experiment of their pipeline. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TrackingStore } from '../../src/stores/control/tracking.ts';
import { postgresTracking } from '../../src/stores/postgres/postgres-tracking.ts';
import { createTaskRuns, type TaskRuns, trackedRunOf } from '../../src/tracking/task-runs.ts';
import { postgresBackend } from '../support/contract-database.ts';

const backend = postgresBackend(postgresTracking);
let store: TrackingStore;
let runs: TaskRuns;
let now = 1000;
let runId = '';
beforeAll(() => backend.open());
afterAll(() => backend.close());
beforeEach(async () => {
  store = await backend.store();
  now = 1000;
  runId = randomUUID();
  runs = createTaskRuns(store, () => {
    now += 1;
    return now;
  });
});

const task = (name: string) => ({ runId, pipeline: 'weekly', task: name });
const trained = {
  artifact: 'f'.repeat(64),
  framework: 'onnx',
  trainer: 'gradient_boosting',
  hyperparameters: { trees: 150, learning_rate: 0.1, monotone: { bili: 1 } },
  metrics: { auc: 0.9 },
  dataset: { digest: 'd'.repeat(64), rows: 10, trainRows: 8, testRows: 2, service: 'labs' },
};
const runOf = (name: string) => store.run(trackedRunOf(task(name)));

describe('runs of tasks', () => {
  it('record what a training was given and measured, and the version that came of it', async () => {
    await runs.training(task('train'), { trees: 150 }, async () => {
      expect(await runOf('train')).toMatchObject({ status: 'RUNNING' });
      return trained;
    });
    await runs.evaluation(task('evaluate'), trained, async () => ({ metrics: { recall: 0.7 } }));
    const given = await runs.registration(task('register'), trained, async (id) => ({ model: 'risk', version: 3, id }));
    const run = await runOf('train');
    expect(given.id).toBe(run?.id);
    expect(run).toMatchObject({
      name: 'train',
      status: 'FINISHED',
      params: { trees: '150', learning_rate: '0.1', monotone: '{"bili":1}' },
      metrics: [
        { key: 'auc', value: 0.9 },
        { key: 'recall', value: 0.7 },
      ],
      tags: { 'mlops.run_id': runId, 'mlops.task': 'train', 'mlops.model_version': 'risk/3' },
      datasets: [{ name: 'labs', tags: { 'mlflow.data.context': 'training' } }],
    });
    expect(await runOf('evaluate')).toMatchObject({
      tags: { 'mlflow.parentRunId': run?.id },
      metrics: [{ key: 'recall', value: 0.7 }],
    });
    expect(await store.experimentNamed('weekly')).toMatchObject({ id: run?.experimentId });
  });

  it('say that a task failed, and are taken up again by its next attempt', async () => {
    const failing = runs.training(task('train'), {}, () => Promise.reject(new Error('no memory')));
    await expect(failing).rejects.toThrow('no memory');
    expect(await runOf('train')).toMatchObject({ status: 'FAILED' });
    await runs.training(task('train'), {}, async () => trained);
    await runs.training(task('train'), {}, async () => ({ ...trained, hyperparameters: { trees: 9 } }));
    expect(await runOf('train')).toMatchObject({ status: 'FINISHED', params: { trees: '9' } });
  });

  it('stay deleted where somebody deleted them, and hold up no task', async () => {
    await runs.training(task('train'), {}, async () => trained);
    const { id, experimentId } = (await runOf('train'))!;
    await store.setRunLifecycle(id, 'deleted');
    await runs.training(task('train'), {}, async () => trained);
    await runs.training(task('other'), {}, async () => {
      await store.setRunLifecycle(trackedRunOf(task('other')), 'deleted');
      return trained;
    });
    await store.setExperimentLifecycle(experimentId, 'deleted', 5);
    expect(await runs.evaluation(task('evaluate'), trained, async () => ({ metrics: {} }))).toEqual({ metrics: {} });
    expect(await runOf('evaluate')).toBeUndefined();
    expect(await store.run(id)).toMatchObject({ lifecycle: 'deleted' });
  });
});
