/**
 * Loads a project: reads the config file and the YAML that it names, checks everything, and answers the resources in
 * canonical form. All problems are found in one go, each with its place in the user's file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { CODES } from '../lib/codes.ts';
import { type Diagnostic, hasErrors, sortDiagnostics } from '../lib/diagnostics.ts';
import type { Address } from './address.ts';
import { attachBundles } from './attach-bundles.ts';
import { attachPolicies, type PolicyCheck } from './attach-policies.ts';
import type { CanonicalFeatureSet, CanonicalPipeline, CanonicalSource } from './canonical-specs.ts';
import { CANONICAL_ORDER, canonicalizeValue } from './canonicalize.ts';
import { checkChannels } from './check-channels.ts';
import { checkDataFiles } from './check-data-files.ts';
import { checkPools } from './check-pools.ts';
import { checkRunners } from './check-runners.ts';
import { checkSql } from './check-sql.ts';
import type { Column } from './column.ts';
import type { FeatureLineage } from './column-lineage.ts';
import { findCycles } from './cycles.ts';
import type { DescribeSource, ParsesQuery, QueryStore } from './engine-checks.ts';
import { createFeatureLineage } from './feature-lineage.ts';
import { configIn } from './find-config.ts';
import { inDialect } from './in-dialect.ts';
import { type LoadedResource, ResourceTable } from './loaded-resource.ts';
import { findPipelineCircles } from './pipeline-circles.ts';
import { toDiagnostic } from './problem.ts';
import type { AnyResource, Project } from './project.ts';
import { projectDigest } from './project-digest.ts';
import { overSources } from './query-text.ts';
import { queryWriters } from './query-writers.ts';
import { readProject } from './read-project.ts';
import { scheduleProblems } from './schedule-problems.ts';
import type { ProjectSpec } from './schema-types.ts';
import { specDigest } from './spec-digest.ts';
import { storeQueries } from './store-queries.ts';

export type { DescribeSource, ParsesQuery } from './engine-checks.ts';

export interface LoadOptions {
  /** Absolute path of the folder of the project. */
  readonly root: string;
  /** Default: the config file in `root`. */
  readonly configFile?: string | undefined;
  /** Default: columns are not checked. */
  readonly describeSource?: DescribeSource | undefined;
  /** Whether the engine parses a query that our parser does not understand. Default: ours is believed. */
  readonly parsesQuery?: ParsesQuery | undefined;
  /** Where queries will run. Default: it is not known. */
  readonly queryStore?:
    | ((project: Pick<ProjectSpec, 'project' | 'environments'>) => QueryStore | undefined)
    | undefined;
}

export interface LoadResult {
  /** Undefined where there are errors. */
  readonly project: Project | undefined;
  /** Sorted by place. */
  readonly diagnostics: readonly Diagnostic[];
}

