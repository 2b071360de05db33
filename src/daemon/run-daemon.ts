/**
 * The daemon: the scheduler's and the worker's loops and the HTTP interface, over one environment.
 *
 *     start: announce → control store → loops → ports open → ready → models loaded in the background
 *     stop:  not ready → no new task, no new request → those in hand are finished → log of predictions written → closed
 */

import { hostname } from 'node:os';
import { createMetrics } from '../api/metrics.ts';
import { allRoutes } from '../api/routes.ts';
import { type ApiServer, createApiServer } from '../api/server.ts';
import type { Settings } from '../compose/settings.ts';
import { type OpenEnvironment, openEnvironment } from '../compose.ts';
import { MlopsError } from '../lib/error.ts';
import { packageVersion } from '../lib/package.ts';
import { resolveEnv } from '../lib/secret.ts';
import { type Housekeeping, startHousekeeping } from './housekeeping.ts';
import type { DaemonLog } from './log.ts';
import { startMovingPredictions } from './move-predictions.ts';
import { announce, liveDaemons, type Presence, processStart, type Role, withdraw } from './presence.ts';

export interface DaemonOptions {
  readonly settings: Settings;
  readonly roles: readonly Role[];
  /** Only this port, 0 for any free one. Default: those of the environment, else 8000, 8001 and 8002. */
  readonly port?: number | undefined;
  readonly log: DaemonLog;
  readonly now: () => Date;
  /** Ends a start that takes too long. */
  readonly signal: AbortSignal;
}

export interface RunningDaemon {
  /** `http://127.0.0.1:8000`, …; empty without the role api. */
  readonly urls: readonly string[];
  /** Finishes what is in hand. `hurry`: tasks go back to the queue instead. */
  stop(hurry?: AbortSignal): Promise<void>;
}

const DEFAULT_PORTS = [8000, 8001, 8002] as const;
const DEFAULT_HOST = '127.0.0.1';
/** How long tasks in hand may take once the daemon is told to stop; then they go back to the queue. */
const DRAIN_MS = 30_000;
const PING_MS = 2_000;

/** DM101 where one with the same roles runs already, DM103 where a port is taken, ST101 to ST103 for the control store. */
export async function runDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { settings, roles, log, now, signal } = options;
  const startedAt = now();
  const presence: Presence = {
    pid: process.pid,
    environment: settings.environment,
    project: settings.project,
    roles,
    host: settings.spec.daemon?.host ?? DEFAULT_HOST,
    ports: [],
    started_at: startedAt.toISOString(),
    version: packageVersion(),
    process_start: processStart(process.pid),
    ready: false,
  };
  announce(settings.root, presence);
  let environment: OpenEnvironment | undefined;
  let api: ApiServer | undefined;
  let stopping: Promise<void> | undefined;
  let housekeeping: Housekeeping | undefined;
  let moving: { stop(): Promise<void> } | undefined;
  let reporter: Promise<{ stop(): Promise<void> } | undefined> | undefined;
  try {
    refuseSecond(settings, presence);
    environment = await openEnvironment(settings, {
      signal,
      report: (message, error) =>
        error === undefined ? log.info(message) : log.warn(message, { reason: reasonOf(error) }),
    });
    const live = environment;
    if (roles.includes('api'))
      api = await createApi(live, { startedAt, log, roles, isStopping: () => stopping !== undefined });
    const ports =
      api === undefined
        ? []
        : await openPorts(api, presence.host, options.port === undefined ? portsOf(settings) : [options.port]);
    const orchestrator = await live.orchestrator();
    if (roles.includes('scheduler')) {
      await orchestrator.scheduler.start();
      (await live.notifier()).start();
      (await live.telemetry()).start();
      (await live.rollouts()).start();
    }
    if (roles.includes('worker')) await orchestrator.worker.start();
    if (roles.includes('scheduler')) {
      housekeeping = startHousekeeping(live, log);
      moving = startMovingPredictions(live, log);
    }
    announce(settings.root, { ...presence, ports, ready: true });
    const urls = ports.map(
      (port) => `http://${presence.host.includes(':') ? `[${presence.host}]` : presence.host}:${port}`,
    );
    log.info(`ready${urls.length === 0 ? '' : ` on ${urls.join(' ')}`}`, {
      project: settings.project,
      environment: settings.environment,
      roles: roles.join(','),
    });
    if (api !== undefined) reporter = startServing(live, presence, log);
    return { urls, stop };
  } catch (error) {
    await housekeeping?.stop();
    await moving?.stop();
    await api?.close(0).catch(() => {});
    await environment?.close().catch(() => {});
    withdraw(settings.root, presence);
    throw error;
  }

  function stop(hurry?: AbortSignal): Promise<void> {
    stopping ??= stopNow(hurry);
    return stopping;
  }

  async function stopNow(hurry: AbortSignal | undefined): Promise<void> {
    log.info('stopping: what is in hand is finished first');
    const limit = AbortSignal.any([AbortSignal.timeout(DRAIN_MS), ...(hurry === undefined ? [] : [hurry])]);
    const orchestrator = await environment?.orchestrator();
    const outcomes: PromiseSettledResult<unknown>[] = await Promise.allSettled([
      api?.close(),
      reporter?.then((started) => started?.stop()),
      orchestrator?.scheduler.stop(),
      orchestrator?.worker.drain(limit),
      housekeeping?.stop(),
      moving?.stop(),
    ]);
    // After the tasks in hand: what their ends are worth telling is told.
    if (roles.includes('scheduler'))
      outcomes.push(
        ...(await Promise.allSettled([
          environment?.notifier().then((notifier) => notifier.stop()),
          environment?.telemetry().then((telemetry) => telemetry.stop()),
          environment?.rollouts().then((rollouts) => rollouts.stop()),
        ])),
      );
    for (const outcome of outcomes) if (outcome.status === 'rejected') log.error('stopping', outcome.reason);
    try {
      await environment?.close();
    } finally {
      withdraw(settings.root, presence);
    }
    log.info('stopped');
  }
}

