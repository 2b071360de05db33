/** Rollouts over the real stores of a scope: the registry, the log of predictions, the figures; with traffic of keys routed as serving routes them. */
import { randomUUID } from 'node:crypto';
import { createRegistry, type Registry } from '../../../src/registry/registry.ts';
import { withRollout } from '../../../src/serving/rollouts/rollout-router.ts';
import { createRollouts, type Rollouts, type RolloutsDependencies } from '../../../src/serving/rollouts/rollouts.ts';
import { createRouter } from '../../../src/serving/router.ts';
import type { CanonicalEndpoint, CanonicalModel } from '../../../src/spec/canonical-specs.ts';
import type { Rollout as RolloutSpec } from '../../../src/spec/schema-types.ts';
import type { NewPrediction } from '../../../src/stores/control/prediction-log.ts';
import type { ModelVersion, RegistryStore, Stage } from '../../../src/stores/control/registry.ts';
import type { RolloutStore } from '../../../src/stores/control/rollouts.ts';
import type { ServingReport } from '../../../src/stores/control/serving-reports.ts';
import type { Database } from '../../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresRegistry } from '../../../src/stores/postgres/postgres-registry.ts';
import { postgresVariantFigures } from '../../../src/stores/postgres/postgres-variant-figures.ts';
import { createPostgresRollouts } from '../../../src/stores/postgres/rollouts/postgres-rollouts.ts';
import type { MemoryArtifacts } from '../../support/memory-artifacts.ts';
import { freshScope, memoryCatalog } from '../../support/models.ts';

export interface Site {
  readonly scopeId: number;
  readonly store: RolloutStore;
  readonly registry: Registry;
  readonly registryStore: RegistryStore;
  readonly rollouts: Rollouts;
  readonly reports: ServingReport[];
  /** Another daemon on the same stores. */
  daemon(change?: Partial<RolloutsDependencies>): Rollouts;
  apply(rollout: RolloutSpec | undefined, change?: Partial<CanonicalEndpoint>, model?: Partial<CanonicalModel>): void;
  /** A new version, and where it goes. */
  version(to?: Stage, metrics?: Readonly<Record<string, number>>): Promise<ModelVersion>;
  /** One request of each key, answered by whoever the router names. Answers how many each variant got. */
  traffic(
    keys: readonly number[],
    answer: (variant: string, key: number) => Partial<NewPrediction>,
  ): Promise<ReadonlyMap<string, number>>;
  outcomes(rows: readonly { readonly requestId: string; readonly outcome: number }[]): Promise<void>;
}

export async function openSite(db: Database, artifacts: MemoryArtifacts): Promise<Site> {
  const scopeId = await freshScope(db);
  const store = createPostgresRollouts(db, scopeId);
  const registryStore = postgresRegistry(db, scopeId);
  const log = postgresPredictionLog(db, scopeId);
  const figures = postgresVariantFigures(db, scopeId, async () => undefined);
  const catalog = memoryCatalog();
  const registry = createRegistry({ store: registryStore, catalog, artifacts });
  const reports: ServingReport[] = [];
  let endpoint: CanonicalEndpoint;

  const daemon: Site['daemon'] = (change = {}) =>
    createRollouts({
      store,
      catalog,
      registry: registryStore,
      figures: figures.figures,
      reports: { list: async () => reports },
      promote: registry.promote,
      daemon: randomUUID(),
      report: (_, error) => {
        if (error !== undefined) throw error;
      },
      ...change,
    });

  return {
    scopeId,
    store,
    registry,
    registryStore,
    rollouts: daemon({ daemon: 'first' }),
    reports,
    daemon,
    apply: (rollout, change = {}, model = {}) => {
      endpoint = {
        name: 'mortality',
        key: 'id',
        variants: { control: { model: 'risk', stage: 'production' }, treatment: { model: 'risk', stage: 'staging' } },
        split: { control: 100 },
        ...(rollout !== undefined && { rollout }),
        ...change,
      };
      catalog.set({ endpoint: [endpoint], model: [{ name: 'risk', framework: 'onnx', ...model }] });
    },
    version: async (to, metrics = {}) => {
      const version = await registry.register({ name: 'risk', framework: 'onnx', metrics }, 'ada');
      return to === undefined ? version : (await registry.promote({ versionId: version.id, to }, 'ada')).version;
    },
    traffic: async (keys, answer) => {
      const known = new Map((await store.traffic()).map((one) => [one.endpoint, one]));
      const loaded = new Map<string, number | undefined>();
      for (const [variant, { stage }] of Object.entries(endpoint.variants))
        loaded.set(variant, (await registryStore.atStage('risk', stage ?? 'production'))?.version);
      const router = withRollout(createRouter(endpoint), endpoint, { of: (name) => known.get(name) }, (variant) =>
        loaded.get(variant),
      );
      const counts = new Map<string, number>();
      const rows = keys.map((key): NewPrediction => {
        const variant = router.route(String(key), (one) => loaded.get(one) !== undefined)!;
        counts.set(variant, (counts.get(variant) ?? 0) + 1);
        return {
          id: randomUUID(),
          requestId: randomUUID(),
          ordinal: 0,
          endpoint: 'mortality',
          variant,
          model: 'risk',
          version: loaded.get(variant)!,
          routed: 'split',
          entity: { id: key },
          features: {},
          prediction: { probability: 0.5 },
          latencyMs: 1,
          ageMs: 0,
          ...answer(variant, key),
        };
      });
      await log.append(rows);
      return counts;
    },
    outcomes: async (rows) => {
      await db.query(
        `insert into mlops.feedback (scope_id, endpoint, request_id, request_hash, ordinal, outcome, recorded_by)
         select $1, 'mortality', r.request_id, hashtextextended(r.request_id, $1), 0, r.outcome, 'test'
           from json_to_recordset($2::json) as r(request_id text, outcome json)`,
        [scopeId, JSON.stringify(rows.map(({ requestId, outcome }) => ({ request_id: requestId, outcome })))],
      );
    },
  };
}
