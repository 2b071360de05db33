/**
 * The composition root: an environment's settings become live stores and services. This file and compose/ are the only ones
 * that name a concrete backend. Everything is made when it is first asked for, so that `plan` opens a database and nothing
 * else, and a daemon loads an engine only once a task needs it.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ResourceEffects } from './apply/effects.ts';
import { openArtifacts } from './compose/artifacts.ts';
import { openControl } from './compose/control.ts';
import { effectsOf } from './compose/effects.ts';
import { gitCommit, whoami } from './compose/identity.ts';
import { kubernetesOf } from './compose/kubernetes.ts';
import { createClosers, lazily } from './compose/lazy.ts';
import type { Look } from './compose/observe.ts';
import { openOffline } from './compose/offline.ts';
import { openOnline } from './compose/online.ts';
import { operatorServices } from './compose/operator-services.ts';
import { withPredictionSources } from './compose/prediction-sources.ts';
import type { Settings } from './compose/settings.ts';
import type { TellFileRequest } from './compose/tell-file.ts';
import type { Features } from './features/create-features.ts';
import type { FeatureCall } from './features/definitions.ts';
import type { VerifyReport, VerifyRequest } from './features/verify/verify.ts';
import { systemClock } from './lib/clock.ts';
import { durationMs, sizeBytes } from './lib/units.ts';
import type { Notifier } from './notify/notifier.ts';
import type { Orchestrator } from './orchestrator/orchestrator.ts';
import type { Registry } from './registry/registry.ts';
import type { Feedback, FeedbackReport } from './serving/feedback.ts';
import type { MoveReport } from './serving/move-predictions.ts';
import type { EndpointResults } from './serving/results/endpoint-results.ts';
import type { Rollouts } from './serving/rollouts/rollouts.ts';
import type { ModelRepository } from './serving/runtime/model-repository.ts';
import type { Serving } from './serving/serving.ts';
import type { ServingReporter } from './serving/serving-reporter.ts';
import type { ArtifactHealth, ArtifactStore } from './stores/artifacts.ts';
import type { Catalog } from './stores/control/catalog.ts';
import type { FactsStore } from './stores/control/facts.ts';
import type { FeedbackStore } from './stores/control/feedback.ts';
import type { IdempotencyStore } from './stores/control/idempotency.ts';
import type { NotificationStore } from './stores/control/notifications.ts';
import type { PredictionLogStore } from './stores/control/prediction-log.ts';
import type { RegistryStore } from './stores/control/registry.ts';
import type { RunStore } from './stores/control/runs.ts';
import type { Scope, StateStore } from './stores/control/state.ts';
import type { VariantFiguresStore } from './stores/control/variant-figures.ts';
import type { OfflineHealth } from './stores/offline.ts';
import type { OnlineHealth } from './stores/online.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import type { Tracking } from './tracking/tracking.ts';

export interface OpenOptions {
  /** For `plan` and its like: a server that others share is not migrated. Default false. */
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** For a look at the stores: no server is migrated, and a statement that takes longer fails. Default: no limit. */
  readonly answersWithinMs?: number;
  /** What goes wrong beside the work in hand and is tried again; and, without an error, what the loops do. */
  readonly report?: (message: string, error?: unknown) => void;
}

