/**
 * The model registry: versions that never change, stages between which they move, gates before production, and the history of it all.
 */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type {
  GateResult,
  ModelVersion,
  NewVersion,
  RegistryStore,
  Stage,
  StageMove,
  VersionArtifact,
  VersionFilter,
} from '../stores/control/registry.ts';
import { rollbackTarget } from '../stores/control/rollback-target.ts';
import type { TableProfile } from '../stores/profile.ts';
import { type CardFormat, modelCard } from './card/model-card.ts';
import { compareVersions, type VersionComparison } from './compare.ts';
import { findVersion } from './find-version.ts';
import { evaluateGates } from './gates.ts';
import { createRegistryLabels, type RegistryLabelService } from './labels.ts';
import { checkModelName } from './model-name.ts';
import { type Standing, standingAt } from './standing.ts';

export interface Promotion {
  readonly version: ModelVersion;
  /** Each gate's result; none where none applies. */
  readonly gates: readonly GateResult[];
  /** The version that was in production before, if the move replaced one. */
  readonly archived: ModelVersion | undefined;
}

export type NewRegistration = Pick<NewVersion, 'name' | 'framework'> & Partial<Omit<NewVersion, 'name' | 'framework'>>;

export interface Registry extends RegistryLabelService {
  /** The model's next version, in development. `any`: under a name too that no spec could refer to. SP106, API422, MD203 where an artifact's content is not in the store. */
  register(version: NewRegistration, who: string, options?: { readonly any?: boolean }): Promise<ModelVersion>;
  /** Into production through the model's gates: MD202 with all results in `data.gates` when one refuses. MD201, MD206. */
  promote(
    request: { readonly versionId: string; readonly to: Stage; readonly reason?: string | null },
    who: string,
  ): Promise<Promotion>;
  /** Puts the version that was in production before back, past the gates it once passed. MD201, MD206 where there was none. */
  rollback(model: string, who: string, reason?: string | null): Promise<Promotion>;
  /** Every move of the model, newest first. MD201 where there is no such model. */
  history(model: string): Promise<readonly StageMove[]>;
  /** What was in production then; undefined where nothing was. MD201 where there is no such model. */
  productionAt(model: string, at: Date): Promise<ModelVersion | undefined>;
  /** What people write: `3`, `v3`, `latest`, a stage, or an alias. MD201. */
  find(model: string, written: string): Promise<ModelVersion>;
  /** How the model stood then, also what was deleted since. MD201 where there is no such model. */
  standingAt(model: string, at: Date): Promise<Standing>;
  /** MD201. */
  compare(model: string, from: number, to: number): Promise<VersionComparison>;
  /** All that is known of a version, for people. */
  card(version: ModelVersion, format: CardFormat): Promise<string>;
  /** By number, or by id. MD201. */
  version(model: string, version: number): Promise<ModelVersion>;
  versionById(id: string): Promise<ModelVersion>;
  atStage(model: string, stage: Stage): Promise<ModelVersion | undefined>;
  search(
    filter: VersionFilter,
  ): Promise<{ readonly items: readonly ModelVersion[]; readonly nextCursor: string | null }>;
  models(): Promise<readonly { readonly name: string; readonly versions: number; readonly latest: number }[]>;
}

export interface RegistryDependencies {
  readonly store: RegistryStore;
  readonly catalog: Catalog;
  readonly artifacts: ArtifactStore;
  /** Removes contents of artifacts. Default: they stay. */
  readonly forget?: (digests: readonly string[]) => Promise<void>;
  /** Statistics of a training set by its digest, for cards. Default: none are known. */
  readonly statistics?: (digest: string) => Promise<TableProfile | undefined>;
}

