/** What every TrackingStore promises. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TrackingStore } from '../../src/stores/control/tracking.ts';
import type { RunCondition, RunOrder } from '../../src/stores/control/tracking-search.ts';
import { postgresTracking } from '../../src/stores/postgres/postgres-tracking.ts';
import { postgresBackend } from '../support/contract-database.ts';

const postgres = postgresBackend(postgresTracking);

describe.each([postgres])('tracking on $name', (backend) => {
  let tracking: TrackingStore;
  beforeAll(() => backend.open());
  afterAll(() => backend.close());
  beforeEach(async () => {
    tracking = await backend.store();
  });

  const experiment = (name = 'one') =>
    tracking.createExperiment({ name, artifactLocation: null, tags: { team: 'a' } }, 1000);
  const run = async (name: string, startedMs = 1, experimentId?: string) =>
    tracking.createRun({
      experimentId: experimentId ?? ((await tracking.experimentNamed('one')) ?? (await experiment())).id,
      name,
      user: 'ada',
      startedMs,
      tags: {},
    });
  const search = async (
    conditions: readonly RunCondition[],
    order: readonly RunOrder[] = [],
    { offset = 0, limit = 100, view = 'active' as const } = {},
  ) => {
    const { id } = (await tracking.experimentNamed('one'))!;
    const found = await tracking.searchRuns({ experimentIds: [id], view, conditions, order, offset, limit });
    return found.map(({ name }) => name);
  };

  it('has the experiment 0 from the beginning, and counts from there in each scope', async () => {
    expect(await tracking.experiment('0')).toMatchObject({ name: 'Default', artifactLocation: 'mlflow-artifacts:/0' });
    expect((await experiment()).id).toBe('1');
    await expect(experiment()).rejects.toMatchObject({ code: 'EX202' });
    const other = await backend.store();
    expect((await other.createExperiment({ name: 'one', artifactLocation: 's3://b/x', tags: {} }, 1)).id).toBe('1');
    const made = await Promise.all(Array.from({ length: 8 }, (_, index) => experiment(`n${index}`)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(8);
  });

  it('answers undefined for what is not there, and EX201 to who would change it', async () => {
    for (const id of ['7', '', 'x', '99999999999999999999', "1' or '1"]) {
      expect(await tracking.experiment(id)).toBeUndefined();
      await expect(tracking.renameExperiment(id, 'b', 1)).rejects.toMatchObject({ code: 'EX201' });
    }
    for (const id of [randomUUID(), '', 'x', "a'b"]) {
      expect(await tracking.run(id)).toBeUndefined();
      await expect(tracking.logBatch(id, { params: { a: '1' } })).rejects.toMatchObject({ code: 'EX201' });
      await expect(tracking.metricHistory(id, 'a', { offset: 0, limit: null })).rejects.toMatchObject({
        code: 'EX201',
      });
    }
    expect(await tracking.model('m-1')).toBeUndefined();
    expect(await tracking.file('a')).toBeUndefined();
  });

  it('shows no scope what another one has', async () => {
    const { id } = await run('mine');
    const other = await backend.store();
    expect(await other.run(id)).toBeUndefined();
    await expect(other.logBatch(id, { tags: { a: '1' } })).rejects.toMatchObject({ code: 'EX201' });
    await expect(other.setRunLifecycle(id, 'deleted')).rejects.toMatchObject({ code: 'EX201' });
    expect(
      await other.searchRuns({ experimentIds: ['1'], view: 'all', conditions: [], order: [], offset: 0, limit: 9 }),
    ).toEqual([]);
  });

  it('keeps what a run logs: parameters once, tags anew, metrics with every value and the newest by step', async () => {
    const { id } = await run('r');
    await tracking.logBatch(id, {
      params: { lr: '0.1' },
      tags: { a: '1' },
      metrics: [
        { key: 'auc', value: 0.5, atMs: 10, step: 2 },
        { key: 'auc', value: 0.9, atMs: 20, step: 1 },
        { key: 'auc', value: 0.5, atMs: 10, step: 2 },
      ],
    });
    await tracking.logBatch(id, { params: { lr: '0.1', depth: '3' }, tags: { a: '2', 'mlflow.runName': 'renamed' } });
    await expect(
      tracking.logBatch(id, {
        params: { lr: '0.2', other: 'x' },
        metrics: [{ key: 'lost', value: 1, atMs: 1, step: 0 }],
      }),
    ).rejects.toMatchObject({ code: 'EX204' });
    expect(await tracking.run(id)).toMatchObject({
      name: 'renamed',
      params: { lr: '0.1', depth: '3' },
      tags: { a: '2', 'mlflow.runName': 'renamed' },
      metrics: [{ key: 'auc', value: 0.5, atMs: 10, step: 2 }],
    });
    expect(await tracking.metricHistory(id, 'auc', { offset: 0, limit: null })).toEqual([
      { key: 'auc', value: 0.5, atMs: 10, step: 2 },
      { key: 'auc', value: 0.9, atMs: 20, step: 1 },
    ]);
    await tracking.logBatch(id, { params: { lr: '0.2' } }, { overwrite: true });
    expect(await tracking.run(id)).toMatchObject({ params: { lr: '0.2' } });
  });

  it('loses nothing that is logged to one run at once', async () => {
    const { id } = await run('busy');
    await Promise.all(
      Array.from({ length: 20 }, (_, step) =>
        tracking.logBatch(id, {
          params: { [`p${step}`]: String(step) },
          metrics: [{ key: 'm', value: step, atMs: 1000 - step, step }],
        }),
      ),
    );
    const found = await tracking.run(id);
    expect(Object.keys(found?.params ?? {})).toHaveLength(20);
    expect(found?.metrics).toEqual([{ key: 'm', value: 19, atMs: 981, step: 19 }]);
    expect(await tracking.metricHistory(id, 'm', { offset: 0, limit: null })).toHaveLength(20);
  });

  it('deletes and restores a run, and an experiment with its runs; what is deleted takes nothing', async () => {
    const { id, experimentId } = await run('r');
    await tracking.setRunLifecycle(id, 'deleted');
    await expect(tracking.logBatch(id, { tags: { a: '1' } })).rejects.toMatchObject({ code: 'EX203' });
    expect(await search([])).toEqual([]);
    await tracking.setRunLifecycle(id, 'active');
    await tracking.setExperimentLifecycle(experimentId, 'deleted', 5);
    await expect(tracking.setExperimentLifecycle(experimentId, 'deleted', 5)).rejects.toMatchObject({ code: 'EX201' });
    await expect(run('late', 1, experimentId)).rejects.toMatchObject({ code: 'EX203' });
    expect(await search([], [], { view: 'deleted' as never })).toEqual(['r']);
    await tracking.setExperimentLifecycle(experimentId, 'active', 6);
    expect(await search([])).toEqual(['r']);
  });

  it('orders by a metric with NaN after numbers and runs without it last, whichever way, over pages', async () => {
    for (const [index, value] of [0.5, Number.NaN, 0.9, undefined, -1].entries()) {
      const { id } = await run(String(value), index);
      if (value !== undefined) await tracking.logBatch(id, { metrics: [{ key: 'auc', value, atMs: 1, step: 0 }] });
    }
    const by = (ascending: boolean) => [{ by: 'metric', key: 'auc', ascending }] as const;
    const ascending = ['-1', '0.5', '0.9', 'NaN', 'undefined'];
    expect(await search([], by(true))).toEqual(ascending);
    expect(await search([], by(false))).toEqual(['0.9', '0.5', '-1', 'NaN', 'undefined']);
    const paged = await Promise.all([0, 1, 2, 3, 4].map((offset) => search([], by(true), { offset, limit: 1 })));
    expect(paged.flat()).toEqual(ascending);
    expect(await search([{ on: 'metric', key: 'auc', test: { op: '>', value: 0 } }])).toEqual(['0.9', '0.5']);
    expect(await search([{ on: 'metric', key: 'auc', test: { op: '!=', value: 0.5 } }])).toEqual(['-1', '0.9', 'NaN']);
  });

  it('finds texts longer than an index takes, and takes no text for SQL or for a pattern', async () => {
    const long = 'x'.repeat(5000);
    for (const [name, value] of Object.entries({ long, longer: `${long}y`, quote: "a'b\\%", plain: 'a_b' })) {
      const { id } = await run(name);
      await tracking.logBatch(id, { params: { p: value } });
    }
    const where = (op: '=' | 'like' | 'ilike', value: string) =>
      search([{ on: 'param', key: 'p', test: { op, value } }]);
    expect(await where('=', long)).toEqual(['long']);
    expect(await where('=', "a'b\\%")).toEqual(['quote']);
    expect(await where('like', "a'b\\%")).toEqual(['quote']);
    expect(await where('ilike', 'A%B')).toEqual(['plain']);
    const ordered = await search([], [{ by: 'param', key: 'p', ascending: false }], { limit: 3 });
    expect(ordered).toEqual(['longer', 'long', 'plain']);
  });

  it('keeps the data sets and models of a run once each', async () => {
    const { id } = await run('r');
    const dataset = {
      name: 'd',
      digest: 'x',
      sourceType: 'local',
      source: '{}',
      schema: null,
      profile: 'p',
      tags: { k: 'v' },
    };
    await tracking.logDatasets(id, [dataset, { ...dataset, source: 'other' }]);
    await tracking.logDatasets(id, [{ ...dataset, tags: {} }]);
    await tracking.logModels(id, 'output', [{ modelId: 'm-1', step: 3 }]);
    await tracking.logModels(id, 'output', [{ modelId: 'm-1', step: 4 }]);
    await tracking.logModels(id, 'input', [{ modelId: 'm-2', step: 0 }]);
    expect(await tracking.run(id)).toMatchObject({
      datasets: [dataset],
      modelInputs: ['m-2'],
      modelOutputs: [{ modelId: 'm-1', step: 3 }],
    });
  });

  it('samples a metric evenly, its first and last values with it', async () => {
    const { id } = await run('r');
    const points = Array.from({ length: 100 }, (_, step) => ({ key: 'm', value: step, atMs: step, step }));
    await tracking.logBatch(id, { metrics: points });
    const steps = async (limit: number, range: readonly [number, number] | null = null) =>
      (await tracking.metricSamples([id], 'm', { limit, steps: range })).map(({ step }) => step);
    expect(await steps(200)).toHaveLength(100);
    expect(await steps(1)).toEqual([99]);
    const few = await steps(5);
    expect([few.length, few[0], few.at(-1)]).toEqual([5, 0, 99]);
    expect(await steps(200, [10, 12])).toEqual([10, 11, 12]);
  });

  it('lists the folders of files, and forgets one file or all below a folder', async () => {
    for (const path of ['1/r/a.txt', '1/r/deep/b', '1/r/deep/er/c', '1/r0/d', '2/e'])
      await tracking.putFile({ path, digest: 'a'.repeat(64), bytes: 5 });
    const names = async (folder: string) => (await tracking.listFolder(folder)).map(({ name, bytes }) => [name, bytes]);
    expect(await names('1/r')).toEqual([
      ['a.txt', 5],
      ['deep', null],
    ]);
    expect(await names('')).toEqual([
      ['1', null],
      ['2', null],
    ]);
    await tracking.forgetFiles('1/r/deep');
    expect((await tracking.filesBelow('1')).map(({ path }) => path)).toEqual(['1/r/a.txt', '1/r0/d']);
    await tracking.forgetFiles('1/r/a.txt');
    expect(await names('1/r')).toEqual([]);
  });

  it('finds logged models by what is logged of them', async () => {
    const { id: runId, experimentId } = await run('r');
    const made = [];
    for (const [index, name] of ['a', 'b', 'c'].entries())
      made.push(
        await tracking.createModel(
          { experimentId, name, modelType: '', sourceRunId: runId, params: { depth: String(index) }, tags: {} },
          index,
        ),
      );
    for (const [index, { id: modelId }] of made.entries())
      await tracking.logBatch(runId, {
        metrics: [
          { key: 'auc', value: index / 10, atMs: 1, step: 0, modelId, datasetName: 'd', datasetDigest: String(index) },
        ],
      });
    const found = async (change: object) =>
      (
        await tracking.searchModels({
          experimentIds: [experimentId],
          conditions: [],
          datasets: [],
          order: [],
          offset: 0,
          limit: 9,
          ...change,
        })
      ).map(({ name }) => name);
    expect(await found({})).toEqual(['c', 'b', 'a']);
    expect(await found({ conditions: [{ on: 'metric', key: 'auc', test: { op: '>=', value: 0.1 } }] })).toEqual([
      'c',
      'b',
    ]);
    expect(await found({ conditions: [{ on: 'param', key: 'depth', test: { op: '=', value: '1' } }] })).toEqual(['b']);
    expect(await found({ datasets: [{ name: 'd', digest: '0' }] })).toEqual(['a']);
    expect(await found({ order: [{ by: 'metric', key: 'auc', on: {}, ascending: true }] })).toEqual(['a', 'b', 'c']);
    await tracking.deleteModel(made[0]!.id, 9);
    expect(await found({})).toEqual(['c', 'b']);
    expect(await tracking.model(made[0]!.id)).toBeUndefined();
    expect(await tracking.model(made[0]!.id, { deleted: true })).toMatchObject({ name: 'a' });
    const ready = await tracking.finishModel(made[1]!.id, 'LOGGED_MODEL_READY', 20);
    expect(ready).toMatchObject({ status: 'LOGGED_MODEL_READY', updatedMs: 20, metrics: [{ value: 0.1, runId }] });
  });
});
