/**
 * Files of the registry's versions, shown among those of runs below `models/ID`, so that MLflow's clients load any version that
 * has content here. They are read only.
 */
import { MlopsError } from '../../lib/error.ts';
import type { ModelVersion } from '../../stores/control/registry.ts';
import { checkedPath, type TrackedFiles } from '../../tracking/files.ts';
import type { ApiContext } from '../context.ts';
import { badValue } from './errors.ts';
import { VERSION_FILES } from './version-views.ts';

interface Place {
  readonly version: ModelVersion;
  /** Below the version; empty: the version itself. */
  readonly path: string;
}

export function withVersionFiles(
  files: TrackedFiles,
  { registryStore, artifacts }: Pick<ApiContext, 'registryStore' | 'artifacts'>,
): TrackedFiles {
  const isVersion = (path: string): boolean => path.split('/').find((part) => part !== '') === VERSION_FILES;
  const placeOf = async (given: string): Promise<Place> => {
    const [, id = '', ...rest] = checkedPath(given).split('/');
    const version = await registryStore.versionById(id);
    if (version === undefined)
      throw new MlopsError('MD201', { detail: `There is no version of a model at ${given}.`, status: 404 });
    return { version, path: rest.join('/') };
  };
  const readOnly = (path: string): void => {
    if (isVersion(path)) throw badValue('Files of a registered version do not change.');
  };

  return {
    put: async (path, content) => {
      readOnly(path);
      return files.put(path, content);
    },
    forget: async (path) => {
      readOnly(path);
      await files.forget(path);
    },
    open: async (given) => {
      if (!isVersion(given)) return files.open(given);
      const { version, path } = await placeOf(given);
      const found = version.artifacts.find((artifact) => artifact.path === path);
      if (found?.digest == null)
        throw new MlopsError('EX201', { detail: `There is no file at ${given}.`, status: 404 });
      const bytes = found.bytes ?? (await artifacts.has(found.digest))?.bytes ?? 0;
      return { file: { path, digest: found.digest, bytes }, content: await artifacts.stream(found.digest) };
    },
    list: async (given) => {
      if (!isVersion(given)) return files.list(given);
      const { version, path } = await placeOf(given);
      const under = path === '' ? '' : `${path}/`;
      const entries = new Map<string, number | null>();
      for (const artifact of version.artifacts.filter((one) => one.digest !== null && one.path.startsWith(under))) {
        const [name = '', ...deeper] = artifact.path.slice(under.length).split('/');
        entries.set(name, deeper.length > 0 ? null : artifact.bytes);
      }
      return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, bytes]) => ({ name, bytes }));
    },
  };
}
