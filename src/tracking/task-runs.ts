/**
 * What tasks of pipelines train and measure, as runs: of the experiment that is named after the pipeline, found and compared like any
 * other. A task that runs twice has one run. Where somebody deleted the experiment or the run, nothing is recorded.
 */
import { sha256 } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { Texts } from '../stores/control/tracked-values.ts';
import type { TrackingStore } from '../stores/control/tracking.ts';

interface TaskOfRun {
  readonly runId: string;
  readonly pipeline: string;
  readonly task: string;
}

interface Trained {
  /** SHA-256 of the model's file. */
  readonly artifact: string;
  readonly framework: string;
  readonly trainer: string;
  readonly hyperparameters: JsonObject;
  readonly metrics: Readonly<Record<string, number>>;
  readonly dataset: {
    readonly digest: string;
    readonly rows: number;
    readonly trainRows: number;
    readonly testRows: number;
    readonly service: string;
  };
}

export interface TaskRuns {
  training<T extends Trained>(task: TaskOfRun, params: JsonObject, train: () => Promise<T>): Promise<T>;
  /** Its metrics stand with the run that trained the model too. */
  evaluation<T extends { readonly metrics: Readonly<Record<string, number>> }>(
    task: TaskOfRun,
    model: Trained,
    evaluate: () => Promise<T>,
  ): Promise<T>;
  /** The version is linked with the run that trained its model, whose id `register` is given where there is one. */
  registration<T extends { readonly model: string; readonly version: number }>(
    task: TaskOfRun,
    model: Trained,
    register: (trackedRun: string | undefined) => Promise<T>,
  ): Promise<T>;
}

/** The run of a task: the same for every attempt. */
export const trackedRunOf = ({ runId, task }: Pick<TaskOfRun, 'runId' | 'task'>): string =>
  sha256(`${runId}/${task}`).slice(0, 32);

const PARENT_TAG = 'mlflow.parentRunId';
const DIGEST_CHARACTERS = 36;

export function createTaskRuns(store: TrackingStore, nowMs: () => number): TaskRuns {
  /** Undefined where it is deleted. */
  const experimentOf = async (pipeline: string): Promise<string | undefined> => {
    const found =
      (await store.experimentNamed(pipeline)) ??
      (await store
        .createExperiment({ name: pipeline, artifactLocation: null, tags: { 'mlops.pipeline': pipeline } }, nowMs())
        .catch(async (error: unknown) => {
          // Another task made it in this moment.
          if (error instanceof MlopsError && error.code === 'EX202') return store.experimentNamed(pipeline);
          throw error;
        }));
    return found?.lifecycle === 'active' ? found.id : undefined;
  };
  const begin = async (task: TaskOfRun, tags: Texts): Promise<string | undefined> => {
    const experimentId = await experimentOf(task.pipeline);
    if (experimentId === undefined) return undefined;
    const run = await store.createRun({
      id: trackedRunOf(task),
      experimentId,
      name: task.task,
      user: `pipeline.${task.pipeline}`,
      startedMs: nowMs(),
      tags: { 'mlops.pipeline': task.pipeline, 'mlops.run_id': task.runId, 'mlops.task': task.task, ...tags },
    });
    if (run.lifecycle === 'deleted') return undefined;
    await store.updateRun(run.id, { status: 'RUNNING', endedMs: null });
    return run.id;
  };
  const within = async <T>(
    run: string | undefined,
    work: () => Promise<T>,
    log: (run: string, result: T) => Promise<void>,
  ): Promise<T> => {
    if (run === undefined) return work();
    try {
      const result = await work();
      await unlessDeleted(async () => {
        await log(run, result);
        await store.updateRun(run, { status: 'FINISHED', endedMs: nowMs() });
      });
      return result;
    } catch (error) {
      // What failed is what is told.
      await store.updateRun(run, { status: 'FAILED', endedMs: nowMs() }).catch(() => {});
      throw error;
    }
  };
  const points = (metrics: Readonly<Record<string, number>>) =>
    Object.entries(metrics).map(([key, value]) => ({ key, value, atMs: nowMs(), step: 0 }));
  /** The run of the same pipeline run that trained the model. */
  const trainedBy = async (task: TaskOfRun, { artifact }: Trained): Promise<string | undefined> => {
    const experimentId = await experimentOf(task.pipeline);
    if (experimentId === undefined) return undefined;
    const tagged = (key: string, value: string) => ({ on: 'tag', key, test: { op: '=', value } }) as const;
    const [run] = await store.searchRuns({
      experimentIds: [experimentId],
      view: 'active',
      conditions: [tagged('mlops.run_id', task.runId), tagged('mlops.artifact', artifact)],
      order: [],
      offset: 0,
      limit: 1,
    });
    return run?.id;
  };

  return {
    training: async (task, params, train) => {
      const run = await begin(task, {});
      return within(run, train, async (id, trained) => {
        const { dataset } = trained;
        await store.logBatch(
          id,
          {
            params: textsOf({ ...params, ...trained.hyperparameters }),
            metrics: points(trained.metrics),
            tags: {
              'mlops.artifact': trained.artifact,
              'mlops.framework': trained.framework,
              'mlops.trainer': trained.trainer,
            },
          },
          { overwrite: true },
        );
        await store.logDatasets(id, [
          {
            name: dataset.service,
            digest: dataset.digest.slice(0, DIGEST_CHARACTERS),
            sourceType: 'mlops',
            source: JSON.stringify({ training_set: dataset.digest }),
            schema: null,
            profile: JSON.stringify({
              num_rows: dataset.rows,
              train_rows: dataset.trainRows,
              test_rows: dataset.testRows,
            }),
            tags: { 'mlflow.data.context': 'training' },
          },
        ]);
      });
    },
    evaluation: async (task, model, evaluate) => {
      const parent = await trainedBy(task, model);
      const run = await begin(task, parent === undefined ? {} : { [PARENT_TAG]: parent });
      return within(run, evaluate, async (id, { metrics }) => {
        await store.logBatch(id, { metrics: points(metrics) });
        if (parent !== undefined) await store.logBatch(parent, { metrics: points(metrics) });
      });
    },
    registration: async (task, model, register) => {
      const run = await trainedBy(task, model);
      const version = await register(run);
      if (run !== undefined)
        await unlessDeleted(() =>
          store.logBatch(run, { tags: { 'mlops.model_version': `${version.model}/${version.version}` } }),
        );
      return version;
    },
  };
}

/** Somebody deleted it meanwhile: it takes nothing more, and what was done stays done. */
async function unlessDeleted(log: () => Promise<void>): Promise<void> {
  try {
    await log();
  } catch (error) {
    if (!(error instanceof MlopsError && error.code === 'EX203')) throw error;
  }
}

const textsOf = (values: Readonly<Record<string, JsonValue | undefined>>): Texts =>
  Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, typeof value === 'string' ? value : JSON.stringify(value)]],
    ),
  );
