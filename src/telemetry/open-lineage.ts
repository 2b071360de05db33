/**
 * A run as OpenLineage tells it: START when it begins, then COMPLETE, FAIL or ABORT, with the sources that it reads and the
 * feature sets that it writes, their columns and where those come from. https://openlineage.io/docs/spec/object-model. Pure.
 */

import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { FeatureLineage } from '../spec/column-lineage.ts';
import type { RunMove, RunTrace } from '../stores/control/run-traces.ts';

export interface LineageCatalog {
  /** Features and their types; undefined where the set is not applied. */
  readonly featureSet: (name: string) =>
    | {
        readonly columns: readonly { readonly name: string; readonly type: string | undefined }[];
        readonly lineage: FeatureLineage | undefined;
        readonly sources: readonly string[];
      }
    | undefined;
}

export interface LineageJob {
  readonly project: string;
  readonly environment: string;
  readonly version: string;
}

const SPEC = 'https://openlineage.io/spec';
const EVENT_TYPES = { running: 'START', succeeded: 'COMPLETE', failed: 'FAIL', cancelled: 'ABORT' } as const;

/** Undefined for a change that OpenLineage has no event for. */
export function lineageEvent(
  move: RunMove,
  run: RunTrace,
  job: LineageJob,
  catalog: LineageCatalog,
): object | undefined {
  if (move.status === 'queued') return undefined;
  const producer = `https://www.npmjs.com/package/mlops/v/${encodeURIComponent(job.version)}`;
  const facet = (schema: string): { readonly _producer: string; readonly _schemaURL: string } => ({
    _producer: producer,
    _schemaURL: `${SPEC}/facets/${schema}`,
  });
  const namespace = `mlops://${job.project}/${job.environment}`;
  const { read, written } = datasetsOf(run.spec, catalog);
  const error = move.status === 'failed' ? run.attempts.findLast(({ status }) => status !== 'succeeded') : undefined;
  return {
    eventType: EVENT_TYPES[move.status],
    eventTime: move.at.toISOString(),
    producer,
    schemaURL: `${SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
    run: {
      runId: run.runId,
      facets: {
        ...(run.cause.instant !== null && {
          nominalTime: {
            ...facet('1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet'),
            nominalStartTime: run.cause.instant,
          },
        }),
        ...(error !== undefined && {
          errorMessage: {
            ...facet('1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet'),
            message: `${error.task}: ${error.error ?? error.status}`,
            programmingLanguage: 'unknown',
          },
        }),
      },
    },
    job: {
      namespace,
      name: run.pipeline,
      facets: {
        jobType: {
          ...facet('2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet'),
          processingType: 'BATCH',
          integration: 'MLOPS',
          jobType: 'PIPELINE',
        },
      },
    },
    inputs: read.map((name) => ({ namespace, name: `source.${name}` })),
    outputs: written.map((name) => ({
      namespace,
      name: `feature_set.${name}`,
      facets: setFacets(name, namespace, catalog, facet),
    })),
  };
}

function datasetsOf(spec: CanonicalPipeline, catalog: LineageCatalog) {
  const read = new Set<string>();
  const written = new Set<string>();
  for (const task of Object.values(spec.tasks)) {
    if ('source' in task && task.source !== undefined) read.add(task.source);
    if ('into' in task && task.into !== undefined) written.add(task.into);
    if (task.operator === 'feature_materialization') for (const set of task.featureSets) written.add(set);
  }
  for (const set of written) for (const source of catalog.featureSet(set)?.sources ?? []) read.add(source);
  return { read: [...read], written: [...written] };
}

function setFacets(
  name: string,
  namespace: string,
  catalog: LineageCatalog,
  facet: (schema: string) => object,
): Readonly<Record<string, object>> {
  const set = catalog.featureSet(name);
  if (set === undefined) return {};
  const fields = Object.entries(set.lineage ?? {}).flatMap(([feature, columns]) =>
    columns === null
      ? []
      : [
          [
            feature,
            {
              inputFields: columns.map(({ source, column }) => ({
                namespace,
                name: `source.${source}`,
                field: column,
              })),
            },
          ] as const,
        ],
  );
  return {
    schema: {
      ...facet('1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet'),
      fields: set.columns.map((column) => ({
        name: column.name,
        ...(column.type !== undefined && { type: column.type }),
      })),
    },
    ...(fields.length > 0 && {
      columnLineage: {
        ...facet('1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet'),
        fields: Object.fromEntries(fields),
      },
    }),
  };
}
