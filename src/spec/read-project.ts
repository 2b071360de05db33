/** Reads the config file and the YAML that it names, and checks the shape of everything. No references are followed yet. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, type DiagnosticCode } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean } from '../lib/suggest.ts';
import { addressOf, NAME_PATTERN } from './address.ts';
import { environmentBatchingProblems } from './check-batching.ts';
import { environmentChannelProblems } from './check-channels.ts';
import { ruleProblems } from './configured-codes.ts';
import { globFiles, isGlob } from './glob.ts';
import { aKind, type DeclaredKind, isDeclaredKind, KIND_TITLES, KINDS, type Kind } from './kinds.ts';
import { loadTypescript } from './load-typescript.ts';
import type { LoadedResource } from './loaded-resource.ts';
import { type Locator, pointerTo } from './locator.ts';
import { normalize } from './normalize.ts';
import { toDiagnostic } from './problem.ts';
import { projectOf, type ResourceValue, resourceOf } from './resource-value.ts';
import type { ProjectSpec } from './schema-types.ts';
import { checkShape } from './shape.ts';
import { createTypescriptPlaces } from './typescript-place.ts';
import { openYamlCache, parseYaml } from './yaml-file.ts';

export interface ReadProject {
  /** Undefined where the config file itself cannot be used. */
  readonly settings: ProjectSpec | undefined;
  /** Of the config's own fields. */
  readonly locator: Locator | undefined;
  readonly resources: readonly LoadedResource[];
  readonly diagnostics: readonly Diagnostic[];
}

const BUILDERS: Readonly<Record<DeclaredKind, string>> = {
  source: 'source',
  entity: 'entity',
  feature_set: 'featureSet',
  feature_service: 'featureService',
  pipeline: 'pipeline',
  model: 'model',
  endpoint: 'endpoint',
  policy: 'policy',
};

export const API_VERSION = 'mlops/v1';

/**
 * `fileName` turns an absolute path into the one that diagnostics show. `settingsOnly`: the config file is run or parsed, and
 * no resource is looked at.
 */
export async function readProject(
  configFile: string,
  root: string,
  fileName: (path: string) => string,
  { settingsOnly = false }: { readonly settingsOnly?: boolean } = {},
): Promise<ReadProject> {
  const reading: Reading = { root, fileName, settingsOnly, resources: [], diagnostics: [] };
  const settings = /\.ya?ml$/.test(configFile)
    ? readYamlConfig(configFile, reading)
    : await readTypescriptConfig(configFile, reading);
  if (settings?.specs !== undefined && !settingsOnly) readSpecFiles(settings.specs, settings.locator, reading);
  return {
    settings: settings?.spec,
    locator: settings?.locator,
    resources: reading.resources,
    diagnostics: reading.diagnostics,
  };
}

interface Reading {
  readonly root: string;
  readonly fileName: (path: string) => string;
  readonly settingsOnly: boolean;
  readonly resources: LoadedResource[];
  readonly diagnostics: Diagnostic[];
}

interface Settings {
  /** Undefined where it has errors; resources are read all the same, so that all problems are told at once. */
  readonly spec: ProjectSpec | undefined;
  readonly specs: readonly string[] | undefined;
  readonly locator: Locator;
}

