/**
 * Taking over what the HTTP interface made: its YAML is written, and where the project then loads it as it is recorded, the
 * record becomes the specs'. Whatever is written stays; what cannot be taken over now, the next apply takes over.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { loadDesired } from '../compose/desired.ts';
import type { Settings, SettingsRequest } from '../compose/settings.ts';
import type { OpenEnvironment } from '../compose.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import { diffSpecs } from '../plan/diff.ts';
import type { Address } from '../spec/address.ts';
import type { CanonicalSpecs } from '../spec/canonical-specs.ts';
import { globFiles } from '../spec/glob.ts';
import type { Kind } from '../spec/kinds.ts';
import type { Project } from '../spec/project.ts';
import { readProject } from '../spec/read-project.ts';
import { yamlOf } from '../spec/write-yaml.ts';
import { writing } from './writing.ts';

/** As the state port has it; the command line knows it by what `read` answers. */
type Recorded = Awaited<ReturnType<OpenEnvironment['state']['read']>>['resources'][number];

export interface ImportRequest {
  /** Undefined: every unmanaged resource. */
  readonly address: string | undefined;
  /** One file for everything, as the user named it. Default: `specs/KIND/NAME.yaml`, below the project's root. */
  readonly out: string | undefined;
  readonly from: SettingsRequest;
}

export interface Imported {
  readonly address: Address;
  /** Relative to the project's root; null where the specs hold it already. */
  readonly file: string | null;
  /** The resource that was asked for and needs this one; null where it was asked for itself. */
  readonly neededBy: Address | null;
  readonly takenOver: boolean;
  /** Why the next apply does it; null where it is taken over. */
  readonly reason: string | null;
}

export interface ImportReport {
  readonly imported: readonly Imported[];
  /** What the config lacks so that the files are loaded; null where it loads them. */
  readonly addToConfig: { readonly file: string; readonly lines: readonly string[] } | null;
  /** Of the project with the new files. Errors: nothing was taken over. */
  readonly diagnostics: readonly Diagnostic[];
}

interface Wanted {
  readonly resource: Recorded;
  readonly neededBy: Address | null;
}

/** AP116 where there is nothing of that address to import, CL102 where a file is there, AP117 where somebody was quicker. */
export async function importResources(environment: OpenEnvironment, request: ImportRequest): Promise<ImportReport> {
  const { settings, state, who } = environment;
  const { resources } = await state.read();
  const before = (await loadDesired(request.from)).project;
  const wanted = withWhatTheyNeed(
    request.address === undefined
      ? resources.filter(({ managedBy }) => managedBy === 'api')
      : [askedFor(request.address, resources, before)],
    resources,
  );
  if (wanted.length === 0) return { imported: [], addToConfig: null, diagnostics: [] };
  const files = new Map<Address, string>();
  for (const { resource } of wanted) {
    if (before?.resources.has(resource.address) !== true)
      files.set(resource.address, fileOf(resource, request.out, settings));
  }
  await writeFiles(wanted, files, settings);
  const addToConfig = await missingFromConfig(settings, [...new Set(files.values())]);
  const { project, diagnostics } = await loadDesired(request.from);
  const imported = wanted.map(({ resource, neededBy }): Imported => {
    const reason = project === undefined ? 'the specs have errors' : whyNot(resource, project);
    const { address } = resource;
    return { address, file: files.get(address) ?? null, neededBy, takenOver: reason === null, reason };
  });
  const adopted = wanted.filter((_, index) => imported[index]?.takenOver === true).map(({ resource }) => resource);
  if (adopted.length > 0) {
    const lock = await state.lock(who, 'import');
    try {
      await state.adopt(adopted, who);
    } finally {
      await lock.release();
    }
  }
  return { imported, addToConfig, diagnostics: project === undefined ? diagnostics : [] };
}

function askedFor(address: string, resources: readonly Recorded[], project: Project | undefined): Recorded {
  const found = resources.find((one) => one.address === address);
  if (found?.managedBy === 'api') return found;
  if (found === undefined) {
    const known = resources.filter(({ managedBy }) => managedBy === 'api').map((one) => one.address);
    throw new MlopsError('AP116', {
      detail: `${address} is not recorded in this environment.`,
      hint:
        didYouMean(address, known) ??
        (known.length === 0 ? 'nothing was made through the HTTP interface' : 'mlops state list shows what is'),
    });
  }
  const at = project?.resources.get(found.address)?.at;
  const where = at === undefined ? 'the specs' : `the specs (${at.file}:${at.start.line})`;
  throw new MlopsError('AP116', {
    detail: `${address} is managed by ${where} already; only what the HTTP interface made is imported.`,
    hint: 'mlops state list says what manages each resource',
    address,
  });
}

