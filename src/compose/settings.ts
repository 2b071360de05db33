/** Which project and environment a process works on: the config file found and read, and the environment chosen. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { hasErrors } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import { DEFAULT_ENVIRONMENT, environmentOf } from '../spec/environment.ts';
import { findConfig } from '../spec/find-config.ts';
import { readProject } from '../spec/read-project.ts';
import type { EnvironmentSpec } from '../spec/schema-types.ts';

export interface SettingsRequest {
  readonly cwd: string;
  /** A config file, absolute or relative to `cwd`. Default: the nearest one upwards. */
  readonly configFile?: string | undefined;
  /** Default: MLOPS_ENV, else `dev`. */
  readonly environment?: string | undefined;
}

export interface Settings {
  /** Absolute path of the folder that holds the config file. */
  readonly root: string;
  readonly configFile: string;
  readonly project: string;
  readonly environment: string;
  readonly spec: EnvironmentSpec;
}

/** Reads as much of the project as it takes: references, data files and SQL are not looked at. */
export async function loadSettings(request: SettingsRequest): Promise<Settings> {
  const configFile = configFileOf(request);
  const root = dirname(configFile);
  const fileName = (path: string): string => {
    const inside = relative(root, path);
    return inside.startsWith('..') || isAbsolute(inside) ? path : inside.split(sep).join('/');
  };
  const { settings, diagnostics } = await readProject(configFile, root, fileName, { settingsOnly: true });
  if (settings === undefined) {
    throw new MlopsError('SP002', {
      detail: `${fileName(configFile)} cannot be used.`,
      hint: 'mlops validate',
      diagnostics: hasErrors(diagnostics) ? diagnostics : [],
      root,
    });
  }
  return settingsFor(request, { name: settings.project, environments: settings.environments ?? {}, root, configFile });
}

export function configFileOf({ cwd, configFile }: SettingsRequest): string {
  const found = configFile === undefined ? findConfig(cwd) : resolve(cwd, configFile);
  if (found !== undefined && existsSync(found)) return found;
  throw new MlopsError('SP001', {
    detail:
      found === undefined
        ? `There is no mlops.config.ts or mlops.config.yaml in ${cwd} or above it.`
        : `There is no file ${found}.`,
    hint: 'mlops init makes a project; --config names a file',
  });
}

export function settingsFor(
  request: Pick<SettingsRequest, 'environment'>,
  project: {
    readonly name: string;
    readonly environments: Readonly<Record<string, EnvironmentSpec>>;
    readonly root: string;
    readonly configFile: string;
  },
): Settings {
  const environment = request.environment ?? process.env['MLOPS_ENV'] ?? DEFAULT_ENVIRONMENT;
  const { root, configFile, name } = project;
  return { root, configFile, project: name, environment, spec: environmentOf(project, environment) };
}
