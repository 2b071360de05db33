/**
 * Rollouts at work: whenever the candidate of an endpoint follows another version one begins; one daemon at a time looks at the figures and
 * decides, and what is decided is written before anything follows from it. Whoever is killed in between is followed by one who ends the same.
 */
import { MlopsError } from '../../lib/error.ts';
import { createRounds } from '../../lib/rounds.ts';
import { didYouMean } from '../../lib/suggest.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import type { ModelVersion, RegistryStore } from '../../stores/control/registry.ts';
import type { Rollout, RolloutDecision, RolloutFilter, RolloutStore } from '../../stores/control/rollouts.ts';
import type { ServingReportStore } from '../../stores/control/serving-reports.ts';
import type { VariantFiguresStore } from '../../stores/control/variant-figures.ts';
import { HEARD_WITHIN_MS } from '../serving-reporter.ts';
import { compileRollout } from './compiled-rollout.ts';
import { type Declared, declaredIn, startsAnother, versionOf } from './declared.ts';
import { NOTHING, type Observation, windowOf } from './observation.ts';
import { type Promote, promotion } from './promotion.ts';
import { beginning, commanded, type Decided, decide, type RolloutCommand, settled } from './rollout-state.ts';

export interface RolloutDetails {
  readonly rollout: Rollout;
  /** The oldest first. */
  readonly decisions: readonly RolloutDecision[];
}

export interface Rollouts {
  /** The loop. */
  start(): void;
  stop(): Promise<void>;
  /** One round, where no other daemon decides. */
  look(): Promise<void>;
  list(filter: RolloutFilter): ReturnType<RolloutStore['list']>;
  /** Of each endpoint. */
  newest(): Promise<readonly Rollout[]>;
  /** The newest of an endpoint, or one by its id. EP211. */
  show(endpointOrId: string, decisions?: number): Promise<RolloutDetails>;
  /** EP201 and EP211 where there is none, EP212 where it cannot be. */
  command(
    endpoint: string,
    command: RolloutCommand,
    by: { readonly who: string; readonly reason: string | null },
  ): Promise<Rollout>;
  /** Begins the version that the candidate follows anew. EP201, EP211, EP212. */
  retry(endpoint: string, by: { readonly who: string; readonly reason: string | null }): Promise<Rollout>;
}

export interface RolloutsDependencies {
  readonly store: RolloutStore;
  readonly catalog: Catalog;
  readonly registry: RegistryStore;
  readonly figures: VariantFiguresStore['figures'];
  readonly reports: Pick<ServingReportStore, 'list'>;
  /** Through the gates of the model. */
  readonly promote: Promote;
  /** Of this daemon alone, for as long as it lives. */
  readonly daemon: string;
  readonly report: (message: string, error?: unknown) => void;
  readonly lookMs?: number;
}

const LOOK_MS = 2_000;
const LEASE_MS = 15_000;
const RECENT_MS = 5 * 60_000;
const BY_ITSELF = 'rollout';
const COMMAND_TRIES = 5;