export function createRegistry({ store, catalog, artifacts, forget, statistics }: RegistryDependencies): Registry {
  const register: Registry['register'] = async (given, who, options) => {
    const version: NewVersion = {
      metrics: {},
      hyperparameters: {},
      artifacts: [],
      tags: {},
      lineage: {},
      signature: null,
      description: null,
      idempotencyKey: null,
      ...given,
    };
    checkModelName(version.name, options);
    checkMetrics(version.metrics);
    return store.addVersion({ ...version, artifacts: await checkArtifacts(version, artifacts) }, who);
  };

  const promote: Registry['promote'] = async ({ versionId, to, reason = null }, who) => {
    const version = await versionById(versionId);
    if (to === 'production') await checkArtifacts(version, artifacts);
    const staging = to === 'production' ? await store.atStage(version.name, 'staging') : undefined;
    return store.move(versionId, to, { who, reason }, (current, production) => {
      if (to === 'development') {
        throw new MlopsError('MD206', {
          detail: `Version ${current.version} of ${current.name} is in ${current.stage}; a version is in development only until it first moves.`,
          hint: 'archive it instead',
          status: 409,
        });
      }
      if (to !== 'production') return [];
      const gates = catalog.get('model', current.name)?.spec.gates ?? [];
      const results = evaluateGates(gates, current, { production, staging });
      refuseFailed(current, results);
      return results;
    });
  };

  const rollback: Registry['rollback'] = async (model, who, reason = null) => {
    const moves = await history(model);
    const number = rollbackTarget(moves.filter(({ deleted }) => !deleted));
    if (number === undefined) {
      throw new MlopsError('MD206', {
        detail: `No other version of ${model} was in production before.`,
        hint: `promote a version by hand: mlops models promote ${model} VERSION`,
        status: 409,
      });
    }
    const target = await version(model, number);
    const from = await store.atStage(model, 'production');
    const why = reason ?? (from === undefined ? 'rollback' : `rollback from version ${from.version}`);
    await checkArtifacts(target, artifacts);
    return store.move(target.id, 'production', { who, reason: why }, (_, production) => {
      if (production?.id !== from?.id) {
        const now = production === undefined ? 'none is' : `version ${production.version} is`;
        throw new MlopsError('MD206', {
          detail: `Production of ${model} moved meanwhile: ${now} there now.`,
          status: 409,
          retryable: true,
        });
      }
      return [];
    });
  };

  const history: Registry['history'] = async (model) => {
    const moves = await store.history(model);
    if (moves.length === 0) throw await unknownModel(model);
    return moves;
  };

  const version: Registry['version'] = async (model, number) => {
    const found = await store.version(model, number);
    if (found !== undefined) return found;
    const known = (await store.models()).find(({ name }) => name === model);
    if (known === undefined) throw await unknownModel(model);
    throw new MlopsError('MD201', {
      detail: `Model ${model} has no version ${number}.`,
      hint: `it has versions 1 to ${known.latest}`,
      status: 404,
    });
  };

  const versionById: Registry['versionById'] = async (id) => {
    const found = await store.versionById(id);
    if (found === undefined)
      throw new MlopsError('MD201', { detail: `No model version has the id "${id}".`, status: 404 });
    return found;
  };

  const unknownModel = async (model: string): Promise<MlopsError> => {
    const names = (await store.models()).map(({ name }) => name);
    return new MlopsError('MD201', {
      detail: `No version of a model "${model}" is registered.`,
      hint: didYouMean(model, names),
      status: 404,
    });
  };

  return {
    ...createRegistryLabels(store, forget ?? (async () => {}), unknownModel),
    register,
    promote,
    rollback,
    history,
    standingAt: async (model, at) => {
      const [moves, changes] = await Promise.all([store.history(model), store.changes(model)]);
      if (moves.length + changes.length === 0) throw await unknownModel(model);
      return standingAt(moves, changes, at);
    },
    card: (of, format) => modelCard({ store, catalog, statistics: statistics ?? (async () => undefined) }, of, format),
    find: (model, written) => findVersion({ store, version, unknownModel }, model, written),
    compare: async (model, from, to) => compareVersions(await version(model, from), await version(model, to)),
    version,
    versionById,
    productionAt: async (model, at) => {
      const found = await store.productionAt(model, at);
      if (found === undefined) await history(model);
      return found;
    },
    atStage: (model, stage) => store.atStage(model, stage),
    search: (filter) => store.search(filter),
    models: () => store.models(),
  };
}

function refuseFailed(version: ModelVersion, results: readonly GateResult[]): void {
  const failed = results.filter(({ passed }) => !passed);
  if (failed.length === 0) return;
  const unmeasured = failed.some(({ observed }) => observed === null);
  throw new MlopsError('MD202', {
    detail: `Version ${version.version} of ${version.name} does not enter production: ${failed.map(({ detail }) => detail).join('; ')}.`,
    hint: unmeasured ? 'measure it with a model_evaluation task, or register the version with the metric' : undefined,
    address: `model.${version.name}`,
    status: 409,
    data: { model: version.name, version: version.version, gates: results.map((result) => ({ ...result })) },
  });
}

function checkMetrics(metrics: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (Number.isFinite(value)) continue;
    throw new MlopsError('API422', {
      detail: `The metric "${name}" is ${value}, which is no number to compare by.`,
      status: 422,
    });
  }
}

/** The artifacts, with the size of each whose content the store holds. */
async function checkArtifacts(
  version: Pick<NewVersion, 'name' | 'artifacts'>,
  store: ArtifactStore,
): Promise<readonly VersionArtifact[]> {
  const checked: VersionArtifact[] = [];
  for (const artifact of version.artifacts) {
    const { path, digest } = artifact;
    const stored = digest === null ? undefined : await store.has(digest);
    if (digest !== null && stored === undefined) {
      throw new MlopsError('MD203', {
        detail: `The content of ${path} of model ${version.name} (SHA-256 ${digest}) is not in the artifact store.`,
        status: 422,
      });
    }
    checked.push(stored === undefined ? artifact : { ...artifact, bytes: stored.bytes });
  }
  return checked;
}
