/**
 * A version of a model over many rows, as an endpoint would answer each: the same file, the same defaults, the same checks. A row that an
 * endpoint would refuse for a missing feature has no answer, or is an error where that is asked for.
 */
import { MlopsError } from '../lib/error.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { ModelVersion, RegistryStore, Stage } from '../stores/control/registry.ts';
import type { LoadedModel } from './loaded-model.ts';
import { checkType, defaultOf } from './model-inputs.ts';
import { type Prediction, predictionsOf } from './prediction.ts';
import type { Lease, LoadedVersions } from './runtime/loaded-versions.ts';

export interface BatchPredictor {
  /** A number, or the version at a stage. MD203, MD204 where it does not load, EP202 where there is none. */
  open(wanted: {
    readonly model: string;
    readonly version?: number | undefined;
    readonly stage: Stage;
  }): Promise<OpenVersion>;
}

export interface OpenVersion {
  readonly version: ModelVersion;
  /** `set.feature`, in the order of the model's inputs. */
  readonly features: readonly string[];
  /** How these are read: of the feature-set versions that it learned from. */
  readonly reads: readonly string[];
  /**
   * One of a row each, in order; undefined where a feature is missing that has no default. `first`: the number of the first row, for
   * messages. EP203 for a missing feature where `mustAnswer`, EP204 where a value does not fit.
   */
  answer(
    columns: readonly (readonly unknown[])[],
    rows: number,
    options: { readonly first: number; readonly mustAnswer: boolean },
  ): Promise<readonly (Prediction | undefined)[]>;
  close(): void;
}

export function createBatchPredictor(parts: {
  readonly registry: RegistryStore;
  readonly catalog: Catalog;
  readonly versions: Pick<LoadedVersions, 'hold'>;
}): BatchPredictor {
  const { registry, catalog, versions } = parts;
  return {
    open: async ({ model, version: number, stage }) => {
      const version =
        number === undefined ? await registry.atStage(model, stage) : await registry.version(model, number);
      if (version === undefined) throw noVersion(model, number, stage);
      const lease = await versions.hold(version, { pinned: true });
      const loaded = featuresOf(lease);
      const { features, reads } = loaded;
      const defaults = features.map((feature) => defaultOf(feature, catalog));
      return {
        version,
        features,
        reads,
        answer: async (columns, rows, { first, mustAnswer }) => {
          const filled = features.map(() => [] as unknown[]);
          const places: number[] = [];
          for (let row = 0; row < rows; row += 1) {
            const values = features.map((_, at) => knownOf(columns[at]?.[row]) ?? defaults[at]);
            const missing = values.indexOf(undefined);
            if (missing >= 0) {
              if (mustAnswer) throw missingFeature(features[missing] ?? '', first + row);
              continue;
            }
            places.push(row);
            for (const [at, value] of values.entries()) {
              const { featureTypes, featureWidths } = loaded.model;
              const given = value instanceof Float32Array ? Array.from(value) : value;
              checkType(given, featureTypes[at], featureWidths[at] ?? 1, features[at] ?? '', first + row);
              filled[at]?.push(given);
            }
          }
          const answers = new Array<Prediction | undefined>(rows).fill(undefined);
          if (places.length === 0) return answers;
          const found = predictionsOf(await loaded.use(() => loaded.model.answer(filled, places.length)), loaded.task);
          for (const [at, row] of places.entries()) answers[row] = found[at];
          return answers;
        },
        close: lease.release,
      };
    },
  };
}

function featuresOf(lease: Lease): LoadedModel {
  try {
    return lease.loaded.forFeatures();
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** What is not finite is not known: no store hands it out. */
function knownOf(value: unknown): unknown {
  return value === null || (typeof value === 'number' && !Number.isFinite(value)) ? undefined : value;
}

function noVersion(model: string, version: number | undefined, stage: Stage): MlopsError {
  return new MlopsError('EP202', {
    detail:
      version === undefined
        ? `model.${model} has no version in ${stage}.`
        : `model.${model} has no version ${version}.`,
    hint: `mlops models show ${model} lists its versions`,
    address: `model.${model}`,
  });
}

function missingFeature(feature: string, row: number): MlopsError {
  return new MlopsError('EP203', {
    detail: `No value for ${feature} in row ${row}.`,
    hint: 'materialize the feature set, give the value among the rows, declare a `default` for the feature, or leave such rows empty: missing: leave_empty',
  });
}
