/** Files of runs and models: paths that clients choose, content in the artifact store. */
import type { Readable } from 'node:stream';
import { MlopsError } from '../lib/error.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { TrackedFile, TrackingStore } from '../stores/control/tracking.ts';

const PATH_CHARACTERS = 2048;
/** What stands for the place below which the daemon keeps files. */
const SCHEME = 'mlflow-artifacts:';

export interface TrackedFiles {
  put(path: string, content: Readable): Promise<TrackedFile>;
  /** EX201 where there is none. */
  open(path: string): Promise<{ readonly file: TrackedFile; readonly content: Readable }>;
  /** Files, and folders without a size. Empty where there is nothing. */
  list(folder: string): ReturnType<TrackingStore['listFolder']>;
  forget(path: string): Promise<void>;
}

export function trackedFiles(store: TrackingStore, artifacts: ArtifactStore): TrackedFiles {
  return {
    put: async (given, content) => {
      const path = checkedPath(given);
      const stored = await artifacts.put(content);
      const file = { path, ...stored };
      await store.putFile(file);
      return file;
    },
    open: async (given) => {
      const path = checkedPath(given);
      const file = await store.file(path);
      if (file === undefined) throw new MlopsError('EX201', { detail: `There is no file at ${path}.`, status: 404 });
      return { file, content: await artifacts.stream(file.digest) };
    },
    list: (folder) => store.listFolder(folder === '' ? '' : checkedPath(folder)),
    forget: (path) => store.forgetFiles(checkedPath(path)),
  };
}

/** The path of a URI below which the daemon keeps files; undefined where they lie elsewhere. */
export function pathOfUri(uri: string): string | undefined {
  if (!uri.startsWith(SCHEME)) return undefined;
  const path = uri.slice(SCHEME.length).replace(/^\/\/[^/]*/, '');
  return checkedPath(path.replace(/^\/+/, ''));
}

/** Without empty parts. EX204 for what is no path below the root. */
export function checkedPath(given: string): string {
  const segments = given.split('/').filter((segment) => segment !== '' && segment !== '.');
  const path = segments.join('/');
  if (path !== '' && path.length <= PATH_CHARACTERS && !segments.includes('..') && !/[\0\\]/.test(path)) return path;
  throw new MlopsError('EX204', { detail: `"${given}" is no path of a file.`, status: 422 });
}
