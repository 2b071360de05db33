/**
 * Files that tasks of runs leave, in a store of their own: they go with their runs, whatever has the same content elsewhere. Those of runs
 * from before it are still found where they are.
 */
import type { ArtifactStore, RemovableArtifacts } from '../stores/artifacts.ts';

export function runFilesIn(own: RemovableArtifacts, shared: ArtifactStore): RemovableArtifacts {
  const holderOf = async (digest: string): Promise<ArtifactStore> =>
    (await own.has(digest)) === undefined ? shared : own;
  return {
    put: own.put,
    putFile: own.putFile,
    remove: own.remove,
    has: async (digest) => (await own.has(digest)) ?? shared.has(digest),
    read: async (digest) => (await holderOf(digest)).read(digest),
    stream: async (digest) => (await holderOf(digest)).stream(digest),
    localPath: async (digest) => (await holderOf(digest)).localPath(digest),
  };
}