/** Of two that start at once the earlier stays. */
function refuseSecond(settings: Settings, own: Presence): void {
  const earlier = liveDaemons(settings.root, settings.environment).filter(({ pid }) => pid !== own.pid);
  const other = earlier.find(
    ({ roles, started_at, pid }) =>
      roles.some((role) => own.roles.includes(role)) && isEarlier({ started_at, pid }, own),
  );
  if (other === undefined) return;
  throw new MlopsError('DM101', {
    detail: `The process ${other.pid} runs ${other.roles.join(', ')} of ${settings.project}/${settings.environment} since ${other.started_at}.`,
    hint: 'mlops daemon stop ends it; --role splits the roles between several',
  });
}

const isEarlier = (a: Pick<Presence, 'started_at' | 'pid'>, b: Pick<Presence, 'started_at' | 'pid'>): boolean =>
  a.started_at === b.started_at ? a.pid < b.pid : a.started_at < b.started_at;

const portsOf = (settings: Settings): readonly number[] => settings.spec.daemon?.ports ?? DEFAULT_PORTS;

async function openPorts(api: ApiServer, host: string, wanted: readonly number[]): Promise<readonly number[]> {
  const opened: number[] = [];
  for (const port of wanted) {
    try {
      opened.push(await api.listen(port, host));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error;
      throw new MlopsError('DM103', {
        detail: `Port ${port} of ${host} cannot be opened: ${code === 'EADDRINUSE' ? 'another program has it' : (error as Error).message}.`,
        hint: '--port N opens that one only, 0 any free one; environments.NAME.daemon.ports sets them for good',
        cause: error,
      });
    }
  }
  return opened;
}

async function createApi(
  environment: OpenEnvironment,
  {
    startedAt,
    log,
    roles,
    isStopping,
  }: {
    readonly startedAt: Date;
    readonly log: DaemonLog;
    readonly roles: readonly Role[];
    readonly isStopping: () => boolean;
  },
): Promise<ApiServer> {
  const keys = environment.settings.spec.daemon?.apiKeys ?? {};
  const apiKeys = new Map(Object.entries(keys).map(([name, key]) => [name, resolveEnv(key, process.env)]));
  const metrics = createMetrics();
  const [
    catalog,
    artifacts,
    runFiles,
    orchestrator,
    notifier,
    telemetry,
    registry,
    registryStore,
    tracking,
    features,
    serving,
    repository,
    rollouts,
    results,
    predictions,
    feedback,
    feedbackStore,
    variantFigures,
    idempotency,
  ] = await Promise.all([
    environment.catalog(),
    environment.artifacts(),
    environment.runFiles(),
    environment.orchestrator(),
    environment.notifier(),
    roles.includes('scheduler') ? environment.telemetry() : undefined,
    environment.registry(),
    environment.registryStore(),
    environment.tracking(),
    environment.features(),
    environment.serving(),
    environment.repository(),
    environment.rollouts(),
    environment.results(),
    environment.predictions(),
    environment.feedback(),
    environment.feedbackStore(),
    environment.variantFigures(),
    environment.idempotency(),
  ]);
  const routes = allRoutes({
    scope: environment.scope,
    version: packageVersion(),
    startedAt,
    catalog,
    state: environment.state,
    artifacts,
    runFiles,
    orchestrator,
    notifier,
    telemetry,
    registry,
    registryStore,
    tracking,
    features,
    serving,
    repository,
    rollouts,
    results,
    predictions,
    feedback,
    feedbackStore,
    variantFigures,
    verify: environment.verify,
    metrics,
    secured: apiKeys.size > 0,
    readiness: async (withinMs = PING_MS) => ({
      daemon: isStopping() ? 'it is stopping' : null,
      ...(await storeProblems(environment, withinMs)),
      serving: serving.status().error,
    }),
  });
  return createApiServer({
    routes,
    apiKeys,
    idempotency,
    metrics,
    onError: (error, { method, url }) => log.error(`${method} ${url.split('?')[0]}`, error),
  });
}

async function storeProblems(
  environment: OpenEnvironment,
  withinMs: number,
): Promise<Readonly<Record<string, string | null>>> {
  const [control, online] = await Promise.all([
    problemWithin(withinMs, environment.ping()),
    problemWithin(withinMs, environment.checkOnline()),
  ]);
  return { control_store: control, online_store: online };
}

async function problemWithin(limitMs: number, answer: Promise<unknown>): Promise<string | null> {
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`no answer within ${limitMs} ms`), limitMs).unref();
  });
  return Promise.race([answer.then(() => null, reasonOf), late]);
}

/** Requests are answered meanwhile: what they need and is not loaded yet, they wait for. */
async function startServing(
  environment: OpenEnvironment,
  { pid }: Presence,
  log: DaemonLog,
): Promise<{ stop(): Promise<void> } | undefined> {
  try {
    const serving = await environment.serving();
    const reporter = await environment.servingReporter(`${hostname()} pid ${pid}`);
    // Beside the loading: what does not load is told too.
    reporter.start();
    serving.start().catch((error: unknown) => log.error('loading models', error));
    const repository = await environment.repository();
    repository.start().catch((error: unknown) => log.error('following promotions', error));
    return reporter;
  } catch (error) {
    log.error('loading models', error);
    return undefined;
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof MlopsError ? error.detail : error instanceof Error ? error.message : String(error);
