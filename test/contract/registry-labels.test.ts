/** What every RegistryStore promises of what may change: labels, aliases, deletion, and the history of it all. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RegistryStore } from '../../src/stores/control/registry.ts';
import { aliasProblem } from '../../src/stores/control/registry-labels.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { postgresBackend } from '../support/contract-database.ts';
import { freshScope, newVersion } from '../support/models.ts';

const postgres = postgresBackend((db, scopeId) => ({
  registry: postgresRegistry(db, scopeId) as RegistryStore,
  /** Records a resource as an apply does, as far as references go. */
  record: (address: string, spec: object, managedBy = 'apply') =>
    db.query(
      `insert into mlops.resources (scope_id, address, kind, name, spec, digest, depends_on, protect, managed_by, status)
       values ($1, $2, split_part($2, '.', 1), split_part($2, '.', 2), $3, '', '{}', false, $4, 'ready')`,
      [scopeId, address, JSON.stringify(spec), managedBy],
    ),
}));

describe.each([postgres])('labels of the registry on $name', (backend) => {
  let registry: RegistryStore;
  let record: Awaited<ReturnType<typeof postgres.store>>['record'];
  beforeAll(() => backend.open());
  afterAll(() => backend.close());
  beforeEach(async () => {
    ({ registry, record } = await backend.store());
  });
  const add = (change: Parameters<typeof newVersion>[0] = {}) => registry.addVersion(newVersion(change), 'ada');
  const changes = async (model = 'risk') =>
    (await registry.changes(model)).map(({ version, change, key, before, after, who }) =>
      [who, change, version, key, before, after].map((one) => one ?? '-').join(' '),
    );

  it('makes a model before it has versions, once, and numbers begin at 1', async () => {
    const made = await registry.createModel('risk', { description: 'who dies', tags: { team: 'liver' } }, 'ada');
    expect(made).toMatchObject({
      name: 'risk',
      description: 'who dies',
      tags: { team: 'liver' },
      aliases: {},
      versions: 0,
      latest: 0,
    });
    await expect(registry.createModel('risk', {}, 'bob')).rejects.toMatchObject({ code: 'API409' });
    expect(await registry.model('risk')).toEqual(made);
    expect(await registry.models()).toEqual([]);
    expect((await add()).version).toBe(1);
    expect(await registry.model('risk')).toMatchObject({ versions: 1, latest: 1 });
    expect(await registry.model('other')).toBeUndefined();
    expect(await changes()).toEqual(['ada describe - - - who dies', 'ada tag - team - liver', 'ada create - - - -']);
  });

  it('keeps source, run and flavour of a version, and finds it by them', async () => {
    const flavour = { version: '1.4.2', python: '3.11.4', requirements: ['scikit-learn==1.4.2'] };
    const version = await add({ runId: 'r1', source: 's3://bucket/model', flavour });
    expect((await registry.versionById(version.id))?.flavour).toEqual(flavour);
    await add({ runId: 'r2' });
    expect(version).toMatchObject({ runId: 'r1', source: 's3://bucket/model', aliases: [] });
    const found = async (on: 'runId' | 'source', op: '=' | '!=' | 'in' | 'like', value: string | string[]) =>
      (await registry.search({ conditions: [{ on, op, value }], limit: 10 })).items.map((one) => one.version);
    expect(await found('runId', '=', 'r1')).toEqual([1]);
    expect(await found('runId', 'in', ['r1', 'r2', 'r3'])).toEqual([2, 1]);
    expect(await found('source', '=', 's3://bucket/model')).toEqual([1]);
    expect(await found('source', 'like', 's3://%')).toEqual([1]);
    // What a version does not have meets no condition.
    expect(await found('source', '!=', 'x')).toEqual([1]);
  });

  it('changes tags and description of a version, tells what changed, and leaves no trace where nothing did', async () => {
    const { id, updatedAt } = await add({ tags: { team: 'liver', old: 'x' }, description: 'first' });
    const edited = await registry.labelVersion(
      id,
      { tags: { team: 'heart', old: null, new: '' }, description: null },
      'bob',
    );
    expect(edited).toMatchObject({ tags: { team: 'heart', new: '' }, description: null });
    expect(edited.updatedAt.getTime()).toBeGreaterThanOrEqual(updatedAt.getTime());
    await registry.labelVersion(id, { tags: { team: 'heart', never: null }, description: null }, 'eve');
    expect((await changes()).sort()).toEqual([
      'bob describe 1 - first -',
      'bob tag 1 new - ',
      'bob tag 1 team liver heart',
      'bob untag 1 old x -',
    ]);
    const byTag = async (key: string, value: string) =>
      (await registry.search({ tags: { [key]: value }, limit: 10 })).items.length;
    expect([
      await byTag('team', 'heart'),
      await byTag('team', 'liver'),
      await byTag('old', 'x'),
      await byTag('new', ''),
    ]).toEqual([1, 0, 0, 1]);
    await expect(registry.labelVersion(randomUUID(), {}, 'bob')).rejects.toMatchObject({ code: 'MD201' });
  });

  it('gives an alias to one version at a time and tells the version of it', async () => {
    const [first, second] = [await add(), await add()];
    expect(await registry.setAlias('risk', 'champion', 1, 'ada')).toMatchObject({ aliases: { champion: 1 } });
    await registry.setAlias('risk', 'challenger', 2, 'ada');
    expect(await registry.setAlias('risk', 'champion', 2, 'bob')).toMatchObject({
      aliases: { champion: 2, challenger: 2 },
    });
    expect(await registry.atAlias('risk', 'champion')).toMatchObject({
      id: second.id,
      aliases: ['challenger', 'champion'],
    });
    expect(await registry.versionById(first.id)).toMatchObject({ aliases: [] });
    expect(await registry.removeAlias('risk', 'champion', 'eve')).toMatchObject({ aliases: { challenger: 2 } });
    await registry.removeAlias('risk', 'champion', 'eve');
    expect(await registry.atAlias('risk', 'champion')).toBeUndefined();
    expect(await changes()).toEqual([
      'eve unalias 2 champion 2 -',
      'bob alias 2 champion 1 2',
      'ada alias 2 challenger - 2',
      'ada alias 1 champion - 1',
    ]);
    await expect(registry.setAlias('risk', 'champion', 3, 'ada')).rejects.toMatchObject({ code: 'MD201' });
    await expect(registry.setAlias('other', 'champion', 1, 'ada')).rejects.toMatchObject({ code: 'MD201' });
  });

  it.each(['latest', 'Latest', 'v1', 'V27', '', 'a b', 'a/b', 'é', 'x'.repeat(256), 'a\n'])(
    'refuses the alias %j',
    async (alias) => {
      await add();
      await expect(registry.setAlias('risk', alias, 1, 'ada')).rejects.toMatchObject({ code: 'MD209' });
    },
  );
  it.each(['champion', 'Prod_1-b', '1', 'version1', 'x'.repeat(255)])('takes the alias %j', (alias) =>
    expect(aliasProblem(alias)).toBeUndefined(),
  );

  it('sets one alias from many places at once, and each of them is in the history', async () => {
    for (let at = 0; at < 6; at += 1) await add();
    await Promise.all(Array.from({ length: 6 }, (_, at) => registry.setAlias('risk', 'champion', at + 1, 'ada')));
    const history = await registry.changes('risk');
    expect(history).toHaveLength(6);
    // Each begins where the one before ended.
    for (const [at, { before }] of history.entries()) expect(before).toBe(history[at + 1]?.after ?? null);
    expect(await registry.model('risk')).toMatchObject({ aliases: { champion: Number(history[0]!.after) } });
  });

  it('deletes a version that nothing refers to: it is not found, its number is not given again, its history stays', async () => {
    const [first, second] = [await add({ idempotencyKey: 'k', tags: { a: 'b' }, metrics: { auc: 1 } }), await add()];
    await registry.move(first.id, 'production', { who: 'ada', reason: null }, () => []);
    const { at } = (await registry.history('risk'))[0]!;
    await registry.move(second.id, 'production', { who: 'ada', reason: null }, () => []);
    await registry.deleteVersion(first.id, { who: 'bob', reason: 'wrong data' });
    expect(await registry.versionById(first.id)).toBeUndefined();
    expect(await registry.version('risk', 1)).toBeUndefined();
    expect((await registry.search({ limit: 10 })).items.map(({ version }) => version)).toEqual([2]);
    expect((await registry.search({ tags: { a: 'b' }, limit: 10 })).items).toEqual([]);
    expect((await registry.search({ metrics: [{ metric: 'auc', op: '>', value: 0 }], limit: 10 })).items).toEqual([]);
    expect(await registry.models()).toEqual([{ name: 'risk', versions: 1, latest: 2 }]);
    expect(await registry.productionAt('risk', at)).toMatchObject({ version: 1, metrics: { auc: 1 } });
    expect((await registry.history('risk')).filter(({ deleted }) => deleted).map(({ version }) => version)).toEqual([
      1, 1, 1,
    ]);
    expect((await registry.changes('risk'))[0]).toMatchObject({
      change: 'delete',
      version: 1,
      who: 'bob',
      reason: 'wrong data',
    });
    await expect(registry.deleteVersion(first.id, { who: 'bob' })).rejects.toMatchObject({ code: 'MD201' });
    // The same key makes another version now.
    expect((await add({ idempotencyKey: 'k' })).version).toBe(3);
  });

  it('refuses to delete what is served, named by an alias or named by a resource, and says who refers', async () => {
    const refused = async (version: number, withAliases = false) => {
      const { id } = (await registry.version('risk', version))!;
      const error = await registry.deleteVersion(id, { who: 'ada', withAliases }).then(
        () => undefined,
        (problem: { code: string; data: { references: { by: string; name: string }[] } }) => problem,
      );
      expect(error?.code).toBe('MD208');
      return error!.data.references.map(({ by, name }) => `${by} ${name}`);
    };
    for (let at = 0; at < 6; at += 1) await add();
    const move = async (version: number, to: 'production' | 'staging') =>
      registry.move((await registry.version('risk', version))!.id, to, { who: 'ada', reason: null }, () => []);
    await move(1, 'production');
    await move(2, 'staging');
    await registry.setAlias('risk', 'champion', 3, 'ada');
    await registry.setAlias('risk', 'plain', 3, 'ada');
    await record('endpoint.pinned', { name: 'pinned', variants: { a: { model: 'risk', version: 4 } } });
    await record('endpoint.blend', {
      name: 'blend',
      variants: { a: { ensemble: { members: { x: { model: 'risk', version: 3 } } } } },
    });
    await record('endpoint.newest', { name: 'newest', variants: { a: { model: 'risk', stage: 'development' } } });
    await record('endpoint.other', { name: 'other', variants: { a: { model: 'else', version: 5 } } });
    expect(await refused(1)).toEqual(['stage production']);
    expect(await refused(2)).toEqual(['stage staging']);
    expect(await refused(3)).toEqual(['alias champion', 'alias plain', 'resource endpoint.blend']);
    expect(await refused(3, true)).toEqual(['resource endpoint.blend']);
    expect(await refused(4)).toEqual(['resource endpoint.pinned']);
    expect(await refused(6)).toEqual(['resource endpoint.newest']);
    await registry.deleteVersion((await registry.version('risk', 5))!.id, { who: 'ada' });
    await expect(registry.deleteModel('risk', { who: 'ada' })).rejects.toMatchObject({ code: 'MD208' });
    expect((await registry.search({ limit: 10 })).items).toHaveLength(5);
  });

  it('deletes a model with its versions and aliases; made anew its numbers go on', async () => {
    await add();
    await add();
    await registry.labelModel('risk', { tags: { a: 'b' }, description: 'x' }, 'ada');
    await registry.setAlias('risk', 'champion', 1, 'ada');
    await expect(registry.deleteModel('risk', { who: 'ada' })).rejects.toMatchObject({ code: 'MD208' });
    await registry.deleteModel('risk', { who: 'ada', withAliases: true });
    expect(await registry.model('risk')).toBeUndefined();
    expect((await registry.searchModels({ limit: 10 })).items).toEqual([]);
    await expect(registry.labelModel('risk', { description: 'y' }, 'ada')).rejects.toMatchObject({ code: 'MD201' });
    expect((await add()).version).toBe(3);
    expect(await registry.model('risk')).toMatchObject({
      tags: {},
      description: null,
      aliases: {},
      versions: 1,
      latest: 3,
    });
    expect(await registry.changes('risk')).toHaveLength(7);
  });

  it('refuses to delete a model that specs declare', async () => {
    await add();
    await record('model.risk', { name: 'risk' });
    await expect(registry.deleteModel('risk', { who: 'ada' })).rejects.toMatchObject({
      code: 'MD208',
      data: { references: [{ by: 'resource', name: 'model.risk', version: null }] },
    });
  });

  it('finds models by name and tags, in an order, in pages', async () => {
    for (const [name, team] of [
      ['a1', 'x'],
      ['a2', 'y'],
      ['b1', 'x'],
      ['B2', null],
    ] as const)
      await registry.createModel(name, team === null ? {} : { tags: { team } }, 'ada');
    await registry.labelModel('a1', { description: 'newest' }, 'ada');
    const names = async (filter: Partial<Parameters<RegistryStore['searchModels']>[0]>) => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await registry.searchModels({ limit: 2, cursor, ...filter });
        seen.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return seen;
    };
    expect((await names({})).sort()).toEqual(['B2', 'a1', 'a2', 'b1']);
    expect(await names({ conditions: [{ on: 'name', op: 'like', value: 'a%' }] })).toEqual(['a1', 'a2']);
    expect(await names({ conditions: [{ on: 'name', op: 'ilike', value: 'b%' }] })).toHaveLength(2);
    expect(await names({ conditions: [{ on: 'tag', key: 'team', op: '=', value: 'x' }] })).toEqual(['a1', 'b1']);
    expect(await names({ conditions: [{ on: 'tag', key: 'team', op: '!=', value: 'x' }] })).toEqual(['a2']);
    expect((await names({ order: { by: 'updatedAt', ascending: false } }))[0]).toBe('a1');
    expect((await names({ order: { by: 'createdAt', ascending: true } }))[0]).toBe('a1');
    await expect(registry.searchModels({ limit: 2, cursor: 'x' })).rejects.toMatchObject({ code: 'API400' });
  });

  it('orders versions by what is asked, also in pages with ties', async () => {
    for (const [name, auc] of [
      ['a', 0.5],
      ['b', 0.9],
      ['a', 0.9],
      ['b', 0.1],
      ['a', null],
    ] as const)
      await add({ name, metrics: auc === null ? {} : { auc } });
    const listed = async (order: NonNullable<Parameters<RegistryStore['search']>[0]['order']>) => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await registry.search({ limit: 1, cursor, order });
        seen.push(...page.items.map(({ name, version }) => `${name}${version}`));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return seen.join(' ');
    };
    expect(await listed([{ by: 'metric', metric: 'auc', ascending: false }])).toBe('a2 b1 a1 b2');
    expect(
      await listed([
        { by: 'name', ascending: true },
        { by: 'version', ascending: false },
      ]),
    ).toBe('a3 a2 a1 b2 b1');
    expect(
      await listed([
        { by: 'version', ascending: true },
        { by: 'name', ascending: false },
      ]),
    ).toBe('b1 a1 b2 a2 a3');
    expect(await listed([{ by: 'createdAt', ascending: true }])).toBe('a1 b1 a2 b2 a3');
    await expect(
      registry.search({ limit: 1, cursor: 'e30', order: [{ by: 'name', ascending: true }] }),
    ).rejects.toMatchObject({ code: 'API400' });
  });

  it('finds the newest version of models at each stage', async () => {
    for (let at = 0; at < 3; at += 1) await add();
    await add({ name: 'other' });
    await registry.move((await registry.version('risk', 2))!.id, 'production', { who: 'ada', reason: null }, () => []);
    const found = await registry.newestAtStages(['risk', 'other', 'none']);
    expect(found.map(({ name, version, stage }) => `${name} ${version} ${stage}`).sort()).toEqual([
      'other 1 development',
      'risk 2 production',
      'risk 3 development',
    ]);
  });

  it('tells which contents no version has any more', async () => {
    const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
    const artifact = (digest: string) => ({ path: 'model.onnx', digest, bytes: 1, uri: null });
    const first = await add({ artifacts: [artifact(one), { ...artifact(two), path: 'b' }] });
    await add({ artifacts: [artifact(one)] });
    expect(await registry.unreferenced([one, two])).toEqual([]);
    await registry.deleteVersion(first.id, { who: 'ada' });
    expect(await registry.unreferenced([one, two])).toEqual([two]);
  });

  it('keeps scopes apart', async () => {
    const { id } = await add();
    await registry.setAlias('risk', 'champion', 1, 'ada');
    const { registry: other } = await backend.store();
    expect(await other.model('risk')).toBeUndefined();
    expect(await other.atAlias('risk', 'champion')).toBeUndefined();
    expect(await other.changes('risk')).toEqual([]);
    await expect(other.deleteVersion(id, { who: 'eve' })).rejects.toMatchObject({ code: 'MD201' });
  });

  it('tells who watches when an alias is set', async () => {
    await add();
    const heard = vi.fn();
    const stop = await registry.onMove(heard);
    await registry.setAlias('risk', 'champion', 1, 'ada');
    await vi.waitFor(() => expect(heard).toHaveBeenCalled());
    await stop();
  });
});

