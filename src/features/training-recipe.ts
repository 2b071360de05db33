/**
 * All that a training set was made from, by value: the spine's query over snapshots, and of each feature set the parts, the
 * structure and the ttl as they were. The offline store writes the same bytes for the same recipe.
 */
import type { JsonObject } from '../lib/json.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { RecordedTrainingSet } from '../stores/control/training-sets.ts';
import type { JoinedSet, JoinRequest, SplitPlan } from '../stores/offline-join.ts';
import { type JoinedFrom, joinedFrom } from './point-in-time.ts';

export interface TrainingRecipe {
  readonly format: 1;
  readonly service: string;
  readonly spine: {
    readonly query: QueryText;
    readonly time: string;
    /** Source → where its snapshot lies, and its digest. */
    readonly inputs: Readonly<Record<string, string>>;
    readonly sources: Readonly<Record<string, string>>;
  };
  readonly sets: readonly RecipeSet[];
  readonly columns: readonly string[];
  readonly split: SplitPlan;
  /** What the digest is of, beside the artifact. */
  readonly made: JsonObject;
}

interface RecipeSet {
  /** `set` or `set@2`, as the features name it. */
  readonly set: string;
  readonly version: number;
  readonly storage: string;
  readonly structure: FeatureSetStructure;
  /** Microseconds; a text, because JSON has no such integers. */
  readonly ttlMicros: string | null;
  readonly parts: readonly string[];
  readonly output: JoinedSet['output'];
}

export function recipeSet(
  { set, structure, ttlMicros, parts, output }: JoinedFrom,
  { version, storage }: { readonly version: number; readonly storage: string },
): RecipeSet {
  return { set, version, storage, structure, ttlMicros: ttlMicros === null ? null : String(ttlMicros), parts, output };
}

export function joinRequestOf({ spine, sets, columns, split }: TrainingRecipe): JoinRequest {
  return {
    spine: { query: spine.query, inputs: spine.inputs, time: spine.time },
    sets: sets.map(({ ttlMicros, ...set }) =>
      joinedFrom({ ...set, ttlMicros: ttlMicros === null ? null : BigInt(ttlMicros) }),
    ),
    columns,
    split,
  };
}

/** Every table of the offline store that it takes. */
export function tablesOf({ spine, sets }: TrainingRecipe): readonly string[] {
  return [...new Set([...Object.values(spine.inputs), ...sets.flatMap(({ parts }) => parts)])];
}

export interface TrainingSetDescription {
  readonly digest: string;
  readonly artifact: string;
  readonly service: string;
  readonly rows: number;
  readonly featureSetVersions: Readonly<Record<string, number>>;
  readonly split: Pick<SplitPlan, 'by' | 'test' | 'seed'>;
  readonly madeBy: string;
  readonly madeAt: Date;
}

export function describeTrainingSet({ recipe, ...recorded }: RecordedTrainingSet): TrainingSetDescription {
  const { service, sets, split } = recipe as unknown as TrainingRecipe;
  const { by, test, seed } = split;
  return {
    ...recorded,
    service,
    featureSetVersions: Object.fromEntries(sets.map(({ set, version }) => [set, version])),
    split: { by, test, seed },
  };
}
