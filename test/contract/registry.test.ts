/** What every RegistryStore promises. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ModelVersion, RegistryStore, Stage } from '../../src/stores/control/registry.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { postgresBackend } from '../support/contract-database.ts';
import { freshScope, newVersion } from '../support/models.ts';

const postgres = postgresBackend(postgresRegistry);

const by = { who: 'ada', reason: 'better' };
const open = () => [];

describe.each([postgres])('registry on $name', (backend) => {
  let registry: RegistryStore;
  beforeAll(() => backend.open());
  afterAll(() => backend.close());
  beforeEach(async () => {
    registry = await backend.store();
  });
  const add = (change: Parameters<typeof newVersion>[0] = {}) => registry.addVersion(newVersion(change), 'ada');
  const moveTo = (version: ModelVersion, to: Stage) => registry.move(version.id, to, by, open);

  it('counts versions from 1 and keeps what was registered as it was', async () => {
    const signature = {
      features: ['labs.z', 'labs.a'],
      inputs: [{ name: 'features', dtype: 'float32', shape: [-1, 2] }],
      outputs: [],
      label: 'died',
      task: 'binary_classification' as const,
    };
    const given = newVersion({
      metrics: { auc: 0.912_345_678_901_234 },
      hyperparameters: { trees: 150, nested: { b: 1, a: [null, true] } },
      artifacts: [{ path: 'model.onnx', digest: 'a'.repeat(64), bytes: 5, uri: null }],
      tags: { team: 'hepatology' },
      lineage: { run: { id: 'r1' } },
      signature,
      description: 'first',
    });
    const added = await registry.addVersion(given, 'ada');
    const { idempotencyKey: _, ...kept } = given;
    expect(added).toMatchObject({ ...kept, version: 1, stage: 'development', createdBy: 'ada' });
    expect(added.createdAt).toBeInstanceOf(Date);
    expect(await registry.versionById(added.id)).toEqual(added);
    expect(await registry.version('risk', 1)).toEqual(added);
    expect((await add()).version).toBe(2);
    expect((await add({ name: 'other' })).version).toBe(1);
  });

  it('answers undefined for what is not there', async () => {
    expect(await registry.versionById(randomUUID())).toBeUndefined();
    expect(await registry.versionById('not an id')).toBeUndefined();
    expect(await registry.version('risk', 1)).toBeUndefined();
    expect(await registry.atStage('risk', 'production')).toBeUndefined();
    expect(await registry.productionAt('risk', new Date())).toBeUndefined();
    expect(await registry.history('risk')).toEqual([]);
    expect(await registry.models()).toEqual([]);
  });

  it('numbers versions without gaps when many register at once', async () => {
    const versions = await Promise.all(Array.from({ length: 40 }, () => add()));
    expect(versions.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, at) => at + 1),
    );
  });

  it('leaves no gap where a registration fails', async () => {
    await add();
    const circular = newVersion({ lineage: {} });
    await expect(registry.addVersion({ ...circular, framework: null as unknown as string }, 'ada')).rejects.toThrow();
    expect((await add()).version).toBe(2);
  });

  it('registers once under one idempotency key, also when asked at once', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => add({ idempotencyKey: 'run-1/register' })));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect((await add({ idempotencyKey: 'run-2/register' })).version).toBe(2);
    expect((await add({ name: 'other', idempotencyKey: 'run-1/register' })).version).toBe(1);
  });

  it('archives the version in production when another enters, in one move', async () => {
    const [first, second] = [await add(), await add()];
    await moveTo(first, 'production');
    const { version, archived } = await moveTo(second, 'production');
    expect(version).toMatchObject({ version: 2, stage: 'production' });
    expect(archived).toMatchObject({ version: 1, stage: 'archived' });
    expect(await registry.atStage('risk', 'production')).toMatchObject({ version: 2 });
    expect((await registry.history('risk')).map(({ version: of, from, to }) => [of, from, to])).toEqual([
      [2, 'development', 'production'],
      [1, 'production', 'archived'],
      [1, 'development', 'production'],
      [2, null, 'development'],
      [1, null, 'development'],
    ]);
  });

  it('keeps one version in production when many promote at once', async () => {
    const versions = await Promise.all(Array.from({ length: 12 }, () => add()));
    await Promise.all(versions.map((version) => moveTo(version, 'production')));
    const { items } = await registry.search({ stage: 'production', limit: 100 });
    expect(items).toHaveLength(1);
    expect((await registry.search({ stage: 'archived', limit: 100 })).items).toHaveLength(11);
    const times = (await registry.history('risk')).map(({ at }) => at.getTime());
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });

  it('runs the guard under the model’s lock with the version in production, and undoes everything when it throws', async () => {
    const [first, second] = [await add({ metrics: { auc: 0.9 } }), await add()];
    await moveTo(first, 'production');
    const refuse = vi.fn(() => {
      throw new Error('no');
    });
    await expect(registry.move(second.id, 'production', by, refuse)).rejects.toThrow('no');
    expect(refuse).toHaveBeenCalledWith(
      expect.objectContaining({ version: 2 }),
      expect.objectContaining({ version: 1, metrics: { auc: 0.9 } }),
    );
    expect(await registry.atStage('risk', 'production')).toMatchObject({ version: 1 });
    expect(await registry.history('risk')).toHaveLength(3);
  });

  it('records gates, who and why with the move, and moving again changes nothing', async () => {
    const version = await add();
    const gate = { metric: 'auc', rule: 'min', observed: 0.9, required: 0.8, passed: true, detail: 'fine' };
    await registry.move(version.id, 'production', by, () => [gate]);
    const again = await registry.move(version.id, 'production', { who: 'bob', reason: null }, () => {
      throw new Error('not asked again');
    });
    expect(again).toMatchObject({ archived: undefined, gates: [gate] });
    const history = await registry.history('risk');
    expect(history).toHaveLength(2);
    expect(history[0]).toMatchObject({
      who: 'ada',
      reason: 'better',
      gates: [gate],
      from: 'development',
      to: 'production',
    });
  });

  it('refuses to move what is not there', async () => {
    await expect(registry.move(randomUUID(), 'staging', by, open)).rejects.toMatchObject({ code: 'MD201' });
    await expect(registry.move('x', 'staging', by, open)).rejects.toMatchObject({ code: 'MD201' });
  });

  it('tells what was in production at any time, to the millisecond that history answers', async () => {
    const [first, second] = [await add(), await add()];
    await moveTo(first, 'production');
    await vi.waitFor(async () =>
      expect(Date.now()).toBeGreaterThan((await registry.history('risk'))[0]!.at.getTime() + 5),
    );
    await moveTo(second, 'production');
    await vi.waitFor(async () =>
      expect(Date.now()).toBeGreaterThan((await registry.history('risk'))[0]!.at.getTime() + 5),
    );
    await moveTo(second, 'archived');
    const [gone, entered2, , entered1] = await registry.history('risk');
    expect(await registry.productionAt('risk', new Date(entered1!.at.getTime() - 1))).toBeUndefined();
    expect(await registry.productionAt('risk', entered1!.at)).toMatchObject({ version: 1 });
    expect(await registry.productionAt('risk', new Date(entered2!.at.getTime() - 1))).toMatchObject({ version: 1 });
    expect(await registry.productionAt('risk', entered2!.at)).toMatchObject({ version: 2 });
    expect(await registry.productionAt('risk', gone!.at)).toBeUndefined();
  });

  it('searches by name, stage, framework, tags and metrics, newest first, in pages', async () => {
    for (let at = 0; at < 7; at += 1) {
      await add({
        metrics: at % 2 === 0 ? { auc: at / 10 } : {},
        tags: { parity: at % 2 === 0 ? 'even' : 'odd', n: String(at) },
      });
    }
    await add({ name: 'other', framework: 'sklearn' });
    const versions = async (filter: Partial<Parameters<RegistryStore['search']>[0]>) =>
      (await registry.search({ limit: 100, ...filter })).items.map(({ name, version }) => `${name} ${version}`);
    expect(await versions({ framework: 'sklearn' })).toEqual(['other 1']);
    expect(await versions({ name: 'risk', tags: { parity: 'odd' } })).toEqual(['risk 6', 'risk 4', 'risk 2']);
    expect(
      await versions({
        metrics: [
          { metric: 'auc', op: '>=', value: 0.2 },
          { metric: 'auc', op: '<', value: 0.6 },
        ],
      }),
    ).toEqual(['risk 5', 'risk 3']);
    expect(await versions({ metrics: [{ metric: 'auc', op: '!=', value: 0 }] })).toEqual([
      'risk 7',
      'risk 5',
      'risk 3',
    ]);
    expect(await versions({ stage: 'production' })).toEqual([]);

    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await registry.search({ limit: 3, cursor });
      seen.push(...page.items.map(({ name, version }) => `${name} ${version}`));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(await versions({}));
    expect(seen).toHaveLength(8);
    await expect(registry.search({ limit: 3, cursor: "1' or 1=1" })).rejects.toMatchObject({ code: 'API400' });
  });

  it('lists models with how many versions they have', async () => {
    await add();
    await add();
    await add({ name: 'other' });
    expect(await registry.models()).toEqual([
      { name: 'other', versions: 1, latest: 1 },
      { name: 'risk', versions: 2, latest: 2 },
    ]);
  });

  it('keeps scopes apart', async () => {
    const version = await add();
    const other = await backend.store();
    expect(await other.versionById(version.id)).toBeUndefined();
    await expect(other.move(version.id, 'production', by, open)).rejects.toMatchObject({ code: 'MD201' });
    expect((await other.search({ limit: 10 })).items).toEqual([]);
  });

  it('tells who watches when a version moves, and stays quiet about other scopes', async () => {
    const heard = vi.fn();
    const stop = await registry.onMove(heard);
    const other = await backend.store();
    await other.move((await other.addVersion(newVersion(), 'ada')).id, 'staging', by, open);
    await moveTo(await add(), 'staging');
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1));
    await stop();
  });
});

describe('the registry’s tables', () => {
  beforeAll(() => postgres.open());
  afterAll(() => postgres.close());

  it('refuse to change a version or a move, whoever asks', async () => {
    const scopeId = await freshScope(postgres.db());
    const registry = postgresRegistry(postgres.db(), scopeId);
    const version = await registry.addVersion(newVersion({ metrics: { auc: 0.5 } }), 'ada');
    await registry.move(version.id, 'staging', by, open);
    await expect(
      postgres.db().query(`update mlops.model_versions set metrics = '{"auc": 1}' where version_id = $1`, [version.id]),
    ).rejects.toThrow('cannot be changed');
    await expect(postgres.db().query('update mlops.stage_moves set who = $1', ['eve'])).rejects.toThrow('append-only');
    await expect(postgres.db().query('delete from mlops.stage_moves')).rejects.toThrow('append-only');
  });

  it('leave one audit entry a registration and a move', async () => {
    const scopeId = await freshScope(postgres.db());
    const registry = postgresRegistry(postgres.db(), scopeId);
    const [first, second] = [
      await registry.addVersion(newVersion(), 'ada'),
      await registry.addVersion(newVersion(), 'ada'),
    ];
    await registry.move(first.id, 'production', by, open);
    await registry.move(second.id, 'production', { who: 'bob', reason: 'newer' }, open);
    await registry.move(second.id, 'production', by, open);
    const entries = await postgres
      .db()
      .query<{ who: string; action: string; subject: string; detail: unknown }>(
        'select who, action, subject, detail from mlops.audit_log where scope_id = $1 order by entry_id',
        [scopeId],
      );
    expect(entries.map(({ who, action }) => `${who} ${action}`)).toEqual([
      'ada model.register',
      'ada model.register',
      'ada model.promote',
      'bob model.promote',
    ]);
    expect(entries[3]).toMatchObject({
      subject: 'model.risk',
      detail: { version: 2, from: 'development', to: 'production', reason: 'newer', archived: 1 },
    });
  });
});
