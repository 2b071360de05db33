/** The environments of a project. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Project } from './project.ts';
import type { EnvironmentSpec } from './schema-types.ts';

export const DEFAULT_ENVIRONMENT = 'dev';

/** How long a snapshot of a source stays once nothing needs it. */
export const DEFAULT_KEEP_SNAPSHOTS = '30d';

/** Throws SP109 where the project has none of that name. A project that declares none has `dev`, with everything embedded. */
export function environmentOf(
  project: Pick<Project, 'name' | 'environments'>,
  name: string = DEFAULT_ENVIRONMENT,
): EnvironmentSpec {
  const names = Object.keys(project.environments);
  const found = Object.hasOwn(project.environments, name) ? project.environments[name] : undefined;
  if (found !== undefined) return found;
  if (names.length === 0 && name === DEFAULT_ENVIRONMENT) return {};
  throw new MlopsError('SP109', {
    detail: `The project "${project.name}" has no environment "${name}".`,
    hint: didYouMean(name, names.length === 0 ? [DEFAULT_ENVIRONMENT] : names),
    status: 404,
  });
}