/** And what else was made through the HTTP interface that they refer to, what is needed first. */
function withWhatTheyNeed(asked: readonly Recorded[], resources: readonly Recorded[]): readonly Wanted[] {
  const found = new Map<Address, Wanted>();
  const byAddress = new Map(resources.map((one) => [one.address, one]));
  const isAsked = new Set(asked.map(({ address }) => address));
  const visit = (resource: Recorded, neededBy: Address): void => {
    if (resource.managedBy !== 'api' || found.has(resource.address)) return;
    found.set(resource.address, { resource, neededBy: isAsked.has(resource.address) ? null : neededBy });
    for (const address of resource.dependsOn) {
      const needed = byAddress.get(address);
      if (needed !== undefined) visit(needed, resource.address);
    }
  };
  for (const resource of asked) visit(resource, resource.address);
  return [...found.values()].sort((a, b) => (a.resource.address < b.resource.address ? -1 : 1));
}

function fileOf({ kind, name }: Recorded, out: string | undefined, { root }: Settings): string {
  const path = resolve(out === undefined ? root : process.cwd(), out ?? `specs/${kind}/${name}.yaml`);
  const file = relative(root, path).split(sep).join('/');
  if (file.startsWith('..') || isAbsolute(file) || !/\.ya?ml$/.test(file)) {
    throw new MlopsError('CL101', {
      detail: `--out ${out} is no YAML file of the project, so the project cannot load it.`,
      hint: `name a .yaml file below ${root}`,
    });
  }
  return file;
}

/** All or none: CL102 where a file is there that holds something else. */
async function writeFiles(
  wanted: readonly Wanted[],
  files: ReadonlyMap<Address, string>,
  { root }: Settings,
): Promise<void> {
  const texts = new Map<string, string>();
  for (const { resource } of wanted) {
    const file = files.get(resource.address);
    if (file === undefined) continue;
    const text = yamlOf(resource.kind, resource.spec as CanonicalSpecs[Kind]);
    const before = texts.get(file);
    texts.set(file, before === undefined ? text : `${before}---\n${text}`);
  }
  const taken: string[] = [];
  for (const [file, text] of texts) {
    const path = resolve(root, file);
    if (existsSync(path) && (await readFile(path, 'utf8').catch(() => null)) !== text) taken.push(file);
  }
  if (taken.length > 0) {
    throw new MlopsError('CL102', {
      detail: `${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} there already; nothing was written.`,
      hint: 'write elsewhere with --out FILE, or move that file away',
    });
  }
  for (const [file, text] of texts) {
    const path = resolve(root, file);
    await writing(file, async () => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    });
  }
}

/** The lines that make the config load the files. */
async function missingFromConfig(
  { root, configFile }: Settings,
  files: readonly string[],
): Promise<ImportReport['addToConfig']> {
  const { settings } = await readProject(configFile, root, String, { settingsOnly: true });
  const globs = settings?.specs ?? [];
  const loaded = new Set(globs.flatMap((glob) => globFiles(root, glob)));
  const missing = files.filter((file) => !loaded.has(file));
  if (missing.length === 0) return null;
  const needed = new Set(missing.map((file) => (file.startsWith('specs/') ? 'specs/**/*.yaml' : file)));
  const all = [...globs, ...needed];
  const lines = /\.ya?ml$/.test(configFile)
    ? ['specs:', ...all.map((glob) => `  - ${JSON.stringify(glob)}`)]
    : [`specs: [${all.map((glob) => `'${glob.replaceAll("'", "\\'")}'`).join(', ')}],`];
  return { file: basename(configFile), lines };
}

/** Null where the project has it as it is recorded. */
function whyNot(recorded: Recorded, project: Project): string | null {
  const desired = project.resources.get(recorded.address);
  if (desired === undefined) return 'the config does not load its file yet';
  if (desired.digest === recorded.digest) {
    const same = desired.dependsOn.join() === recorded.dependsOn.join();
    return same ? null : 'it depends on other resources than when it was made';
  }
  const paths = diffSpecs(recorded.spec as unknown as JsonObject, desired.spec as unknown as JsonObject).map(
    ({ path }) => path,
  );
  if (paths.every((path) => /^\/tasks\/[^/]+\/bundle/.test(path)))
    return 'its commands name files of the project, which are stored with it from then on';
  return `the specs have it with other ${[...new Set(paths.map((path) => path.split('/')[1]))].join(', ')}`;
}