export async function loadProject(options: LoadOptions): Promise<LoadResult> {
  const configFile =
    options.configFile === undefined ? configIn(resolve(options.root)) : resolve(options.root, options.configFile);
  if (configFile === undefined || !existsSync(configFile)) {
    const detail =
      configFile === undefined
        ? `There is no mlops.config.ts or mlops.config.yaml in ${resolve(options.root)}.`
        : `There is no file ${configFile}.`;
    return {
      project: undefined,
      diagnostics: [
        { code: 'SP001', severity: 'error', summary: CODES.SP001, detail, hint: 'mlops init makes a project' },
      ],
    };
  }
  const root = dirname(configFile);
  const fileName = (path: string): string => {
    const inside = relative(root, path);
    return inside.startsWith('..') || isAbsolute(inside) ? path : inside.split(sep).join('/');
  };
  const read = await readProject(configFile, root, fileName);
  const diagnostics: Diagnostic[] = [...read.diagnostics];
  const dialect = read.settings?.dialect ?? 'duckdb';
  const table = new ResourceTable(read.resources.map((resource) => inDialect(resource, dialect)));
  diagnostics.push(...table.diagnostics);
  for (const kind of CANONICAL_ORDER)
    for (const resource of table.ofKind(kind)) canonicalize(resource, table, diagnostics);
  diagnostics.push(...findCycles(table), ...findPipelineCircles(table));
  diagnostics.push(...checkDataFiles(table, root));
  if (read.settings !== undefined) {
    const environments = read.settings.environments ?? {};
    diagnostics.push(...checkChannels(table, environments), ...checkPools(table, environments));
    diagnostics.push(...checkRunners(table, environments));
  }
  const bundleFiles = attachBundles(table, root, diagnostics);
  const checks = attachPolicies(table, diagnostics);
  const sql = await checkSql(table, root, {
    describeSource: options.describeSource,
    parsesQuery: options.parsesQuery,
  });
  diagnostics.push(...sql.diagnostics);
  const store = hasErrors(diagnostics) ? undefined : read.settings && options.queryStore?.(read.settings);
  const onStore = store === undefined ? undefined : await storeQueries(table, root, store, sql.columns);
  diagnostics.push(...(onStore?.diagnostics ?? []));
  const sorted = sortDiagnostics(diagnostics);
  if (hasErrors(sorted) || read.settings === undefined) return { project: undefined, diagnostics: sorted };
  const resources = new Map<Address, AnyResource>();
  const keysOf = (set: CanonicalFeatureSet): readonly string[] =>
    Object.keys(table.get('entity', set.entity)?.keys ?? {});
  let writers: ReturnType<typeof queryWriters> | undefined;
  const lineageOf = createFeatureLineage({
    ...sql,
    source: (source) => table.get('source', source),
    writers: (set) => {
      writers ??= queryWriters({
        pipelines: [...table.ofKind('pipeline')].flatMap(({ spec }) =>
          spec === undefined ? [] : [spec as CanonicalPipeline],
        ),
        set: (name) => table.get('feature_set', name),
        keys: keysOf,
        query: sql.query,
      });
      return writers(set);
    },
  });
  for (const resource of table.sorted()) {
    resources.set(
      resource.address,
      toResource(resource, {
        check: checks.get(resource.address),
        runs: onStore?.translated(resource.address),
        columns: () => sql.columns(resource.name),
        lineage: (set) => lineageOf(set, keysOf(set)),
      }),
    );
  }
  const { project: name, description, environments = {}, rules = {} } = read.settings;
  const digest = projectDigest(resources.values());
  const locateSetting = (pointer: string) => read.locator?.at(pointer);
  return {
    project: {
      name,
      description,
      root,
      configFile,
      environments,
      locateSetting,
      rules,
      resources,
      digest,
      bundleFiles,
    },
    diagnostics: sorted,
  };
}

function canonicalize(resource: LoadedResource, table: ResourceTable, diagnostics: Diagnostic[]): void {
  if (!resource.readable) {
    for (const problem of scheduleProblems(resource)) diagnostics.push(toDiagnostic(problem, resource));
    return;
  }
  const { spec, draft, dependsOn, problems } = canonicalizeValue(resource.kind, resource.value, table);
  resource.draft = draft;
  if (resource.sound) resource.spec = spec;
  resource.dependsOn = dependsOn;
  for (const problem of problems) diagnostics.push(toDiagnostic(problem, resource));
}

interface Derived {
  readonly runs: Readonly<Record<string, string>> | undefined;
  readonly check: PolicyCheck | undefined;
  readonly columns: () => readonly Column[] | undefined;
  readonly lineage: (set: CanonicalFeatureSet) => FeatureLineage;
}

function toResource(resource: LoadedResource, derived: Derived): AnyResource {
  const { kind, name, address, spec, dependsOn, locator } = resource;
  let at: ReturnType<typeof locator.at> | null = null;
  let lineage: FeatureLineage | undefined;
  return {
    kind,
    name,
    address,
    spec,
    digest: specDigest(spec ?? {}),
    dependsOn,
    // Found when asked for: of thousands of resources a command shows a few.
    get at() {
      if (at === null) at = locator.at('');
      return at;
    },
    locate: (pointer: string) => locator.at(pointer),
    check: derived.check,
    runs: derived.runs,
    // The types of a query's columns are the engine's to say.
    ...(kind === 'source' && {
      columns: overSources(spec as CanonicalSource) === undefined ? derived.columns() : undefined,
    }),
    // Worked out when asked for: a plan looks at few sets of thousands.
    get lineage() {
      if (kind === 'feature_set') lineage ??= derived.lineage(spec as CanonicalFeatureSet);
      return lineage;
    },
  } as AnyResource;
}

/** Text of a file as diagnostics name it, for code frames; undefined where it cannot be read. */
export function readProjectFile(root: string): (file: string) => string | undefined {
  return (file) => {
    try {
      return readFileSync(resolve(root, file), 'utf8');
    } catch {
      // The frame is left out; the diagnostic itself is still shown.
      return undefined;
    }
  };
}
