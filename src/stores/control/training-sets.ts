/** Training sets as they were made: what each was made from, so that the same bytes can be made again. Never changed. */
import type { JsonObject } from '../../lib/json.ts';

export interface NewTrainingSet {
  /** SHA-256 over what it was made from and what it holds. */
  readonly digest: string;
  /** SHA-256 of its Parquet file in the artifact store. */
  readonly artifact: string;
  readonly rows: number;
  /** All that it takes to make it again (`features/training-recipe.ts`). */
  readonly recipe: JsonObject;
  /** Who made it: `pipeline.weekly run 0f…`. */
  readonly madeBy: string;
  /** The parts that it was made from: they stay in the offline store, whatever becomes of their version. */
  readonly parts: readonly { readonly storage: string; readonly version: number; readonly location: string }[];
  /** Locations of the snapshots that it was made from: they stay too. */
  readonly snapshots: readonly string[];
}

export interface RecordedTrainingSet extends Omit<NewTrainingSet, 'parts' | 'snapshots'> {
  readonly madeAt: Date;
}

export interface TrainingSets {
  /** Once for each digest. FS220 where a version that it was made from was retired meanwhile, or a snapshot let go: its rows may be gone. */
  addTrainingSet(set: NewTrainingSet): Promise<void>;
  /** By its digest, or by its first characters where only one has them. */
  trainingSet(digest: string): Promise<RecordedTrainingSet | undefined>;
  /** The newest first. */
  trainingSets(limit: number): Promise<readonly RecordedTrainingSet[]>;
}
