/** A recorded training set, made again from what it was made from, and held against what was recorded, byte for byte. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { digestOf } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { RecordedTrainingSet, TrainingSets } from '../stores/control/training-sets.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { FeatureCall } from './definitions.ts';
import { joinRequestOf, type TrainingRecipe, tablesOf } from './training-recipe.ts';

export interface RebuildParts {
  readonly featureState: TrainingSets;
  readonly offline: OfflineStore;
  readonly artifacts: ArtifactStore;
}

export interface RebuiltTrainingSet {
  readonly digest: string;
  readonly service: string;
  readonly rows: number;
  /** SHA-256 of the file as it was recorded. */
  readonly artifact: string;
  /** SHA-256 of the file that was made now. */
  readonly rebuilt: string;
  /** Both are the same, and so is the digest over everything that it was made from. */
  readonly equal: boolean;
  /** The artifact store's copy. `restored`: it was missing or damaged, and is there again. */
  readonly stored: 'whole' | 'missing' | 'damaged' | 'restored';
}

/** `restore`: puts the file back where the artifact store lost it. FS222 where what it was made from is gone, or nothing of it is recorded. */
export async function rebuild(
  { featureState, offline, artifacts }: RebuildParts,
  asked: string,
  { restore }: { readonly restore: boolean },
  call: FeatureCall,
): Promise<RebuiltTrainingSet> {
  const recorded = await featureState.trainingSet(asked);
  if (recorded === undefined) {
    throw new MlopsError('FS222', {
      detail: `No training set with the digest ${JSON.stringify(asked)} is recorded, or several begin like it.`,
      hint: 'mlops datasets list shows those that are; what was made before training sets were recorded cannot be rebuilt',
      status: 404,
    });
  }
  const recipe = recipeOf(recorded);
  await refuseGone(offline, recorded, recipe, call);
  const joined = await offline.join(joinRequestOf(recipe), call.signal);
  try {
    const rebuilt = await sha256Of(joined.path, call.signal);
    const equal = rebuilt === recorded.artifact && digestOf({ ...recipe.made, artifact: rebuilt }) === recorded.digest;
    const found = await storedCopy(artifacts, recorded.artifact);
    const restored = restore && equal && found !== 'whole';
    if (restored) await artifacts.putFile(joined.path);
    const { digest, artifact, rows } = recorded;
    return { digest, service: recipe.service, rows, artifact, rebuilt, equal, stored: restored ? 'restored' : found };
  } finally {
    await rm(joined.path, { force: true });
  }
}

function recipeOf({ digest, recipe }: RecordedTrainingSet): TrainingRecipe {
  if (recipe['format'] === 1) return recipe as unknown as TrainingRecipe;
  throw new MlopsError('FS222', {
    detail: `How the training set ${digest} was made is recorded in a way that this program does not know.`,
    hint: 'use the version of mlops that made it',
  });
}

async function refuseGone(
  offline: OfflineStore,
  { digest }: RecordedTrainingSet,
  recipe: TrainingRecipe,
  call: FeatureCall,
): Promise<void> {
  const tables = tablesOf(recipe);
  const found = await offline.inspect(tables, call.signal);
  const gone = tables.filter((_, index) => found[index]?.state !== 'whole');
  if (gone.length === 0) return;
  throw new MlopsError('FS222', {
    detail: `The training set ${digest} cannot be made again: ${gone.length} of the ${tables.length} tables that it was made from are gone or damaged, the first ${gone[0]}.`,
    hint: 'a feature set that was destroyed took its rows with it; restore them from a backup of the offline store',
    data: { gone },
    status: 409,
  });
}

async function storedCopy(artifacts: ArtifactStore, digest: string): Promise<'whole' | 'missing' | 'damaged'> {
  if ((await artifacts.has(digest)) === undefined) return 'missing';
  return artifacts.localPath(digest).then(
    () => 'whole',
    () => 'damaged',
  );
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
