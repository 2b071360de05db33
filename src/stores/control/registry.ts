/** The model registry's rows: versions whose content never changes, stages, labels, and every move and change appended. One scope. */
import type {
  ModelVersion,
  NewVersion,
  NumberOperator,
  Stage,
  TextOperator,
  VersionArtifact,
} from './model-version.ts';
import type { RegistryLabels } from './registry-labels.ts';

export {
  type Flavour,
  type ModelSignature,
  type ModelVersion,
  type NewVersion,
  type NumberOperator,
  STAGES,
  type Stage,
  type TensorSpec,
  type TextOperator,
  type VersionArtifact,
} from './model-version.ts';

export interface StageMove {
  readonly model: string;
  readonly version: number;
  readonly from: Stage | null;
  readonly to: Stage;
  readonly at: Date;
  readonly who: string;
  readonly reason: string | null;
  readonly gates: readonly GateResult[];
  /** The version was deleted since. */
  readonly deleted: boolean;
}

export interface GateResult {
  readonly metric: string;
  readonly rule: string;
  readonly observed: number | null;
  readonly required: number | null;
  readonly passed: boolean;
  readonly detail: string;
}

export interface VersionFilter {
  readonly name?: string;
  readonly stage?: Stage;
  readonly framework?: string;
  /** Carries all of these tags. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Meets all of these. A version without the metric meets none. */
  readonly metrics?: readonly MetricCondition[];
  /** And all of these. */
  readonly conditions?: readonly VersionCondition[];
  /** Default: the last registered first. */
  readonly order?: readonly VersionOrder[];
  readonly limit: number;
  /** Opaque, from an answer to the same filter and order. */
  readonly cursor?: string | undefined;
}

export interface MetricCondition {
  readonly metric: string;
  readonly op: NumberOperator;
  readonly value: number;
}

/** What a version does not have (a run, a tag) meets no condition, `!=` neither. */
export type VersionCondition =
  | {
      readonly on: 'name' | 'stage' | 'framework' | 'runId' | 'source' | 'createdBy';
      readonly op: TextOperator;
      readonly value: string | readonly string[];
    }
  | { readonly on: 'version'; readonly op: NumberOperator; readonly value: number }
  | { readonly on: 'tag'; readonly key: string; readonly op: TextOperator; readonly value: string | readonly string[] };

export type VersionOrder =
  | { readonly by: 'name' | 'version' | 'createdAt' | 'updatedAt'; readonly ascending: boolean }
  /** Versions without the metric are left out. */
  | { readonly by: 'metric'; readonly metric: string; readonly ascending: boolean };

export interface RegistryStore extends RegistryLabels {
  /** The next version of the model; the first registers the model. Numbers have no gaps, also when called at once. */
  addVersion(version: NewVersion, who: string): Promise<ModelVersion>;
  /**
   * The content of an artifact that was declared without one, or a further artifact while the version is in development. The
   * same content again changes nothing. MD201 where no version has the id, API409 where the path has other content or the
   * version has left development.
   */
  addArtifact(
    versionId: string,
    artifact: { readonly path: string; readonly digest: string; readonly bytes: number },
    who: string,
  ): Promise<VersionArtifact>;
  versionById(id: string): Promise<ModelVersion | undefined>;
  version(name: string, version: number): Promise<ModelVersion | undefined>;
  /** The version at a stage; the newest where a stage holds several. */
  atStage(name: string, stage: Stage): Promise<ModelVersion | undefined>;
  search(
    filter: VersionFilter,
  ): Promise<{ readonly items: readonly ModelVersion[]; readonly nextCursor: string | null }>;
  /** Those that have versions. */
  models(): Promise<readonly { readonly name: string; readonly versions: number; readonly latest: number }[]>;
  /**
   * Moves a version, appends the move and one audit entry, in one transaction. Into production: the version there before is
   * archived with it. `guard` runs inside the transaction under the model's lock, with the current production version;
   * what it throws undoes everything. A version that is at the stage already stays there: nothing is appended, the gates are
   * those of the move that brought it. Into staging or production: the feature-set versions that its lineage names serve, and
   * are not retired meanwhile. MD201 where no version has the id, MD207 where such a feature-set version does not serve.
   */
  move(
    id: string,
    to: Stage,
    by: { readonly who: string; readonly reason: string | null },
    guard: (version: ModelVersion, production: ModelVersion | undefined) => readonly GateResult[],
  ): Promise<{
    readonly version: ModelVersion;
    readonly archived: ModelVersion | undefined;
    readonly gates: readonly GateResult[];
  }>;
  /** Newest first. */
  history(name: string): Promise<readonly StageMove[]>;
  /** What was in production at `at`, also where it was deleted since. */
  productionAt(name: string, at: Date): Promise<ModelVersion | undefined>;
  /** Calls back after a version moved, from any process. A hint only: poll behind it. Returns the function that ends it. */
  onMove(listener: () => void): Promise<() => Promise<void>>;
}
