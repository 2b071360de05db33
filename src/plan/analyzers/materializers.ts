/** Who fills a feature set by a schedule, as the specs will have it. */
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type { AnalysisContext } from './analyzer.ts';

/** A pipeline of the specs with a schedule that materializes the set; not counting `except`. */
export function materializedElsewhere(
  set: string,
  { desiredResources }: Pick<AnalysisContext, 'desiredResources'>,
  except?: string,
): boolean {
  for (const { kind, address, spec } of desiredResources.values()) {
    if (kind === 'pipeline' && address !== except && isScheduled(spec) && materializes(spec, set)) return true;
  }
  return false;
}

export function materializes(pipeline: CanonicalPipeline, set: string): boolean {
  return Object.values(pipeline.tasks).some(
    (task) =>
      (task.operator === 'feature_materialization' && task.featureSets.includes(set)) ||
      ((task.operator === 'sql_query' || task.operator === 'batch_prediction') && task.into === set),
  );
}

const isScheduled = ({ schedule }: CanonicalPipeline): boolean => schedule !== undefined;