export interface OpenEnvironment {
  readonly settings: Settings;
  readonly scope: Scope;
  /** `user@host`. */
  readonly who: string;
  /** The project's `.mlops`. */
  readonly folder: string;
  readonly state: StateStore;
  /** What plans may know of the running system. */
  readonly facts: FactsStore;
  artifacts(): Promise<ArtifactStore>;
  /** Files that tasks of runs left. */
  runFiles(): Promise<ArtifactStore>;
  catalog(): Promise<Catalog>;
  features(): Promise<Features>;
  registryStore(): Promise<RegistryStore>;
  registry(): Promise<Registry>;
  /** Experiments and their runs. */
  tracking(): Promise<Tracking>;
  runs(): Promise<RunStore>;
  orchestrator(): Promise<Orchestrator>;
  notifications(): Promise<NotificationStore>;
  notifier(): Promise<Notifier>;
  /** Traces and lineage of runs, to whoever the environment names. */
  telemetry(): Promise<Telemetry>;
  serving(): Promise<Serving>;
  /** Which version of a model answers to tensors. */
  repository(): Promise<ModelRepository>;
  rollouts(): Promise<Rollouts>;
  /** What variants of endpoints measured beside each other. */
  results(): Promise<EndpointResults>;
  /** Tells others what this process serves. `name`: for people. */
  servingReporter(name: string): Promise<ServingReporter>;
  predictions(): Promise<PredictionLogStore>;
  /** Moves what was predicted to the offline store, and forgets what endpoints keep no longer. */
  movePredictions(signal: AbortSignal): Promise<MoveReport>;
  /** What predictions turned out to be. */
  feedback(): Promise<Feedback>;
  feedbackStore(): Promise<FeedbackStore>;
  /** Outcomes in a file, for an endpoint. */
  tellFile(request: TellFileRequest, signal: AbortSignal): Promise<FeedbackReport>;
  /** What the log says of each variant of an endpoint. */
  variantFigures(): Promise<VariantFiguresStore>;
  idempotency(): Promise<IdempotencyStore>;
  /** Logged predictions and kept answers against what the offline store answers. */
  verify(request: VerifyRequest, call: FeatureCall): Promise<VerifyReport>;
  /** What an apply does outside the recorded state. */
  effects(): Promise<ResourceEffects>;
  /** The commit checked out at the project's root; null where there is none. */
  gitCommit(): Promise<string | null>;
  /** What every store holds beside what is recorded; reads only. */
  observe(signal: AbortSignal): Promise<Look>;
  /** Whether the control store answers. */
  ping(): Promise<void>;
  /** Whether the online store can be used now; throws what is wrong. */
  checkOnline(): Promise<OnlineHealth>;
  /** The same of the offline store. */
  checkOffline(): Promise<OfflineHealth>;
  /** The same of the artifact store. */
  checkArtifacts(): Promise<ArtifactHealth>;
  /** Closes what was opened, the last first. */
  close(): Promise<void>;
}