export function createRollouts(dependencies: RolloutsDependencies): Rollouts {
  const { store, catalog, registry, reports, daemon, report, lookMs = LOOK_MS } = dependencies;
  let leads = false;
  /** Nothing was open at this revision of what is applied: where nothing is declared either, nobody need be asked. */
  let idleSince: number | undefined;
  /** When this daemon last read figures, by rollout: one that stands still is watched as well. */
  const measured = new Map<string, number>();
  const promoted = promotion({ registry, promote: dependencies.promote });
  const rounds = createRounds({
    hurry: new AbortController(),
    round: async () => {
      try {
        await look();
      } catch (error) {
        report('rollouts cannot be looked after; it is tried again', error);
      }
      return lookMs;
    },
  });

  async function look(): Promise<void> {
    const declared = declaredIn(catalog);
    if (declared.size === 0 && idleSince === catalog.revision) return;
    const now = await store.lead(daemon, LEASE_MS);
    leads = now !== undefined;
    if (now === undefined) return;
    const { revision } = catalog;
    const newest = new Map((await store.newest()).map((rollout) => [rollout.endpoint, rollout]));
    idleSince = [...newest.values()].some(isOpen) ? undefined : revision;
    const endpoints = new Set([...newest.keys(), ...declared.keys()]);
    for (const endpoint of endpoints) {
      // What goes wrong with one keeps back no other.
      try {
        await lookAt(declared.get(endpoint), newest.get(endpoint), now);
      } catch (error) {
        report(`the rollout of endpoint.${endpoint} cannot be looked after; it is tried again`, error);
      }
    }
  }

  async function lookAt(declared: Declared | undefined, rollout: Rollout | undefined, now: Date): Promise<void> {
    const version = declared === undefined ? undefined : await versionOf(declared.target, registry);
    // A promotion that was decided is brought to its end first, whatever came meanwhile.
    if (rollout?.status === 'promoting') return promoteNow(rollout);
    const baseline = declared === undefined ? undefined : await versionOf(declared.baselineTarget, registry);
    // Where the baseline answers with it already there is nothing to compare.
    if (
      declared !== undefined &&
      version !== undefined &&
      baseline?.id !== version.id &&
      startsAnother(declared, version, rollout)
    ) {
      await beginWith(declared, version, rollout, { now, who: BY_ITSELF, attempt: null, reason: null });
      return;
    }
    if (rollout === undefined || !isOpen(rollout)) return;
    const same =
      declared !== undefined && declared.candidate === rollout.candidate && declared.baseline === rollout.baseline;
    const compiled = same ? compileRollout(declared.spec) : undefined;
    const measuredMs = Math.max(rollout.measuredAt?.getTime() ?? 0, measured.get(rollout.id) ?? 0);
    const due = now.getTime() - measuredMs >= (compiled?.intervalMs ?? 0);
    if (due) measured.set(rollout.id, now.getTime());
    const observed = { ...(await observe(rollout, version, due, now)), baseline: baseline?.id ?? null };
    const decided = decide(rollout, compiled, rollout.versionId, observed, now);
    if (decided === undefined) return;
    if (!(await write(rollout, decided, BY_ITSELF))) return;
    if (decided.standing.status === 'promoting')
      await promoteNow({ ...rollout, ...decided.standing, revision: rollout.revision + 1 });
  }

  /** Figures are read when they are due; whether the version loads is known always. */
  async function observe(
    rollout: Rollout,
    version: ModelVersion | undefined,
    due: boolean,
    now: Date,
  ): Promise<Omit<Observation, 'baseline'>> {
    const { endpoint, candidate } = rollout;
    const read = async (since: Date) =>
      windowOf(await dependencies.figures({ endpoint, since, until: now, drawn: true }), rollout);
    const { stepStartedAt, startedAt } = rollout;
    const recent = new Date(Math.max(stepStartedAt.getTime(), now.getTime() - RECENT_MS));
    const measures = due && version?.id === rollout.versionId;
    const step = measures ? await read(stepStartedAt) : NOTHING;
    const served = (await reports.list(HEARD_WITHIN_MS)).flatMap(({ serves }) => serves);
    const failing = served.find(
      (one) => one.endpoint === endpoint && one.variant === candidate && one.failure?.version === rollout.version,
    );
    return {
      follows: version?.id ?? null,
      loadFailure: failing?.failure ?? null,
      step,
      recent: !measures ? NOTHING : recent.getTime() === stepStartedAt.getTime() ? step : await read(recent),
      whole: !measures ? NOTHING : startedAt.getTime() === stepStartedAt.getTime() ? step : await read(startedAt),
    };
  }

  async function beginWith(
    { endpoint, candidate, baseline, spec, pinned }: Declared,
    version: ModelVersion,
    rollout: Rollout | undefined,
    by: { readonly now: Date; readonly who: string; readonly attempt: string | null; readonly reason: string | null },
  ): Promise<Rollout | undefined> {
    const stagedAt = pinned ? null : version.stageChangedAt;
    const key = [candidate, version.id, pinned ? `after ${rollout?.id ?? 'none'}` : stagedAt!.toISOString(), by.attempt]
      .filter((part) => part !== null)
      .join('/');
    const what = by.reason ?? `version ${version.version} of ${version.name} came to ${candidate}`;
    return store.begin(
      { endpoint, candidate, baseline, model: version.name, version: version.version, versionId: version.id, stagedAt },
      beginning(compileRollout(spec), what, by.now),
      { key, who: by.who, replaces: rollout !== undefined && isOpen(rollout) ? rollout : null },
    );
  }

  /** Nobody else promotes: who does it again finds that it is done. */
  async function promoteNow(rollout: Rollout): Promise<void> {
    const declared = declaredIn(catalog).get(rollout.endpoint);
    const outcome = await promoted(rollout, declared);
    await write(rollout, settled(rollout, outcome, await store.now()), BY_ITSELF);
  }

  async function write(rollout: Rollout, { standing, decision }: Decided, who: string): Promise<boolean> {
    const written = await store.write(rollout, standing, decision, who);
    if (written && decision !== null && decision.kind !== 'stayed')
      report(
        `rollout of version ${rollout.version} of ${rollout.model} at endpoint.${rollout.endpoint}: ${decision.reason}`,
      );
    return written;
  }

  async function existing(endpoint: string): Promise<Rollout> {
    const found = await store.newestOf(endpoint);
    if (found !== undefined) return found;
    if (catalog.get('endpoint', endpoint) === undefined) throw unknown(endpoint);
    throw new MlopsError('EP211', {
      detail: `The endpoint ${endpoint} had no rollout yet.`,
      hint: 'one begins when its candidate follows a new version: declare `rollout`, and move a version to its stage',
      address: `endpoint.${endpoint}`,
      status: 404,
    });
  }

  const unknown = (endpoint: string): MlopsError =>
    new MlopsError('EP201', {
      detail: `No endpoint "${endpoint}" is applied.`,
      hint: didYouMean(
        endpoint,
        catalog.list('endpoint').map(({ name }) => name),
      ),
      status: 404,
    });

  const refused = (endpoint: string, what: string, why: string): MlopsError =>
    new MlopsError('EP212', {
      detail: `The rollout of endpoint.${endpoint} cannot ${what}: ${why}.`,
      hint: `mlops rollouts show ${endpoint}`,
      address: `endpoint.${endpoint}`,
      status: 409,
    });

  return {
    start: rounds.start,
    stop: async () => {
      await rounds.stop();
      if (leads) await store.resign(daemon).catch(() => {});
    },
    look,
    list: (filter) => store.list(filter),
    newest: () => store.newest(),
    show: async (endpointOrId, decisions = 200) => {
      const rollout = (await store.byId(endpointOrId)) ?? (await existing(endpointOrId));
      return { rollout, decisions: await store.decisions(rollout.id, decisions) };
    },
    command: async (endpoint, command, { who, reason }) => {
      for (let tries = 1; ; tries += 1) {
        const rollout = await existing(endpoint);
        const decided = commanded(rollout, command, reason, await store.now());
        if (typeof decided === 'string') throw refused(endpoint, `be told to ${command}`, decided);
        if (await store.write(rollout, decided.standing, decided.decision, who)) break;
        if (tries === COMMAND_TRIES)
          throw refused(endpoint, `be told to ${command}`, 'it moves all the time; try again');
      }
      if (command === 'promote') {
        const rollout = await existing(endpoint);
        // The daemon would do it with its next look; whoever asked waits for the gates' answer.
        if (rollout.status === 'promoting') await promoteNow(rollout);
      }
      return existing(endpoint);
    },
    retry: async (endpoint, { who, reason }) => {
      const rollout = await existing(endpoint);
      const declared = declaredIn(catalog).get(rollout.endpoint);
      if (declared === undefined) throw refused(endpoint, 'begin anew', 'the endpoint declares no rollout');
      if (isOpen(rollout)) throw refused(endpoint, 'begin anew', `it is ${rollout.status}`);
      const version = await versionOf(declared.target, registry);
      if (version === undefined) throw refused(endpoint, 'begin anew', 'its candidate follows no version');
      const why = reason === null ? 'begun anew by hand' : `begun anew by hand: ${reason}`;
      const by = { now: await store.now(), who, attempt: `after ${rollout.id}`, reason: why };
      const begun = await beginWith(declared, version, rollout, by);
      if (begun === undefined) throw refused(endpoint, 'begin anew', 'somebody began it meanwhile');
      return begun;
    },
  };
}

/** Something of it is still to come, or answers. */
function isOpen({ status }: Rollout): boolean {
  return status === 'running' || status === 'paused' || status === 'held' || status === 'promoting';
}
