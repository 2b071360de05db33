/**
 * The model registry in Postgres. Whatever changes a model first takes the lock of its row in mlops.models; numbers of versions
 * come from that row, so that a registration that fails leaves no gap.
 */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { VersionStatus } from '../control/feature-state.ts';
import { learnedVersions } from '../control/learned-versions.ts';
import type { GateResult, ModelVersion, RegistryStore, StageMove } from '../control/registry.ts';
import type { Database, Queryable } from './database.ts';
import { postgresRegistryLabels, REGISTRY_CHANNEL } from './postgres-registry-labels.ts';
import { findVersions, searchVersions, type VersionQuery } from './registry-search.ts';
import { UUID } from './run-cursor.ts';
import { sqlFile } from './sql-file.ts';

export function postgresRegistry(db: Database, scopeId: number): RegistryStore {
  const one = async (query: Queryable, by: VersionQuery): Promise<ModelVersion | undefined> =>
    (await findVersions(query, scopeId, by))[0];
  const lockModel = (tx: Queryable, name: string) => tx.query(sqlFile('registry-lock-model'), [scopeId, name]);
  const audit = (tx: Queryable, who: string, action: string, subject: string, detail: JsonObject) =>
    tx.query('insert into mlops.audit_log (scope_id, who, action, subject, detail) values ($1, $2, $3, $4, $5)', [
      scopeId,
      who,
      action,
      subject,
      JSON.stringify(detail),
    ]);

  const addVersion: RegistryStore['addVersion'] = (version, who) =>
    db.transaction(async (tx) => {
      await lockModel(tx, version.name);
      if (version.idempotencyKey !== null) {
        const [made] = await tx.query<{ id: string }>(
          "select version_id as id from mlops.model_versions where scope_id = $1 and model = mlops.current_name($1, 'model', $2) and idempotency_key = $3",
          [scopeId, version.name, version.idempotencyKey],
        );
        const found = made && (await one(tx, { id: made.id }));
        if (found !== undefined) return found;
      }
      const [added] = await tx.query<{ id: string }>(sqlFile('registry-add-version'), [
        scopeId,
        version.name,
        version.framework,
        JSON.stringify(version.metrics),
        JSON.stringify(version.hyperparameters),
        JSON.stringify(version.artifacts),
        JSON.stringify(version.tags),
        JSON.stringify(version.lineage),
        version.signature === null ? null : JSON.stringify(version.signature),
        version.description,
        version.idempotencyKey,
        who,
        version.runId ?? null,
        version.source ?? null,
        version.flavour == null ? null : JSON.stringify(version.flavour),
      ]);
      const made = (await one(tx, { id: added!.id }))!;
      await audit(tx, who, 'model.register', `model.${version.name}`, { version: made.version, id: made.id });
      return made;
    });

  const addArtifact: RegistryStore['addArtifact'] = (id, { path, digest, bytes }, who) =>
    db.transaction(async (tx) => {
      const named = UUID.test(id) ? await one(tx, { id }) : undefined;
      if (named === undefined)
        throw new MlopsError('MD201', { detail: `No model version has the id "${id}".`, status: 404 });
      await lockModel(tx, named.name);
      const { name, version, stage, artifacts } = (await one(tx, { id }))!;
      const declared = artifacts.find((artifact) => artifact.path === path);
      if (declared?.digest === digest) return declared;
      if (declared?.digest != null || (declared === undefined && stage !== 'development')) {
        throw new MlopsError('API409', {
          detail:
            declared === undefined
              ? `Version ${version} of ${name} has left development: nothing is added to it.`
              : `Version ${version} of ${name} has other content at ${path}: a version never changes.`,
          hint: 'register a new version',
        });
      }
      const artifact = { path, digest, bytes, uri: declared?.uri ?? null };
      const next =
        declared === undefined ? [...artifacts, artifact] : artifacts.map((one) => (one === declared ? artifact : one));
      await tx.query('update mlops.model_versions set artifacts = $3 where scope_id = $1 and version_id = $2', [
        scopeId,
        id,
        JSON.stringify(next),
      ]);
      await audit(tx, who, 'model.artifact', `model.${name}`, { version, id, path, digest });
      return artifact;
    });

  const move: RegistryStore['move'] = (id, to, { who, reason }, guard) =>
    db.transaction(async (tx) => {
      const named = UUID.test(id) ? await one(tx, { id }) : undefined;
      if (named === undefined)
        throw new MlopsError('MD201', { detail: `No model version has the id "${id}".`, status: 404 });
      await lockModel(tx, named.name);
      const version = (await one(tx, { id }))!;
      if (version.stage === to) {
        const [last] = await tx.query<{ gates: readonly GateResult[] }>(
          'select gates from mlops.stage_moves where scope_id = $1 and version_id = $2 and to_stage = $3 order by move_id desc limit 1',
          [scopeId, id, to],
        );
        return { version, archived: undefined, gates: last?.gates ?? [] };
      }
      const production = await one(tx, { name: version.name, stage: 'production' });
      const gates = guard(version, production);
      if (to === 'production' || to === 'staging') await holdWhatItReads(tx, scopeId, version);
      const [time] = await tx.query<{ at: Date }>(sqlFile('registry-move-time'), [scopeId, version.name]);
      const set = async (
        of: string,
        stage: string,
        why: string | null,
        results: readonly GateResult[],
      ): Promise<ModelVersion> => {
        await tx.query(sqlFile('registry-set-stage'), [
          scopeId,
          of,
          stage,
          who,
          why,
          JSON.stringify(results),
          time!.at,
        ]);
        return (await one(tx, { id: of }))!;
      };
      const archived =
        to === 'production' && production !== undefined
          ? await set(production.id, 'archived', `replaced by version ${version.version}`, [])
          : undefined;
      const moved = await set(id, to, reason, gates);
      await audit(tx, who, to === 'archived' ? 'model.archive' : 'model.promote', `model.${version.name}`, {
        version: version.version,
        id,
        from: version.stage,
        to,
        reason,
        archived: archived?.version ?? null,
      });
      await tx.query('select pg_notify($1, $2)', [REGISTRY_CHANNEL, String(scopeId)]);
      return { version: moved, archived, gates };
    });

  return {
    ...postgresRegistryLabels(db, scopeId),
    addVersion,
    addArtifact,
    move,
    versionById: async (id) => (UUID.test(id) ? one(db, { id }) : undefined),
    version: (name, version) => one(db, { name, version }),
    atStage: (name, stage) => one(db, { name, stage }),
    search: (filter) => searchVersions(db, scopeId, filter),
    models: () =>
      db.query<{ name: string; versions: number; latest: number }>(
        `select model as name, count(*)::integer as versions, max(version) as latest from mlops.model_versions
         where scope_id = $1 and deleted_at is null group by model order by model`,
        [scopeId],
      ),
    history: (name) =>
      db.query<StageMove & Record<string, unknown>>(
        `select m.model, m.version, m.from_stage as "from", m.to_stage as "to", m.at, m.who, m.reason, m.gates, v.deleted_at is not null as deleted
         from mlops.stage_moves m join mlops.model_versions v using (version_id)
         where v.scope_id = $1 and v.model = mlops.current_name($1, 'model', $2)
         order by m.move_id desc`,
        [scopeId, name],
      ),
    productionAt: async (name, at) => {
      const [row] = await db.query<{ version_id: string }>(sqlFile('registry-production-at'), [scopeId, name, at]);
      return row && one(db, { id: row.version_id, deleted: true });
    },
    onMove: (listener) =>
      db.listen(REGISTRY_CHANNEL, (payload) => {
        if (payload === '' || payload === String(scopeId)) listener();
      }),
  };
}

