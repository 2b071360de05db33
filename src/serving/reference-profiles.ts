/** Reference profiles of versions, read from their artifacts; those that were read last are kept. */
import { MlopsError } from '../lib/error.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { ModelVersion, RegistryStore } from '../stores/control/registry.ts';
import { checkProfile, PROFILE_FILE, type ReferenceProfile } from '../stores/reference-profile.ts';

export interface ReferenceProfiles {
  /** Undefined where the version is gone, or has none that can be read. */
  of(model: string, version: number): Promise<ReferenceProfile | undefined>;
}

const KEPT = 50;

export function createReferenceProfiles(parts: {
  readonly registry: Pick<RegistryStore, 'version'>;
  readonly artifacts: Pick<ArtifactStore, 'read'>;
}): ReferenceProfiles {
  /** By digest: content never changes. */
  const known = new Map<string, ReferenceProfile | undefined>();
  return {
    of: async (model, number) => {
      const version = await parts.registry.version(model, number);
      const digest = version === undefined ? undefined : digestOf(version);
      if (digest === undefined) return undefined;
      if (known.has(digest)) return known.get(digest);
      const profile = await readProfile(parts.artifacts, digest).catch((error: unknown) => {
        if (error instanceof MlopsError && error.code === 'MD230') return undefined;
        throw error;
      });
      if (known.size >= KEPT) known.delete(known.keys().next().value!);
      known.set(digest, profile);
      return profile;
    },
  };
}

/** MD203 where the version has none, MD230 where it is none. */
export async function profileOf(
  version: ModelVersion,
  artifacts: Pick<ArtifactStore, 'read'>,
): Promise<ReferenceProfile> {
  const digest = digestOf(version);
  if (digest === undefined)
    throw new MlopsError('MD203', {
      detail: `Version ${version.version} of ${version.name} has no reference profile.`,
      hint: 'model_training freezes one with the version; over HTTP it is the field `profile` of POST /api/v1/models',
      status: 404,
    });
  return readProfile(artifacts, digest);
}

function digestOf({ artifacts }: ModelVersion): string | undefined {
  return artifacts.find(({ path }) => path === PROFILE_FILE)?.digest ?? undefined;
}

async function readProfile(artifacts: Pick<ArtifactStore, 'read'>, digest: string): Promise<ReferenceProfile> {
  const text = new TextDecoder().decode(await artifacts.read(digest));
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // What is no JSON is no profile either.
  }
  return checkProfile(parsed);
}
