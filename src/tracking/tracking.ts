/** Experiments and runs: what is logged is checked here, searches are understood here, and the store keeps and finds it. */

import type { LoggedModel, LoggedModelStatus, NewLoggedModel } from '../stores/control/tracked-models.ts';
import type { Texts } from '../stores/control/tracked-values.ts';
import type {
  DatasetInput,
  Experiment,
  LoggedBatch,
  NewRun,
  RunInfo,
  TrackedRun,
  TrackingStore,
  View,
} from '../stores/control/tracking.ts';
import type { MeasuredOn } from '../stores/control/tracking-search.ts';
import {
  checkBatch,
  checkDatasets,
  checkExperimentName,
  checkExperimentTag,
  checkMetrics,
  checkParams,
  checkTags,
} from './limits.ts';
import { randomName } from './random-name.ts';
import { parseExperimentFilter, parseExperimentOrder } from './search/experiments.ts';
import { type AskedModelOrder, parseModelFilter, parseModelOrder } from './search/logged-models.ts';
import { parseRunFilter, parseRunOrder } from './search/runs.ts';

interface Asked {
  readonly filter: string;
  readonly offset: number;
  readonly limit: number;
}

/** Items, and whether there are more. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

export interface Tracking {
  /** What is read or changed without a check. */
  readonly store: TrackingStore;
  createExperiment(asked: {
    readonly name: string;
    readonly artifactLocation: string | null;
    readonly tags: Texts;
  }): Promise<Experiment>;
  searchExperiments(
    asked: Asked & { readonly view: View; readonly order: readonly string[] },
  ): Promise<Page<Experiment>>;
  renameExperiment(id: string, name: string): Promise<void>;
  deleteExperiment(id: string): Promise<void>;
  restoreExperiment(id: string): Promise<void>;
  setExperimentTag(id: string, key: string, value: string): Promise<void>;
  /** A run without a name is given one. */
  createRun(run: Omit<NewRun, 'name'> & { readonly name: string }): Promise<TrackedRun>;
  updateRun(id: string, change: Parameters<TrackingStore['updateRun']>[1]): Promise<RunInfo>;
  logBatch(id: string, batch: LoggedBatch): Promise<void>;
  logDatasets(id: string, datasets: readonly DatasetInput[]): Promise<void>;
  searchRuns(
    asked: Asked & {
      readonly experimentIds: readonly string[];
      readonly view: View;
      readonly order: readonly string[];
    },
  ): Promise<Page<TrackedRun>>;
  createModel(model: NewLoggedModel): Promise<LoggedModel>;
  finishModel(id: string, status: LoggedModelStatus): Promise<LoggedModel>;
  deleteModel(id: string): Promise<void>;
  searchModels(
    asked: Asked & {
      readonly experimentIds: readonly string[];
      readonly datasets: readonly MeasuredOn[];
      readonly order: readonly AskedModelOrder[];
    },
  ): Promise<Page<LoggedModel>>;
}

export function createTracking(
  store: TrackingStore,
  { nowMs, random }: { readonly nowMs: () => number; readonly random: () => number },
): Tracking {
  const paged = async <T>(limit: number, find: (limit: number) => Promise<readonly T[]>): Promise<Page<T>> => {
    const found = await find(limit + 1);
    return { items: found.slice(0, limit), more: found.length > limit };
  };
  return {
    store,
    createExperiment: async (asked) => {
      checkExperimentName(asked.name);
      for (const [key, value] of Object.entries(asked.tags)) checkExperimentTag(key, value);
      return store.createExperiment(asked, nowMs());
    },
    searchExperiments: ({ filter, order, limit, ...asked }) =>
      paged(limit, async (most) =>
        store.searchExperiments({
          ...asked,
          conditions: parseExperimentFilter(filter),
          order: parseExperimentOrder(order),
          limit: most,
        }),
      ),
    renameExperiment: async (id, name) => {
      checkExperimentName(name);
      await store.renameExperiment(id, name, nowMs());
    },
    deleteExperiment: (id) => store.setExperimentLifecycle(id, 'deleted', nowMs()),
    restoreExperiment: (id) => store.setExperimentLifecycle(id, 'active', nowMs()),
    setExperimentTag: async (id, key, value) => {
      checkExperimentTag(key, value);
      await store.setExperimentTag(id, key, value);
    },
    createRun: async (run) => {
      checkTags(run.tags);
      return store.createRun({ ...run, name: run.name === '' ? randomName(random) : run.name });
    },
    updateRun: (id, change) => store.updateRun(id, change),
    logBatch: async (id, batch) => {
      const { metrics = [], params = {}, tags = {} } = batch;
      checkMetrics(metrics);
      checkParams(params);
      checkTags(tags);
      checkBatch({
        metrics: metrics.length,
        params: Object.keys(params).length,
        tags: Object.keys(tags).length,
      });
      await store.logBatch(id, batch);
    },
    logDatasets: async (id, datasets) => {
      checkDatasets(datasets);
      await store.logDatasets(id, datasets);
    },
    searchRuns: ({ filter, order, limit, ...asked }) =>
      paged(limit, async (most) =>
        store.searchRuns({ ...asked, conditions: parseRunFilter(filter), order: parseRunOrder(order), limit: most }),
      ),
    createModel: async (model) =>
      store.createModel({ ...model, name: model.name === '' ? randomName(random) : model.name }, nowMs()),
    finishModel: (id, status) => store.finishModel(id, status, nowMs()),
    deleteModel: (id) => store.deleteModel(id, nowMs()),
    searchModels: ({ filter, order, limit, ...asked }) =>
      paged(limit, async (most) =>
        store.searchModels({
          ...asked,
          conditions: parseModelFilter(filter),
          order: parseModelOrder(order),
          limit: most,
        }),
      ),
  };
}
