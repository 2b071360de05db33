/** What a version of a model is: content that never changes, and labels that do. */
import type { JsonObject } from '../../lib/json.ts';

export const STAGES = ['development', 'staging', 'production', 'archived'] as const;
export type Stage = (typeof STAGES)[number];

/** How features become a model's tensors, and its tensors an answer. */
export interface ModelSignature {
  /** Feature names as `set.feature`, in the order of the model's input columns. */
  readonly features: readonly string[];
  /** How many input columns each feature fills: an embedding one for each of its numbers. Absent: one each. */
  readonly widths?: readonly number[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** What the label was, and what a prediction means. */
  readonly label: string | null;
  readonly task: 'binary_classification' | 'regression' | 'other';
}

export interface TensorSpec {
  readonly name: string;
  /** ONNX element type in lower case: `float32`, `int64`, `string`, … */
  readonly dtype: string;
  /** -1: any length, e.g. the batch. */
  readonly shape: readonly number[];
}

export interface VersionArtifact {
  /** Path inside the version, e.g. `model.onnx`. */
  readonly path: string;
  /** SHA-256 of the content in the artifact store; null where only a URI is known. */
  readonly digest: string | null;
  readonly bytes: number | null;
  readonly uri: string | null;
}

/** What it takes to load a version with the framework that made it. */
export interface Flavour {
  /** Of the framework, e.g. `1.4.2`. */
  readonly version: string | null;
  /** Of Python, e.g. `3.11.4`. */
  readonly python: string | null;
  /** As pip reads them: `scikit-learn==1.4.2`. */
  readonly requirements: readonly string[];
}

export interface NewVersion {
  readonly name: string;
  readonly framework: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly hyperparameters: JsonObject;
  readonly artifacts: readonly VersionArtifact[];
  readonly tags: Readonly<Record<string, string>>;
  /** Run, code, data snapshot, parameters: what it takes to make the version again. */
  readonly lineage: JsonObject;
  readonly signature: ModelSignature | null;
  readonly description: string | null;
  /** Registering the same key again answers the version it made (a task that runs twice registers once). */
  readonly idempotencyKey: string | null;
  /** The run that made it, as the lineage may tell at length. */
  readonly runId?: string | null;
  /** Where its files came from, as who registered it wrote it. */
  readonly source?: string | null;
  readonly flavour?: Flavour | null;
}

/** What it is never changes; its stage, tags, description and aliases do. */
export interface ModelVersion extends Omit<NewVersion, 'idempotencyKey' | 'runId' | 'source' | 'flavour'> {
  /** UUID. */
  readonly id: string;
  /** From 1, per model. */
  readonly version: number;
  readonly stage: Stage;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly stageChangedAt: Date;
  readonly runId: string | null;
  readonly source: string | null;
  /** Null where nobody said. */
  readonly flavour: Flavour | null;
  /** In the order of their names. */
  readonly aliases: readonly string[];
  /** When it last moved, or was tagged or described. */
  readonly updatedAt: Date;
}

export type NumberOperator = '>' | '>=' | '<' | '<=' | '=' | '!=';
/** The value of `in` and `not in` is a list; `like` knows % and _, `ilike` does not mind case. */
export type TextOperator = '=' | '!=' | 'like' | 'ilike' | 'in' | 'not in';
