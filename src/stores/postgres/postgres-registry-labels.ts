/**
 * Labels of the registry in Postgres: each change takes the model's lock, is made and appended to mlops.registry_changes and to the audit log
 * in one transaction. What is deleted keeps its row, so that its number is never given again and what it was is still known.
 */
import { MlopsError } from '../../lib/error.ts';
import type { ModelVersion } from '../control/registry.ts';
import {
  aliasProblem,
  type Deletion,
  type LabelEdit,
  type RegisteredModel,
  type RegistryChange,
  type RegistryLabels,
  type RegistryReference,
} from '../control/registry-labels.ts';
import type { Database, Queryable } from './database.ts';
import { searchModels } from './registry-models.ts';
import { findVersions } from './registry-search.ts';
import { UUID } from './run-cursor.ts';
import { sqlFile } from './sql-file.ts';

export const REGISTRY_CHANNEL = 'mlops_registry';

type ModelRow = RegisteredModel & { readonly id: string };

interface Change {
  readonly change: RegistryChange['change'];
  readonly version?: Pick<ModelVersion, 'id' | 'version'> | undefined;
  readonly key?: string;
  readonly before?: string | null;
  readonly after?: string | null;
  readonly reason?: string | null;
}

export function postgresRegistryLabels(db: Database, scopeId: number): RegistryLabels {
  const readModel = async (query: Queryable, name: string): Promise<ModelRow | undefined> =>
    (await query.query<ModelRow & Record<string, unknown>>(sqlFile('registry-model'), [scopeId, name]))[0];
  const lock = (tx: Queryable, name: string) =>
    tx.query("select from mlops.models where scope_id = $1 and name = mlops.current_name($1, 'model', $2) for update", [
      scopeId,
      name,
    ]);
  const lockedModel = async (tx: Queryable, name: string): Promise<ModelRow> => {
    await lock(tx, name);
    const model = await readModel(tx, name);
    if (model === undefined)
      throw new MlopsError('MD201', { detail: `No model "${name}" is registered.`, status: 404 });
    return model;
  };
  /** Under the lock of its model. */
  const lockedVersion = async (tx: Queryable, id: string): Promise<{ model: ModelRow; version: ModelVersion }> => {
    const find = async () => (UUID.test(id) ? (await findVersions(tx, scopeId, { id }))[0] : undefined);
    const named = await find();
    if (named !== undefined) await lock(tx, named.name);
    const version = named && (await find());
    const model = version && (await readModel(tx, version.name));
    if (version === undefined || model === undefined)
      throw new MlopsError('MD201', { detail: `No model version has the id "${id}".`, status: 404 });
    return { model, version };
  };

  /** Appends them, under the model's lock. */
  const append = async (tx: Queryable, model: ModelRow, who: string, changes: readonly Change[]): Promise<void> => {
    for (const { change, version, key = null, before = null, after = null, reason = null } of changes) {
      await tx.query(
        `insert into mlops.registry_changes (scope_id, model_id, model, version, version_id, change, key, before, after, who, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
        [
          scopeId,
          model.id,
          model.name,
          version?.version ?? null,
          version?.id ?? null,
          change,
          key,
          before,
          after,
          who,
          reason,
        ],
      );
      await tx.query(
        'insert into mlops.audit_log (scope_id, who, action, subject, detail) values ($1, $2, $3, $4, $5)',
        [
          scopeId,
          who,
          `model.${change}`,
          `model.${model.name}`,
          JSON.stringify({ version: version?.version ?? null, key, before, after, ...(reason !== null && { reason }) }),
        ],
      );
    }
    await tx.query(
      `update mlops.models set updated_at = greatest(updated_at, date_trunc('milliseconds', clock_timestamp())) where model_id = $1`,
      [model.id],
    );
    await tx.query('select pg_notify($1, $2)', [REGISTRY_CHANNEL, String(scopeId)]);
  };

  const createModel: RegistryLabels['createModel'] = (name, label, who) =>
    db.transaction(async (tx) => {
      const made = await tx.query(
        `insert into mlops.models (scope_id, name, created_at, updated_at)
         select $1, mlops.current_name($1, 'model', $2), at, at from date_trunc('milliseconds', clock_timestamp()) as at
         on conflict (scope_id, name) do update set deleted_at = null, created_at = excluded.created_at, updated_at = excluded.updated_at
         where models.deleted_at is not null
         returning 1 as made`,
        [scopeId, name],
      );
      if (made.length === 0)
        throw new MlopsError('API409', {
          detail: `There is a model ${name} already.`,
          hint: 'register a version of it',
        });
      const model = await lockedModel(tx, name);
      await append(tx, model, who, [{ change: 'create' }]);
      await applyToModel(tx, model, label, who);
      return plain((await readModel(tx, name))!);
    });

  const applyToModel = async (tx: Queryable, model: ModelRow, label: LabelEdit, who: string): Promise<void> => {
    const { changes, tags, description } = differences(model, label);
    if (changes.length === 0) return;
    await tx.query('update mlops.models set tags = $2, description = $3 where model_id = $1', [
      model.id,
      JSON.stringify(tags),
      description,
    ]);
    await append(tx, model, who, changes);
  };

  const labelModel: RegistryLabels['labelModel'] = (name, edit, who) =>
    db.transaction(async (tx) => {
      const model = await lockedModel(tx, name);
      await applyToModel(tx, model, edit, who);
      return plain((await readModel(tx, name))!);
    });

  const labelVersion: RegistryLabels['labelVersion'] = (id, edit, who) =>
    db.transaction(async (tx) => {
      const { model, version } = await lockedVersion(tx, id);
      const { changes, tags, description } = differences(version, edit);
      if (changes.length === 0) return version;
      await tx.query(
        `update mlops.model_versions
            set tags = $3, description = $4, updated_at = greatest(updated_at, date_trunc('milliseconds', clock_timestamp()))
          where scope_id = $1 and version_id = $2`,
        [scopeId, id, JSON.stringify(tags), description],
      );
      await append(
        tx,
        model,
        who,
        changes.map((change) => ({ ...change, version })),
      );
      return (await findVersions(tx, scopeId, { id }))[0]!;
    });

  const setAlias: RegistryLabels['setAlias'] = (name, alias, number, who) =>
    db.transaction(async (tx) => {
      const problem = aliasProblem(alias);
      if (problem !== undefined)
        throw new MlopsError('MD209', { detail: `"${alias}" is no alias: ${problem}.`, status: 422 });
      const model = await lockedModel(tx, name);
      const [version] = await findVersions(tx, scopeId, { name: model.name, version: number });
      if (version === undefined)
        throw new MlopsError('MD201', { detail: `Model ${model.name} has no version ${number}.`, status: 404 });
      const before = model.aliases[alias];
      if (before === number) return plain(model);
      await tx.query(
        `insert into mlops.model_aliases (scope_id, model, alias, version_id, set_by) values ($1, $2, $3, $4, $5)
         on conflict (scope_id, model, alias)
         do update set version_id = excluded.version_id, set_by = excluded.set_by, set_at = clock_timestamp()`,
        [scopeId, model.name, alias, version.id, who],
      );
      await append(tx, model, who, [
        {
          change: 'alias',
          version,
          key: alias,
          before: before === undefined ? null : String(before),
          after: String(number),
        },
      ]);
      return plain((await readModel(tx, name))!);
    });

  const dropAlias = async (tx: Queryable, model: ModelRow, alias: string, who: string): Promise<void> => {
    const number = model.aliases[alias];
    if (number === undefined) return;
    const [version] = await findVersions(tx, scopeId, { name: model.name, version: number });
    await tx.query('delete from mlops.model_aliases where scope_id = $1 and model = $2 and alias = $3', [
      scopeId,
      model.name,
      alias,
    ]);
    await append(tx, model, who, [{ change: 'unalias', version, key: alias, before: String(number) }]);
  };

  const removeAlias: RegistryLabels['removeAlias'] = (name, alias, who) =>
    db.transaction(async (tx) => {
      const model = await lockedModel(tx, name);
      await dropAlias(tx, model, alias, who);
      return plain((await readModel(tx, name))!);
    });

  const references = (tx: Queryable, model: ModelRow) =>
    tx.query<{ address: string; version: string | null; stage: string | null }>(sqlFile('registry-references'), [
      scopeId,
      model.name,
    ]);

  /** Marks it deleted, with its aliases. */
  const erase = async (tx: Queryable, model: ModelRow, version: ModelVersion, { who, reason = null }: Deletion) => {
    for (const alias of version.aliases) await dropAlias(tx, model, alias, who);
    await tx.query(
      `update mlops.model_versions set deleted_at = clock_timestamp(), idempotency_key = null where scope_id = $1 and version_id = $2`,
      [scopeId, version.id],
    );
    await append(tx, model, who, [{ change: 'delete', version, reason }]);
  };

  const refersTo = (
    version: ModelVersion,
    newest: ModelVersion | undefined,
    parts: Awaited<ReturnType<typeof references>>,
    withAliases: boolean,
  ): readonly RegistryReference[] => {
    const of = version.version;
    const named = parts.filter(
      (part) =>
        part.version === String(of) ||
        (part.stage === 'development' && version.stage === 'development' && newest?.id === version.id),
    );
    return [
      ...(version.stage === 'production' || version.stage === 'staging'
        ? [{ by: 'stage' as const, name: version.stage, version: of }]
        : []),
      ...(withAliases ? [] : version.aliases.map((name) => ({ by: 'alias' as const, name, version: of }))),
      ...[...new Set(named.map(({ address }) => address))].map((name) => ({
        by: 'resource' as const,
        name,
        version: of,
      })),
    ];
  };

  const deleteVersion: RegistryLabels['deleteVersion'] = (id, deletion) =>
    db.transaction(async (tx) => {
      const { model, version } = await lockedVersion(tx, id);
      const [newest] = await findVersions(tx, scopeId, { name: model.name, stage: 'development' });
      const found = refersTo(version, newest, await references(tx, model), deletion.withAliases ?? false);
      if (found.length > 0) throw stillReferred(`Version ${version.version} of ${model.name}`, found);
      await erase(tx, model, version, deletion);
      return version;
    });

  const deleteModel: RegistryLabels['deleteModel'] = (name, deletion) =>
    db.transaction(async (tx) => {
      const model = await lockedModel(tx, name);
      const parts = await references(tx, model);
      const versions = await findVersions(tx, scopeId, { name: model.name }, Number.MAX_SAFE_INTEGER);
      const found = [
        ...versions.flatMap((version) => refersTo(version, undefined, [], deletion.withAliases ?? false)),
        ...[...new Set(parts.map(({ address }) => address))].map((address) => ({
          by: 'resource' as const,
          name: address,
          version: null,
        })),
      ];
      if (found.length > 0) throw stillReferred(`Model ${model.name}`, found);
      for (const version of versions) await erase(tx, model, version, deletion);
      await append(tx, model, deletion.who, [{ change: 'delete', reason: deletion.reason ?? null }]);
      await tx.query(
        `update mlops.models set deleted_at = clock_timestamp(), description = null, tags = '{}' where model_id = $1`,
        [model.id],
      );
      return plain(model);
    });

  return {
    createModel,
    labelModel,
    labelVersion,
    setAlias,
    removeAlias,
    deleteVersion,
    deleteModel,
    model: async (name) => {
      const found = await readModel(db, name);
      return found && plain(found);
    },
    searchModels: (filter) => searchModels(db, scopeId, filter),
    newestAtStages: (models) => newestAtStages(db, scopeId, models),
    atAlias: async (name, alias) => {
      const [row] = await db.query<{ id: string }>(
        `select version_id as id from mlops.model_aliases
          where scope_id = $1 and model = mlops.current_name($1, 'model', $2) and alias = $3`,
        [scopeId, name, alias],
      );
      return row && (await findVersions(db, scopeId, { id: row.id }))[0];
    },
    changes: (name) =>
      db.query<RegistryChange & Record<string, unknown>>(
        `select model, version, change, key, before, after, at, who, reason from mlops.registry_changes
          where model_id = (select model_id from mlops.models where scope_id = $1 and name = mlops.current_name($1, 'model', $2))
          order by change_id desc`,
        [scopeId, name],
      ),
    unreferenced: async (digests) => {
      const rows = await db.query<{ digest: string }>(sqlFile('registry-unreferenced'), [digests]);
      return rows.map(({ digest }) => digest);
    },
  };
}

/** What an edit changes of what there is, and what there is then. */
function differences(
  is: { readonly tags: Readonly<Record<string, string>>; readonly description: string | null },
  edit: LabelEdit,
): { readonly changes: readonly Change[]; readonly tags: Record<string, string>; readonly description: string | null } {
  const tags = { ...is.tags };
  const changes: Change[] = [];
  for (const [key, after] of Object.entries(edit.tags ?? {})) {
    const before = tags[key] ?? null;
    if (before === after) continue;
    if (after === null) delete tags[key];
    else tags[key] = after;
    changes.push({ change: after === null ? 'untag' : 'tag', key, before, after });
  }
  const description = edit.description === undefined ? is.description : edit.description;
  if (description !== is.description) changes.push({ change: 'describe', before: is.description, after: description });
  return { changes, tags, description };
}

function stillReferred(what: string, references: readonly RegistryReference[]): MlopsError {
  const words = references.map(({ by, name, version }) => {
    const of = version === null ? '' : ` (version ${version})`;
    if (by === 'stage') return `it is in ${name}${of}`;
    return by === 'alias' ? `alias ${name} names it${of}` : `${name} refers to it${of}`;
  });
  return new MlopsError('MD208', {
    detail: `${what} is still referred to: ${words.join('; ')}.`,
    hint: 'archive it, take the aliases away, and change what refers to it first',
    status: 409,
    data: { references: references.map((reference) => ({ ...reference })) },
  });
}

async function newestAtStages(
  db: Database,
  scopeId: number,
  models: readonly string[],
): Promise<readonly ModelVersion[]> {
  const rows = await db.query<{ id: string }>(
    `select newest.version_id as id
       from (select distinct mlops.current_name($1, 'model', name) as name from unnest($2::text[]) as name) asked,
            unnest(array['development', 'staging', 'production', 'archived']) as at_stage,
            lateral (select v.version_id from mlops.model_versions v
                      where v.scope_id = $1 and v.model = asked.name and v.stage = at_stage and v.deleted_at is null
                      order by v.version desc limit 1) newest`,
    [scopeId, models],
  );
  return findVersions(db, scopeId, { ids: rows.map(({ id }) => id) }, rows.length);
}

function plain({ id: _, ...model }: ModelRow): RegisteredModel {
  return model;
}
