/** The store that will run the queries of an environment, for checking them when the project is loaded. */
import { resolveEnv } from '../lib/secret.ts';
import type { QueryStore } from '../spec/engine-checks.ts';
import { DEFAULT_ENVIRONMENT } from '../spec/environment.ts';
import type { ProjectSpec } from '../spec/schema-types.ts';
import type { SettingsRequest } from './settings.ts';

/** An environment that is not there is told elsewhere. */
export function queryStoreOf(
  request: Pick<SettingsRequest, 'environment'>,
  { project, environments = {} }: Pick<ProjectSpec, 'project' | 'environments'>,
  asks: boolean,
): QueryStore {
  const environment = request.environment ?? process.env['MLOPS_ENV'] ?? DEFAULT_ENVIRONMENT;
  const url = environments[environment]?.offline?.postgres;
  if (url === undefined) return { dialect: 'duckdb', name: environment };
  return {
    dialect: 'postgres',
    name: environment,
    ...(asks && {
      explain: async (queries) => {
        const [{ explainQueries }, { schemaOf }] = await Promise.all([
          import('../stores/postgres/offline/explain.ts'),
          import('../stores/postgres/offline/schema.ts'),
        ]);
        const connectionString = resolveEnv(url, process.env);
        return explainQueries({ connectionString, schema: schemaOf(project, environment) }, queries);
      },
    }),
  };
}
