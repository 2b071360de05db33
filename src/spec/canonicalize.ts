/**
 * From a resource as written to its canonical form (see canonical-specs.ts), with everything that is wrong with it. Used for
 * the project's files and for what comes through the HTTP interface alike. Reads nothing but its arguments: files, engines
 * and SQL are checked by the loader.
 */
import { assertNever } from '../lib/assert.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { type Address, addressOf } from './address.ts';
import type { CanonicalSpecs } from './canonical-specs.ts';
import { suppressProblems } from './configured-codes.ts';
import { canonicalEndpoint } from './endpoint.ts';
import { canonicalFeatureService } from './feature-service.ts';
import { canonicalFeatureSet } from './feature-set.ts';
import { aKind, type Kind } from './kinds.ts';
import { NOWHERE } from './locator.ts';
import { type Canonicalizing, type Lookup, refer, report } from './lookup.ts';
import { normalize } from './normalize.ts';
import { canonicalPipeline } from './pipeline.ts';
import { canonicalPolicy } from './policy.ts';
import { checkPredictions } from './predictions-source.ts';
import { type Problem, toDiagnostic } from './problem.ts';
import { mentionedIn, overSources } from './query-text.ts';
import type {
  EndpointSpec,
  EntitySpec,
  FeatureServiceSpec,
  FeatureSetSpec,
  ModelSpec,
  PipelineSpec,
  PolicySpec,
  SourceSpec,
} from './schema-types.ts';
import { checkShape } from './shape.ts';
import { isManyFiles } from './source-files.ts';

export interface Canonicalized<K extends Kind> {
  /** Undefined where there are errors. */
  readonly spec: CanonicalSpecs[K] | undefined;
  /** Sorted. */
  readonly dependsOn: readonly Address[];
  /** Without places; `pointer` says which field. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * `raw` is one resource as JSON or YAML has it: fields at the top, `name` among them, `apiVersion` and `kind` allowed.
 * snake_case spellings, short forms and lists of named tasks and features are accepted.
 */
export function canonicalizeResource<K extends Kind>(kind: K, raw: unknown, lookup: Lookup): Canonicalized<K> {
  const locator = NOWHERE;
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    const problem: Problem = {
      code: 'SP103',
      pointer: '',
      detail: `${aKind(kind).replace('a', 'A')} is written as a map of its fields.`,
    };
    return { spec: undefined, dependsOn: [], diagnostics: [toDiagnostic(problem, { locator })] };
  }
  const { apiVersion: _version, kind: _kind, ...fields } = raw as Record<string, unknown>;
  const { value } = normalize(kind, fields, { envTexts: true });
  const { problems } = checkShape(kind, value);
  const address = typeof value['name'] === 'string' ? addressOf(kind, value['name']) : undefined;
  if (problems.length > 0) {
    return {
      spec: undefined,
      dependsOn: [],
      diagnostics: problems.map((problem) => toDiagnostic(problem, { locator, address })),
    };
  }
  const { spec, dependsOn, problems: found } = canonicalizeValue(kind, value, lookup);
  return { spec, dependsOn, diagnostics: found.map((problem) => toDiagnostic(problem, { locator, address })) };
}

/** The same for a value that is normalized and has the right shape. */
export function canonicalizeValue<K extends Kind>(
  kind: K,
  value: Readonly<Record<string, unknown>>,
  lookup: Lookup,
): {
  readonly spec: CanonicalSpecs[K] | undefined;
  /** The same, also where there are errors: good enough to look for the next ones. */
  readonly draft: CanonicalSpecs[K];
  readonly dependsOn: readonly Address[];
  readonly problems: readonly Problem[];
} {
  const into: Canonicalizing = {
    lookup,
    address: addressOf(kind, String(value['name'])),
    problems: [],
    dependsOn: new Set(),
  };
  const draft = canonicalOf(kind, value, into) as CanonicalSpecs[K];
  into.problems.push(...suppressProblems(draft));
  const failed = into.problems.some((problem) => (problem.severity ?? 'error') === 'error');
  return { spec: failed ? undefined : draft, draft, dependsOn: [...into.dependsOn].sort(), problems: into.problems };
}

/** The order in which kinds are made canonical: each needs those before it. */
export const CANONICAL_ORDER: readonly Kind[] = [
  'source',
  'entity',
  'feature_set',
  'feature_service',
  'model',
  'endpoint',
  'pipeline',
  'policy',
];

function canonicalOf(kind: Kind, value: Readonly<Record<string, unknown>>, into: Canonicalizing): CanonicalSpecs[Kind] {
  // The shape was checked by the schema that the type is generated from.
  switch (kind) {
    case 'source':
      return canonicalSource(value as unknown as SourceSpec, into);
    case 'entity':
      return value as unknown as EntitySpec;
    case 'feature_set':
      return canonicalFeatureSet(value as unknown as FeatureSetSpec, into);
    case 'feature_service':
      return canonicalFeatureService(value as unknown as FeatureServiceSpec, into);
    case 'pipeline':
      return canonicalPipeline(value as unknown as PipelineSpec, into);
    case 'model':
      return canonicalModel(value as unknown as ModelSpec, into);
    case 'endpoint':
      return canonicalEndpoint(value as unknown as EndpointSpec, into);
    case 'policy':
      return canonicalPolicy(value as unknown as PolicySpec, into);
    case 'environment':
      throw new Error('an environment is made of settings: environment-resource.ts');
    default:
      return assertNever(kind);
  }
}

function canonicalSource(spec: SourceSpec, into: Canonicalizing): SourceSpec {
  const query = overSources(spec);
  if (query !== undefined)
    for (const name of mentionedIn(query, into.lookup.names('source'))) refer(into, 'source', name, '/query');
  if (spec.file === undefined) {
    for (const field of ['format', 'nulls', 'delimiter', 'types', 'columns'] as const) {
      if (spec[field] !== undefined)
        report(
          into,
          'SP103',
          `/${field}`,
          `"${field}" goes with a file; this source is ${spec.predictions !== undefined ? 'predictions' : `a ${spec.table === undefined ? 'query' : 'table'}`}.`,
          { part: 'key' },
        );
    }
  }
  databaseProblems(spec, into);
  checkPredictions(spec, into);
  if (spec.incremental !== undefined && isManyFiles(spec.file)) {
    report(
      into,
      'SP103',
      '/incremental',
      `"${spec.file}" is many files, of which each is read once; "incremental" goes with one file or a query.`,
      { part: 'key' },
    );
  }
  return spec;
}

function databaseProblems(spec: SourceSpec, into: Canonicalizing): void {
  if (spec.database !== undefined && spec.file !== undefined)
    report(into, 'SP103', '/database', '"database" goes with a table or a query; this source is a file.', {
      part: 'key',
    });
  if (spec.table !== undefined && spec.database === undefined)
    report(into, 'SP102', '/table', 'A table needs the "database" that it is in.', {
      hint: "database: env('EHR_URL')",
    });
  if (spec.database === undefined || spec.query === undefined || typeof spec.query === 'string') return;
  report(into, 'SP103', '/query', 'A query of a "database" is one text, in its dialect.');
}

function canonicalModel(spec: ModelSpec, into: Canonicalizing): ModelSpec {
  if (spec.inputs !== undefined) refer(into, 'feature_service', spec.inputs, '/inputs');
  if (spec.pipeline !== undefined) refer(into, 'pipeline', spec.pipeline, '/pipeline');
  return spec;
}