async function readTypescriptConfig(path: string, reading: Reading): Promise<Settings | undefined> {
  const module = await loadTypescript(path, reading.root, reading.fileName);
  reading.diagnostics.push(...module.diagnostics);
  if (module.diagnostics.length > 0) return undefined;
  const places = createTypescriptPlaces(reading.fileName);
  const project = projectOf(module.exported);
  const raw = project?.spec ?? module.exported;
  const calledAt = project?.calledAt ?? { stack: `at ${path}:1:1` };
  const locator = places.locatorOf({ callee: project === undefined ? '' : 'defineConfig', name: undefined, calledAt });
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    addProblem(
      reading,
      locator,
      'SP002',
      '',
      'The config file exports no project.',
      'export default defineConfig({ project: … })',
    );
    return undefined;
  }
  const { resources, ...rest } = raw as Record<string, unknown>;
  const settings = readSettings(rest, locator, false, reading);
  if (reading.settingsOnly) return settings;
  const taken = new Set<ResourceValue>();
  const add = (value: ResourceValue): void => {
    if (taken.has(value)) return;
    taken.add(value);
    const { kind, name, spec, calledAt: at } = value;
    const place = places.locatorOf({ callee: BUILDERS[kind], name, calledAt: at });
    // Whatever a resource refers to belongs to the project, listed or not.
    addResource(
      reading,
      kind,
      typeof spec === 'object' && spec !== null ? Object.assign({ name }, spec, { name }) : spec,
      place,
      false,
      add,
    );
  };
  if (resources !== undefined && !Array.isArray(resources)) {
    addProblem(reading, locator, 'SP103', '/resources', '"resources" must be a list of what the builders return.');
  }
  for (const [index, item] of (Array.isArray(resources) ? resources : []).entries()) {
    const value = resourceOf(item);
    if (value !== undefined) add(value);
    else addDocument(reading, item, nested(locator, pointerTo('/resources', index)), false, add);
  }
  for (const value of module.built) {
    if (taken.has(value)) continue;
    const place = places.locatorOf({ callee: BUILDERS[value.kind], name: value.name, calledAt: value.calledAt });
    const detail = `${KIND_TITLES[value.kind]} "${value.name}" is made here, but it is not among the project's resources and nothing that is refers to it, so it is left out.`;
    addProblem(reading, place, 'SP113', '', detail, 'add it to "resources" of defineConfig', 'warning');
  }
  return settings;
}

function readYamlConfig(path: string, reading: Reading): Settings | undefined {
  const { documents, diagnostics } = parseYaml(readFileSync(path, 'utf8'), reading.fileName(path));
  reading.diagnostics.push(...diagnostics);
  const [config, ...others] = documents;
  if (config === undefined) {
    if (diagnostics.length === 0) {
      const start = { line: 1, column: 1 };
      const at = { file: reading.fileName(path), start, end: start };
      reading.diagnostics.push({
        code: 'SP002',
        severity: 'error',
        summary: CODES.SP002,
        detail: 'The config file is empty.',
        at,
        hint: 'project: name',
      });
    }
    return undefined;
  }
  if (!isRecord(config.value)) {
    addProblem(
      reading,
      config.locator,
      'SP002',
      '',
      'The config file holds no project: it must be a map with "project".',
    );
    return undefined;
  }
  const { resources, apiVersion: _version, kind: _kind, ...rest } = config.value;
  const settings = readSettings(rest, config.locator, true, reading);
  if (reading.settingsOnly) return settings;
  if (resources !== undefined && !Array.isArray(resources))
    addProblem(reading, config.locator, 'SP103', '/resources', '"resources" must be a list.');
  for (const [index, item] of (Array.isArray(resources) ? resources : []).entries()) {
    addDocument(reading, item, nested(config.locator, pointerTo('/resources', index)), true);
  }
  for (const document of others) addDocument(reading, document.value, document.locator, true);
  return settings;
}

function readSettings(raw: Record<string, unknown>, locator: Locator, envTexts: boolean, reading: Reading): Settings {
  const { value } = normalize('project', raw, { envTexts });
  const shape = checkShape('project', value);
  const { rules } = value;
  const problems = [...shape.problems, ...(isRecord(rules) ? ruleProblems(rules) : [])];
  for (const problem of problems) reading.diagnostics.push(toDiagnostic(problem, { locator }));
  if (problems.length === 0) {
    const { environments = {} } = value as unknown as ProjectSpec;
    reading.diagnostics.push(
      ...environmentChannelProblems(environments, locator),
      ...environmentBatchingProblems(environments, locator),
    );
  }
  const { specs } = value;
  return {
    spec: problems.length === 0 ? (value as unknown as ProjectSpec) : undefined,
    specs: Array.isArray(specs) ? specs.filter((glob) => typeof glob === 'string') : undefined,
    locator,
  };
}

function readSpecFiles(globs: readonly string[], locator: Locator, reading: Reading): void {
  const files = new Set<string>();
  for (const [index, glob] of globs.entries()) {
    const found = globFiles(reading.root, glob);
    if (found.length === 0) {
      const detail = `No file matches "${glob}".`;
      addProblem(
        reading,
        locator,
        'SP112',
        pointerTo('/specs', index),
        detail,
        undefined,
        isGlob(glob) ? 'warning' : 'error',
      );
    }
    for (const file of found) files.add(file);
  }
  const cache = openYamlCache(reading.root);
  for (const file of files) {
    const { documents, diagnostics } = parseYaml(readFileSync(join(reading.root, file), 'utf8'), file, cache);
    reading.diagnostics.push(...diagnostics);
    for (const document of documents) addDocument(reading, document.value, document.locator, true);
  }
  cache.save();
}