/** ST101, ST102, ST103 where the control store cannot be opened. */
export async function openEnvironment(settings: Settings, options: OpenOptions = {}): Promise<OpenEnvironment> {
  const { root, environment, spec } = settings;
  const folder = join(root, '.mlops');
  const scope: Scope = { project: settings.project, environment };
  const report = options.report ?? (() => {});
  const closers = createClosers();
  const control = await openControl(settings, {
    folder,
    scope,
    readOnly: options.readOnly ?? false,
    answersWithinMs: options.answersWithinMs,
    signal: options.signal,
  });
  closers.add('control', control.close);

  const artifactStores = lazily(async () => {
    const made = await openArtifacts(settings, folder);
    closers.add('store', () => made.close());
    return made;
  });
  const artifacts = async () => (await artifactStores()).artifacts;
  const runFiles = async () => (await artifactStores()).runFiles;
  const catalog = lazily(async () => {
    const { postgresCatalog } = await import('./stores/postgres/postgres-catalog.ts');
    const made = await postgresCatalog(control.db, await control.scopeId(), {
      onError: (error) => report('reading the applied resources', error),
    });
    closers.add('store', () => made.close());
    return made;
  });
  const offline = lazily(async () => {
    const made = await openOffline(settings, folder, options.answersWithinMs);
    closers.add('store', () => made.close());
    return withPredictionSources(made, predictionMoves);
  });
  const predictionMoves = lazily(async () => {
    const { postgresPredictionMoves } = await import('./stores/postgres/postgres-prediction-moves.ts');
    return postgresPredictionMoves(control.db, await control.scopeId());
  });
  const featureState = lazily(async () => {
    const { createPostgresFeatureState } = await import('./stores/postgres/postgres-feature-state.ts');
    return createPostgresFeatureState(control.db, await control.scopeId());
  });
  const quality = lazily(async () => {
    const { createPostgresFeatureQuality } = await import('./stores/postgres/postgres-feature-quality.ts');
    return createPostgresFeatureQuality(control.db, await control.scopeId());
  });
  const online = lazily(async () => {
    const made = await openOnline(settings, folder);
    closers.add('store', () => made.close());
    return made;
  });
  const answerLog = lazily(async () => {
    const { postgresAnswerLog } = await import('./stores/postgres/postgres-answer-log.ts');
    return postgresAnswerLog(control.db, await control.scopeId());
  });
  const features = lazily(async () => {
    const [{ createFeatures }, { createAnswerLog, DEFAULT_KEEP, DEFAULT_SAMPLE }] = await Promise.all([
      import('./features/create-features.ts'),
      import('./features/answer-log.ts'),
    ]);
    const answers = createAnswerLog({
      store: await answerLog(),
      sample: spec.answerLog?.sample ?? DEFAULT_SAMPLE,
      keepMs: durationMs(spec.answerLog?.keep ?? DEFAULT_KEEP),
      newId: randomUUID,
      random: Math.random,
      monotonicMs: () => performance.now(),
      onError: (error) => report('forgetting old answers', error),
    });
    const made = createFeatures({
      catalog: await catalog(),
      offline: await offline(),
      online: await online(),
      featureState: await featureState(),
      quality: await quality(),
      artifacts: await artifacts(),
      runFiles: await runFiles(),
      answers,
      ...(spec.snapshots?.keep !== undefined && { keepSnapshotsMs: durationMs(spec.snapshots.keep) }),
      clock: systemClock,
      onError: (error) => report('counting who reads features', error),
    });
    closers.add('service', () => made.close());
    return made;
  });
  const registryStore = lazily(async () => {
    const { postgresRegistry } = await import('./stores/postgres/postgres-registry.ts');
    return postgresRegistry(control.db, await control.scopeId());
  });
  const registry = lazily(async () => {
    const { createRegistry } = await import('./registry/registry.ts');
    const files = await artifacts();
    return createRegistry({
      store: await registryStore(),
      catalog: await catalog(),
      artifacts: files,
      forget: (digests) => files.remove(digests),
      statistics: async (digest) => (await quality()).datasetStatistics(digest),
    });
  });
  const predictions = lazily(async () => {
    const { postgresPredictionLog } = await import('./stores/postgres/postgres-prediction-log.ts');
    return postgresPredictionLog(control.db, await control.scopeId());
  });
  const feedbackStore = lazily(async () => {
    const { postgresFeedback } = await import('./stores/postgres/postgres-feedback.ts');
    return postgresFeedback(control.db, await control.scopeId());
  });
  const feedback = lazily(async () => {
    const { createFeedback } = await import('./serving/feedback.ts');
    return createFeedback({
      catalog: await catalog(),
      store: await feedbackStore(),
      now: () => systemClock.now().getTime(),
    });
  });
  const variantFigures = lazily(async () => {
    const [{ postgresVariantFigures }, { createReferenceProfiles }] = await Promise.all([
      import('./stores/postgres/postgres-variant-figures.ts'),
      import('./serving/reference-profiles.ts'),
    ]);
    const profiles = createReferenceProfiles({ registry: await registryStore(), artifacts: await artifacts() });
    return postgresVariantFigures(control.db, await control.scopeId(), profiles.of);
  });
  const idempotency = lazily(async () => {
    const { createPostgresIdempotency } = await import('./stores/postgres/postgres-idempotency.ts');
    return createPostgresIdempotency(control.db, await control.scopeId());
  });
  const tracking = lazily(async () => {
    const [{ createTracking }, { postgresTracking }] = await Promise.all([
      import('./tracking/tracking.ts'),
      import('./stores/postgres/postgres-tracking.ts'),
    ]);
    const store = postgresTracking(control.db, await control.scopeId());
    return createTracking(store, { nowMs: () => systemClock.now().getTime(), random: Math.random });
  });
  const taskRuns = lazily(async () => {
    const { createTaskRuns } = await import('./tracking/task-runs.ts');
    return createTaskRuns((await tracking()).store, () => systemClock.now().getTime());
  });
  const runs = lazily(async () => {
    const { createPostgresRuns } = await import('./stores/postgres/postgres-runs.ts');
    return createPostgresRuns(control.db, await control.scopeId(), { connectionString: control.connectionString });
  });
  const notifications = lazily(async () => {
    const { createPostgresNotifications } = await import('./stores/postgres/postgres-notifications.ts');
    return createPostgresNotifications(control.db, await control.scopeId());
  });
  const notifier = lazily(async () => {
    const { openNotifier } = await import('./compose/notifier.ts');
    const made = openNotifier(settings, {
      scope,
      store: await notifications(),
      catalog: await catalog(),
      features,
      report,
    });
    closers.add('service', () => made.stop());
    return made;
  });
  const telemetry = lazily(async () => {
    const [{ openTelemetry }, { createPostgresRunTraces }] = await Promise.all([
      import('./compose/telemetry.ts'),
      import('./stores/postgres/postgres-run-traces.ts'),
    ]);
    const store = createPostgresRunTraces(control.db, await control.scopeId());
    const made = openTelemetry(settings, { scope, store, catalog: await catalog(), report });
    closers.add('service', () => made.stop());
    return made;
  });
  const commit = lazily(() => gitCommit(root));
  const orchestrator = lazily(async () => {
    const [
      { createOrchestrator },
      { createPostgresBackfills },
      { createPostgresDeferrals },
      { createPostgresRunArtifacts },
      { createPostgresBreakers },
      { createPostgresTaskCache },
      { createPostgresRunFeed },
      { createPostgresRunFigures },
      { createPostgresTriggers },
      { createSense },
    ] = await Promise.all([
      import('./orchestrator/orchestrator.ts'),
      import('./stores/postgres/postgres-backfills.ts'),
      import('./stores/postgres/postgres-deferrals.ts'),
      import('./stores/postgres/postgres-run-artifacts.ts'),
      import('./stores/postgres/postgres-breakers.ts'),
      import('./stores/postgres/postgres-task-cache.ts'),
      import('./stores/postgres/postgres-run-feed.ts'),
      import('./stores/postgres/postgres-run-figures.ts'),
      import('./stores/postgres/postgres-triggers.ts'),
      import('./compose/sense.ts'),
    ]);
    const applied = await catalog();
    const limits = spec.daemon?.resources;
    const made = createOrchestrator({
      runs: await runs(),
      backfills: createPostgresBackfills(control.db, await control.scopeId()),
      deferrals: createPostgresDeferrals(control.db, await control.scopeId()),
      runArtifacts: createPostgresRunArtifacts(control.db, await control.scopeId()),
      triggers: createPostgresTriggers(control.db, await control.scopeId()),
      breakers: createPostgresBreakers(control.db, await control.scopeId()),
      taskCache: createPostgresTaskCache(control.db, await control.scopeId()),
      runFeed: createPostgresRunFeed(control.db, await control.scopeId()),
      runFigures: createPostgresRunFigures(control.db, await control.scopeId()),
      sense: createSense(() => applied.root ?? root),
      catalog: applied,
      services: operatorServices({
        artifacts,
        runFiles,
        features,
        offline,
        registry,
        taskRuns,
        notifier,
        predictor,
        deployment,
      }),
      artifacts: await runFiles(),
      removeFiles: async (digests) => (await runFiles()).remove(digests),
      artifactLimits: {
        fileBytes: sizeBytes(spec.artifacts?.file ?? '1Gi'),
        taskBytes: sizeBytes(spec.artifacts?.task ?? '4Gi'),
      },
      workdir: join(folder, 'work', environment),
      root,
      limits: {
        pools: spec.pools ?? {},
        teams: Object.fromEntries(
          Object.entries(spec.teams ?? {}).map(([team, { memory, ...others }]) => [
            team,
            { ...others, ...(memory !== undefined && { memoryBytes: sizeBytes(memory) }) },
          ]),
        ),
      },
      capacity: {
        ...(limits?.cpu !== undefined && { cpu: limits.cpu }),
        ...(limits?.memory !== undefined && { memoryBytes: sizeBytes(limits.memory) }),
        ...(limits?.gpu !== undefined && { gpu: limits.gpu }),
      },
      variables: process.env,
      kubernetes: await kubernetesOf(settings, await runs(), await artifacts(), { folder, report }),
      retention: {
        logsMs: spec.retention?.logs === undefined ? undefined : durationMs(spec.retention.logs),
        eventsMs: spec.retention?.events === undefined ? undefined : durationMs(spec.retention.events),
        artifactsMs: spec.retention?.artifacts === undefined ? undefined : durationMs(spec.retention.artifacts),
      },
      gitCommit: commit,
      report,
    });
    closers.add('service', () => made.close());
    return made;
  });
  const versions = lazily(async () => {
    const [{ createLoadedVersions }, { createOnnxRuntime }, { batchingOf }, { modelMemoryBytes }] = await Promise.all([
      import('./serving/runtime/loaded-versions.ts'),
      import('./serving/onnx-runtime.ts'),
      import('./serving/runtime/batching.ts'),
      import('./compose/model-memory.ts'),
    ]);
    const made = createLoadedVersions({
      registry: await registryStore(),
      artifacts: await artifacts(),
      catalog: await catalog(),
      runtime: createOnnxRuntime({ batching: batchingOf(spec.serving?.batching) }),
      budgetBytes: modelMemoryBytes(spec.serving?.memory),
    });
    closers.add('service', () => made.close());
    return made;
  });
  const repository = lazily(async () => {
    const { createModelRepository } = await import('./serving/runtime/model-repository.ts');
    const made = createModelRepository({ registry: await registryStore(), versions: await versions() });
    closers.add('service', () => made.close());
    return made;
  });
  const predictor = lazily(async () => {
    const { createBatchPredictor } = await import('./serving/batch-prediction.ts');
    return createBatchPredictor({
      registry: await registryStore(),
      catalog: await catalog(),
      versions: await versions(),
    });
  });
  const servingReports = lazily(async () => {
    const { createPostgresServingReports } = await import('./stores/postgres/postgres-serving-reports.ts');
    return createPostgresServingReports(control.db, await control.scopeId());
  });
  const rolloutStore = lazily(async () => {
    const { createPostgresRollouts } = await import('./stores/postgres/rollouts/postgres-rollouts.ts');
    return createPostgresRollouts(control.db, await control.scopeId());
  });
  const rollouts = lazily(async () => {
    const { createRollouts } = await import('./serving/rollouts/rollouts.ts');
    const { figures } = await variantFigures();
    const made = createRollouts({
      store: await rolloutStore(),
      catalog: await catalog(),
      registry: await registryStore(),
      figures,
      reports: await servingReports(),
      promote: async (request, by) => (await registry()).promote(request, by),
      daemon: randomUUID(),
      report,
    });
    closers.add('service', () => made.stop());
    return made;
  });
  const results = lazily(async () => {
    const { createEndpointResults } = await import('./serving/results/endpoint-results.ts');
    const { figures } = await variantFigures();
    return createEndpointResults({ catalog: await catalog(), rollouts: await rolloutStore(), figures });
  });
  const deployment = async () => ({
    catalog: await catalog(),
    registry: await registryStore(),
    predictor: await predictor(),
    reports: await servingReports(),
  });
  const serving = lazily(async () => {
    const [{ createServing }, { createOnnxRuntime }, { createRolloutTraffic }] = await Promise.all([
      import('./serving/serving.ts'),
      import('./serving/onnx-runtime.ts'),
      import('./serving/rollouts/rollout-traffic.ts'),
    ]);
    const applied = await catalog();
    const made = createServing({
      catalog: applied,
      registry: await registryStore(),
      artifacts: await artifacts(),
      features: (await features()).reader,
      log: await predictions(),
      runtime: createOnnxRuntime(),
      versions: await versions(),
      rollouts: createRolloutTraffic(await rolloutStore(), {
        onError: (error) => report('reading the shares of rollouts', error),
        needed: () => applied.list('endpoint').some((one) => one.spec.rollout !== undefined),
      }),
      newId: randomUUID,
      monotonicMs: () => performance.now(),
      onFailure: (model, version, cause) => report(`version ${version} of model.${model} does not load`, cause),
    });
    closers.add('service', () => made.close());
    return made;
  });

  return {
    settings,
    scope,
    who: whoami(),
    folder,
    state: control.state,
    facts: control.facts,
    artifacts,
    runFiles,
    catalog,
    features,
    registryStore,
    registry,
    tracking,
    runs,
    orchestrator,
    notifications,
    notifier,
    telemetry,
    serving,
    repository,
    rollouts,
    results,
    servingReporter: async (name) => {
      const { createServingReporter } = await import('./serving/serving-reporter.ts');
      const [store, served] = await Promise.all([servingReports(), serving()]);
      return createServingReporter({ serving: served, store, daemon: randomUUID(), name, report });
    },
    predictions,
    movePredictions: async (signal) => {
      const { movePredictions } = await import('./serving/move-predictions.ts');
      return movePredictions(
        {
          store: await predictionMoves(),
          // The engine is loaded only where something is due.
          offline: {
            snapshot: async (request, during) => (await offline()).snapshot(request, during),
            removeSnapshots: async (locations, keep) => (await offline()).removeSnapshots(locations, keep),
          },
          catalog: await catalog(),
        },
        signal,
      );
    },
    feedback,
    feedbackStore,
    tellFile: async (request, signal) => {
      const { tellFile } = await import('./compose/tell-file.ts');
      return tellFile(
        { catalog: await catalog(), offline: await offline(), feedback: await feedback() },
        request,
        signal,
      );
    },
    variantFigures,
    idempotency,
    verify: async (request, call) => {
      const { verify } = await import('./features/verify/verify.ts');
      const parts = {
        catalog: await catalog(),
        featureState: await featureState(),
        offline: await offline(),
        predictions: await predictions(),
        answers: await answerLog(),
      };
      return verify(parts, request, call);
    },
    effects: async () => effectsOf({ featureState, features, runs }),
    gitCommit: commit,
    observe: async (signal) => {
      const [{ observe }, { inspectControl }, { postgresRegistry }, { createPostgresFeatureState }] = await Promise.all(
        [
          import('./compose/observe.ts'),
          import('./stores/postgres/inspect.ts'),
          import('./stores/postgres/postgres-registry.ts'),
          import('./stores/postgres/postgres-feature-state.ts'),
        ],
      );
      const found = async <T>(make: (scopeId: number) => T): Promise<T | undefined> => {
        const scopeId = await control.findScopeId();
        return scopeId === undefined ? undefined : make(scopeId);
      };
      return observe({
        root,
        inspectControl: () => inspectControl(control.db),
        readState: () => control.state.read(),
        featureState: () => found((scopeId) => createPostgresFeatureState(control.db, scopeId)),
        registry: () => found((scopeId) => postgresRegistry(control.db, scopeId)),
        offline,
        online,
        artifacts,
        signal,
      });
    },
    ping: control.ping,
    checkOnline: async () => (await online()).check(),
    checkOffline: async () => (await offline()).health(),
    checkArtifacts: async () => (await artifactStores()).check(),
    close: () => closers.close(),
  };
}
