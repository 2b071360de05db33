/** The checks of `mlops doctor`, one after the other; a check that fails does not keep the next from running where it can. */
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDesired } from '../compose/desired.ts';
import { loadSettings, type Settings, type SettingsRequest } from '../compose/settings.ts';
import { openEnvironment } from '../compose.ts';
import { liveDaemons } from '../daemon/presence.ts';
import { hasErrors } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import { packageVersion } from '../lib/package.ts';

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly detail: string;
  readonly hint?: string | undefined;
}

const OLDEST_NODE = [20, 19] as const;

export async function* examine(request: SettingsRequest, signal: AbortSignal): AsyncGenerator<Check> {
  yield { name: 'mlops', status: 'ok', detail: packageVersion() };
  yield nodeCheck(process.versions.node);
  const settings = await attempt('project', () => loadSettings(request));
  yield settings.check ?? {
    name: 'project',
    status: 'ok',
    detail: `${settings.value.project}, environment ${settings.value.environment}, ${settings.value.configFile}`,
  };
  if (settings.value === undefined) return;
  yield await specsCheck(request);
  yield await folderCheck(settings.value);
  yield* environmentChecks(settings.value, signal);
  const daemons = liveDaemons(settings.value.root, settings.value.environment);
  yield {
    name: 'daemon',
    status: 'ok',
    detail:
      daemons.length === 0
        ? 'none runs'
        : daemons.map(({ pid, roles, ports }) => `${pid} (${roles.join(', ')}) on ${ports.join(', ')}`).join('; '),
  };
}

function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const tooOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  return tooOld
    ? {
        name: 'node',
        status: 'error',
        detail: `${version} is too old`,
        hint: `install Node ${OLDEST_NODE.join('.')} or later`,
      }
    : { name: 'node', status: 'ok', detail: `${version} on ${process.platform}-${process.arch}` };
}

async function specsCheck(request: SettingsRequest): Promise<Check> {
  const loaded = await attempt('specs', () => loadDesired(request, { asksStore: false }));
  if (loaded.check !== undefined) return loaded.check;
  const { project, diagnostics } = loaded.value;
  return project === undefined || hasErrors(diagnostics)
    ? { name: 'specs', status: 'error', detail: `${diagnostics.length} problems`, hint: 'mlops validate' }
    : { name: 'specs', status: 'ok', detail: `${project.resources.size} resources` };
}

async function folderCheck({ root }: Settings): Promise<Check> {
  const folder = join(root, '.mlops');
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return { name: 'folder', status: 'ok', detail: folder };
  } catch {
    return {
      name: 'folder',
      status: 'error',
      detail: `${folder} cannot be written`,
      hint: 'give this user the right to write there',
    };
  }
}

async function* environmentChecks(settings: Settings, signal: AbortSignal): AsyncGenerator<Check> {
  const start = performance.now();
  const opened = await attempt('control store', () => openEnvironment(settings, { readOnly: true, signal }));
  if (opened.check !== undefined) {
    yield opened.check;
    return;
  }
  const environment = opened.value;
  try {
    await environment.ping();
    const kind = settings.spec.control?.postgres === undefined ? 'embedded Postgres' : 'Postgres';
    yield {
      name: 'control store',
      status: 'ok',
      detail: `${kind}, ready after ${Math.round(performance.now() - start)} ms`,
    };
    yield* storeChecks('offline store', () => environment.checkOffline());
    yield* storeChecks('online store', () => environment.checkOnline());
    yield* storeChecks('artifact store', () => environment.checkArtifacts());
    const state = await environment.state.read();
    const interrupted = state.resources.filter(({ status }) => status !== 'ready').length;
    yield interrupted === 0
      ? { name: 'state', status: 'ok', detail: `${state.resources.length} resources, serial ${state.serial}` }
      : {
          name: 'state',
          status: 'warning',
          detail: `${interrupted} resources were left in the middle of an apply`,
          hint: 'mlops apply goes on from there',
        };
    const holder = await environment.state.lockHolder();
    yield holder === null
      ? { name: 'lock', status: 'ok', detail: 'free' }
      : {
          name: 'lock',
          status: 'warning',
          detail: `held by ${holder.who} for ${holder.operation} since ${holder.since.toISOString()}`,
          hint: `if that is gone: mlops unlock ${holder.id}`,
        };
  } finally {
    await environment.close();
  }
}

async function* storeChecks(
  name: string,
  health: () => Promise<{ readonly detail: string; readonly warnings: readonly string[] }>,
): AsyncGenerator<Check> {
  const checked = await attempt(name, health);
  if (checked.check !== undefined) {
    yield checked.check;
    return;
  }
  const { detail, warnings } = checked.value;
  if (warnings.length === 0) yield { name, status: 'ok', detail };
  for (const warning of warnings) yield { name, status: 'warning', detail, hint: warning };
}

type Attempt<T> =
  | { readonly value: T; readonly check?: undefined }
  | { readonly value?: undefined; readonly check: Check };

async function attempt<T>(name: string, body: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await body() };
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    return { check: { name, status: 'error', detail: `${error.code} ${error.detail}`, hint: error.hint } };
  }
}