/** A resource as a map with `kind`. */
function addDocument(
  reading: Reading,
  value: unknown,
  locator: Locator,
  envTexts: boolean,
  onReference?: (resource: ResourceValue) => void,
): void {
  if (!isRecord(value)) {
    addProblem(reading, locator, 'SP103', '', 'A resource is written as a map with "kind" and "name".');
    return;
  }
  const { apiVersion, kind: written, ...fields } = value;
  if (apiVersion !== undefined && apiVersion !== API_VERSION) {
    addProblem(
      reading,
      locator,
      'SP103',
      '/apiVersion',
      `"apiVersion" is ${JSON.stringify(apiVersion)}; this version reads "${API_VERSION}".`,
    );
  }
  const kind = kindOf(written);
  if (kind === undefined) {
    const titles = KINDS.map((one) => KIND_TITLES[one]);
    const detail =
      written === undefined
        ? 'The resource does not say its "kind".'
        : `${JSON.stringify(written)} is not a kind of resource.`;
    const hint = didYouMean(String(written ?? ''), titles) ?? `known: ${titles.join(', ')}`;
    addProblem(
      reading,
      locator,
      written === undefined ? 'SP102' : 'SP111',
      written === undefined ? '' : '/kind',
      detail,
      hint,
    );
    return;
  }
  addResource(reading, kind, fields, locator, envTexts, onReference);
}

function kindOf(written: unknown): DeclaredKind | undefined {
  if (typeof written !== 'string') return undefined;
  return isDeclaredKind(written) ? written : KINDS.find((kind) => KIND_TITLES[kind] === written);
}

function addResource(
  reading: Reading,
  kind: Kind,
  raw: unknown,
  locator: Locator,
  envTexts: boolean,
  onReference?: (resource: ResourceValue) => void,
): void {
  if (!isRecord(raw)) {
    addProblem(reading, locator, 'SP103', '', `${aKind(kind).replace('a', 'A')} is described by a map of its fields.`);
    return;
  }
  const { value, writtenSql, functions } = normalize(kind, raw, { envTexts, onReference });
  const { problems, readable } = checkShape(kind, value);
  const written = value['name'];
  const name = typeof written === 'string' ? written : '';
  const address = addressOf(kind, name);
  for (const problem of problems)
    reading.diagnostics.push(toDiagnostic(problem, { locator, address: name === '' ? undefined : address }));
  if (!NAME_PATTERN.test(name)) return;
  const textAt = (pointer: string): string => writtenSql.get(pointer) ?? textOf(value, pointer);
  reading.resources.push({
    kind,
    name,
    address,
    value,
    sound: problems.length === 0,
    readable,
    locator,
    written: textAt,
    functions,
    spec: undefined,
    draft: undefined,
    dependsOn: [],
  });
}

function textOf(value: unknown, pointer: string): string {
  let found: unknown = value;
  for (const segment of pointer.split('/').slice(1)) {
    found =
      isRecord(found) || Array.isArray(found)
        ? (found as Record<string, unknown>)[segment.replaceAll('~1', '/').replaceAll('~0', '~')]
        : undefined;
  }
  return typeof found === 'string' ? found : '';
}

function nested(locator: Locator, prefix: string): Locator {
  return {
    at: (pointer, part) => locator.at(prefix + pointer, part),
    text: (pointer, written, start, end) => locator.text(prefix + pointer, written, start, end),
    code: (pointer) => locator.code?.(prefix + pointer),
    expression: (pointer) => locator.expression?.(prefix + pointer),
  };
}

function addProblem(
  reading: Reading,
  locator: Locator,
  code: DiagnosticCode,
  pointer: string,
  detail: string,
  hint?: string,
  severity: Diagnostic['severity'] = 'error',
): void {
  reading.diagnostics.push(toDiagnostic({ code, pointer, detail, hint, severity }, { locator }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
