/**
 * A canonical spec once others are called otherwise: every reference in it says the new name, the SQL of its queries too. What
 * it says of itself stays.
 */
import { assertNever } from '../lib/assert.ts';
import type { CanonicalSpecs, CanonicalTask } from './canonical-specs.ts';
import { withModels } from './endpoint-models.ts';
import type { Kind } from './kinds.ts';
import { mapTexts, overSources, type QueryText } from './query-text.ts';
import { renamedTables } from './sql-text.ts';
import { itemsQuery } from './task-texts.ts';

/** The name that a resource has now; the same where it is not renamed. */
export type NameNow = (kind: Kind, name: string) => string;

export function renamedReferences<K extends Kind>(
  kind: K,
  spec: CanonicalSpecs[K],
  nameNow: NameNow,
): CanonicalSpecs[K] {
  return renamed({ kind, spec } as Named, nameNow) as CanonicalSpecs[K];
}

type Named = { [K in Kind]: { readonly kind: K; readonly spec: CanonicalSpecs[K] } }[Kind];

function renamed(resource: Named, nameNow: NameNow): CanonicalSpecs[Kind] {
  const sql = (query: QueryText): QueryText =>
    mapTexts(query, (text) => renamedTables(text, (table) => nameNow('source', table)));
  const featureNow = (feature: string): string => {
    const dot = feature.indexOf('.');
    return `${nameNow('feature_set', feature.slice(0, dot))}${feature.slice(dot)}`;
  };
  switch (resource.kind) {
    case 'source': {
      const { spec } = resource;
      const query = overSources(spec);
      return {
        ...spec,
        ...(query !== undefined && { query: sql(query) }),
        ...(spec.predictions !== undefined && { predictions: nameNow('endpoint', spec.predictions) }),
      };
    }
    case 'feature_set': {
      const { spec } = resource;
      return {
        ...spec,
        entity: nameNow('entity', spec.entity),
        ...(spec.source !== undefined && { source: nameNow('source', spec.source) }),
        ...(spec.query !== undefined && { query: sql(spec.query) }),
      };
    }
    case 'feature_service': {
      return { ...resource.spec, features: resource.spec.features.map(featureNow) };
    }
    case 'model': {
      const { spec } = resource;
      return {
        ...spec,
        ...(spec.inputs !== undefined && { inputs: nameNow('feature_service', spec.inputs) }),
        ...(spec.pipeline !== undefined && { pipeline: nameNow('pipeline', spec.pipeline) }),
      };
    }
    case 'endpoint': {
      const spec = withModels(resource.spec, (of) => ({ ...of, model: nameNow('model', of.model) }));
      const { log } = spec;
      return log?.exclude === undefined ? spec : { ...spec, log: { ...log, exclude: log.exclude.map(featureNow) } };
    }
    case 'pipeline': {
      const tasks = Object.entries(resource.spec.tasks).map(
        ([name, task]) => [name, renamedTask(withItemsQuery(task, sql), nameNow, sql)] as const,
      );
      const triggers = resource.spec.triggers?.map((trigger) => ({
        ...trigger,
        ...(trigger.materialized !== undefined && { materialized: nameNow('feature_set', trigger.materialized) }),
        ...(trigger.promoted !== undefined && { promoted: nameNow('model', trigger.promoted) }),
        ...(trigger.pipeline !== undefined && { pipeline: nameNow('pipeline', trigger.pipeline) }),
      }));
      return { ...resource.spec, ...(triggers !== undefined && { triggers }), tasks: Object.fromEntries(tasks) };
    }
    case 'entity':
    case 'policy':
    case 'environment':
      return resource.spec;
    default:
      return assertNever(resource);
  }
}

function withItemsQuery(task: CanonicalTask, sql: (query: QueryText) => QueryText): CanonicalTask {
  const query = itemsQuery(task.forEach);
  return query === undefined ? task : { ...task, forEach: { query: sql(query) } };
}

function renamedTask(task: CanonicalTask, nameNow: NameNow, sql: (query: QueryText) => QueryText): CanonicalTask {
  const sets = (names: readonly string[]): string[] => names.map((name) => nameNow('feature_set', name));
  switch (task.operator) {
    case 'data_ingestion':
      return { ...task, source: nameNow('source', task.source) };
    case 'data_validation':
      return {
        ...task,
        ...(task.source !== undefined && { source: nameNow('source', task.source) }),
        featureSets: sets(task.featureSets),
      };
    case 'feature_materialization':
      return { ...task, featureSets: sets(task.featureSets) };
    case 'wait_for':
      return {
        ...task,
        ...(task.query !== undefined && { query: sql(task.query) }),
        ...(task.pipeline !== undefined && { pipeline: nameNow('pipeline', task.pipeline) }),
      };
    case 'run_pipeline':
      return { ...task, pipeline: nameNow('pipeline', task.pipeline) };
    case 'sql_query':
      return {
        ...task,
        query: sql(task.query),
        ...(task.into !== undefined && { into: nameNow('feature_set', task.into) }),
      };
    case 'training_dataset':
      return { ...task, features: nameNow('feature_service', task.features), spine: sql(task.spine) };
    case 'model_evaluation':
      return { ...task, ...(task.model !== undefined && { model: nameNow('model', task.model) }) };
    case 'deployment':
      return { ...task, model: nameNow('model', task.model), endpoint: nameNow('endpoint', task.endpoint) };
    case 'batch_prediction':
      return {
        ...task,
        model: nameNow('model', task.model),
        ...(task.query !== undefined && { query: sql(task.query) }),
        ...(task.source !== undefined && { source: nameNow('source', task.source) }),
        ...(task.into !== undefined && { into: nameNow('feature_set', task.into) }),
      };
    case 'model_registration':
    case 'model_promotion':
      return { ...task, model: nameNow('model', task.model) };
    case 'model_training':
    case 'command':
    case 'python':
    case 'typescript':
    case 'http_request':
    case 'notify':
      return task;
    default:
      return assertNever(task);
  }
}