/**
 * The versions of feature sets that it learned from are there, and stay until this transaction ends: a retirement waits for the
 * rows. MD207 where one is not.
 */
async function holdWhatItReads(tx: Queryable, scopeId: number, version: ModelVersion): Promise<void> {
  const learned = learnedVersions(version.lineage);
  if (learned.size === 0) return;
  const held = await tx.query<{ set: string; version: number; status: VersionStatus; feature_set: string }>(
    `select r.key as set, v.version, v.status, v.feature_set
       from mlops.feature_set_versions v
       join json_each_text($2::json) r on v.feature_set = mlops.current_name($1, 'feature_set', r.key) and v.version = r.value::integer
      where v.scope_id = $1 order by v.feature_set, v.version for share of v`,
    [scopeId, JSON.stringify(Object.fromEntries(learned))],
  );
  for (const [set, number] of learned) {
    const found = held.find((one) => one.set === set);
    if (found?.status === 'serving') continue;
    const named = `${found?.feature_set ?? set}@${number}`;
    const there = found !== undefined && found.status !== 'dropped';
    throw new MlopsError('MD207', {
      address: `model.${version.name}`,
      detail: `Version ${version.version} of ${version.name} learned from ${named}, which ${
        there ? (found.status === 'retired' ? 'was retired' : 'is not filled yet') : 'is not there'
      }: it cannot be asked with what it learned from.`,
      hint: there
        ? `fill it first: mlops features materialize ${found.feature_set} --version ${number}`
        : 'train a version on what there is now',
      status: 409,
      data: { featureSet: found?.feature_set ?? set, version: number, status: found?.status ?? null },
    });
  }
}
