/** A version of the registry as MLflow's message, and its stages in MLflow's words. */
import type { ModelVersion, Stage } from '../../stores/control/registry.ts';
import { badValue } from './errors.ts';
import { pairsOf } from './views.ts';

const STAGES: Readonly<Record<Stage, string>> = {
  development: 'None',
  staging: 'Staging',
  production: 'Production',
  archived: 'Archived',
};

export function stageOf(text: string): Stage {
  const found = Object.entries(STAGES).find(([, name]) => name.toLowerCase() === text.toLowerCase());
  if (found === undefined)
    throw badValue(`Invalid Model Version stage: ${text}. Value must be one of ${Object.values(STAGES).join(', ')}.`);
  return found[0] as Stage;
}

export function versionView(version: ModelVersion) {
  const { lineage, tags, aliases } = version;
  const modelId = lineage['logged_model'];
  const runLink = lineage['run_link'];
  // Of what a pipeline made, the run that trained it.
  const trackedRun = lineage['tracked_run'];
  return {
    name: version.name,
    version: String(version.version),
    creation_timestamp: version.createdAt.getTime(),
    last_updated_timestamp: version.updatedAt.getTime(),
    user_id: version.createdBy,
    current_stage: STAGES[version.stage],
    description: version.description ?? '',
    source: version.source ?? versionUri(version),
    run_id: typeof trackedRun === 'string' ? trackedRun : (version.runId ?? ''),
    run_link: typeof runLink === 'string' ? runLink : '',
    status: 'READY',
    ...(typeof modelId === 'string' && { model_id: modelId }),
    ...(Object.keys(tags).length > 0 && { tags: pairsOf(tags) }),
    ...(aliases.length > 0 && { aliases }),
  };
}

/** Below it the daemon shows the version's files, whatever became of where they came from. */
export const VERSION_FILES = 'models';
export const versionUri = ({ id }: Pick<ModelVersion, 'id'>): string => `mlflow-artifacts:/${VERSION_FILES}/${id}`;