describe('the tables of labels', () => {
  beforeAll(() => postgres.open());
  afterAll(() => postgres.close());

  it('refuse to change what was appended, and let a version that was deleted not come back', async () => {
    const db = postgres.db();
    const registry = postgresRegistry(db, await freshScope(db));
    const { id } = await registry.addVersion(newVersion({ description: 'x' }), 'ada');
    await registry.labelVersion(id, { description: 'y' }, 'ada');
    await expect(db.query('update mlops.registry_changes set who = $1', ['eve'])).rejects.toThrow('append-only');
    await expect(db.query('delete from mlops.registry_changes')).rejects.toThrow('append-only');
    await registry.deleteVersion(id, { who: 'ada' });
    await expect(
      db.query('update mlops.model_versions set deleted_at = null where version_id = $1', [id]),
    ).rejects.toThrow('was deleted');
    await expect(
      db.query(`update mlops.model_versions set idempotency_key = 'k' where version_id = $1`, [id]),
    ).rejects.toThrow('cannot be changed');
  });

  it('leave one audit entry a change', async () => {
    const db = postgres.db();
    const scopeId = await freshScope(db);
    const registry = postgresRegistry(db, scopeId);
    const { id } = await registry.addVersion(newVersion(), 'ada');
    await registry.setAlias('risk', 'champion', 1, 'ada');
    await registry.labelVersion(id, { tags: { a: 'b' } }, 'bob');
    const entries = await db.query<{ who: string; action: string; subject: string }>(
      'select who, action, subject from mlops.audit_log where scope_id = $1 order by entry_id',
      [scopeId],
    );
    expect(entries.map(({ who, action, subject }) => `${who} ${action} ${subject}`)).toEqual([
      'ada model.register model.risk',
      'ada model.alias model.risk',
      'bob model.tag model.risk',
    ]);
  });
});
