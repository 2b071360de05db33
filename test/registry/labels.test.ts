/** Labels, deletion, comparison and time travel as the service gives them, over Postgres and a folder of artifacts. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseFilter, parseOrder } from '../../src/api/routes/model-filter.ts';
import type { NewRegistration } from '../../src/registry/registry.ts';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import { createFilesystemArtifacts } from '../../src/stores/filesystem/filesystem-artifacts.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { freshScope, memoryCatalog } from '../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let database: FreshDatabase;
let db: Database;
let folder: TemporaryDirectory;
let artifacts: ReturnType<typeof createFilesystemArtifacts>;
let registry: Registry;
beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
  folder = await temporaryDirectory();
  artifacts = createFilesystemArtifacts({ directory: folder.path });
});
afterAll(async () => {
  await db.close();
  await database.drop();
  await folder.remove();
});
const open = async () =>
  createRegistry({
    store: postgresRegistry(db, await freshScope(db)),
    catalog: memoryCatalog(),
    artifacts,
    forget: (digests) => artifacts.remove(digests),
  });
beforeEach(async () => {
  registry = await open();
});
const add = (change: Partial<NewRegistration> = {}, to = registry) =>
  to.register({ name: 'risk', framework: 'onnx', ...change }, 'ada');
const stored = async (text: string) => {
  const { digest } = await artifacts.put(Buffer.from(text));
  return { path: 'model.onnx', digest, bytes: null, uri: null };
};

describe('a version is found by what people write', () => {
  it.each([
    ['1', 1],
    ['v2', 2],
    ['latest', 3],
    ['production', 1],
    ['staging', 2],
    ['champion', 2],
  ])('%s', async (written, version) => {
    const [first, second] = [await add(), await add(), await add()];
    await registry.promote({ versionId: first.id, to: 'production' }, 'ada');
    await registry.promote({ versionId: second.id, to: 'staging' }, 'ada');
    await registry.setAlias('risk', 'champion', 2, 'ada');
    expect(await registry.find('risk', written)).toMatchObject({ version });
  });

  it('or it is said what there is', async () => {
    await add();
    await registry.setAlias('risk', 'champion', 1, 'ada');
    await expect(registry.find('risk', 'challenger')).rejects.toMatchObject({
      code: 'MD201',
      hint: expect.stringContaining('champion'),
    });
    await expect(registry.find('risk', 'production')).rejects.toMatchObject({ code: 'MD201' });
    await expect(registry.find('risc', 'latest')).rejects.toMatchObject({
      code: 'MD201',
      hint: expect.stringContaining('risk'),
    });
  });
});

describe('deletion', () => {
  it('takes the contents that nothing has any more, and only where that is asked', async () => {
    const [shared, own, kept] = [await stored('shared'), await stored('own'), await stored('kept')];
    const first = await add({ artifacts: [shared, { ...own, path: 'own' }] });
    // In another environment of the same control store.
    await add({ artifacts: [shared] }, await open());
    const trained = await stored('a training set');
    const third = await add({ artifacts: [{ ...trained, path: 'data' }] });
    await db.query(
      `insert into mlops.training_sets (scope_id, digest, artifact, row_count, recipe, made_by) values ($1, 'd', $2, 1, '{}', 'ada')`,
      [await freshScope(db), trained.digest],
    );
    expect(await registry.deleteVersion(third.id, { who: 'ada', withArtifacts: true })).toMatchObject({ freed: [] });
    const second = await add({ artifacts: [kept] });
    expect(await registry.deleteVersion(first.id, { who: 'ada', withArtifacts: true })).toMatchObject({
      freed: [own.digest],
    });
    expect(await artifacts.has(own.digest)).toBeUndefined();
    expect(await artifacts.has(shared.digest)).toBeDefined();
    expect(await registry.deleteVersion(second.id, { who: 'ada' })).toMatchObject({ freed: [] });
    expect(await artifacts.has(kept.digest)).toBeDefined();
  });

  it('lets a rollback pass over what was deleted', async () => {
    for (let at = 0; at < 3; at += 1) await registry.promote({ versionId: (await add()).id, to: 'production' }, 'ada');
    await registry.deleteVersion((await registry.version('risk', 2)).id, { who: 'ada' });
    expect((await registry.rollback('risk', 'ada')).version.version).toBe(1);
  });
});

describe('history', () => {
  it('tells how a model stood at any time, also of what was moved and deleted since', async () => {
    const at: Date[] = [];
    const now = async () => {
      const [line] = await registry.timeline('risk');
      // Later than all that happened, and before all that comes.
      await expect.poll(() => Date.now()).toBeGreaterThan(line!.at.getTime() + 2);
      at.push(new Date());
      await expect.poll(() => Date.now()).toBeGreaterThan(at.at(-1)!.getTime() + 2);
    };
    const [first, second] = [await add(), await add()];
    await now();
    await registry.promote({ versionId: first.id, to: 'production' }, 'ada');
    await registry.promote({ versionId: second.id, to: 'staging' }, 'ada');
    await registry.setAlias('risk', 'champion', 1, 'ada');
    await now();
    await registry.promote({ versionId: second.id, to: 'production' }, 'ada');
    await registry.setAlias('risk', 'champion', 2, 'ada');
    await registry.deleteVersion(first.id, { who: 'ada' });
    await now();
    const standing = await Promise.all(at.map((time) => registry.standingAt('risk', time)));
    expect(standing).toEqual([
      { production: null, staging: [], aliases: {}, versions: 2 },
      { production: 1, staging: [2], aliases: { champion: 1 }, versions: 2 },
      { production: 2, staging: [], aliases: { champion: 2 }, versions: 1 },
    ]);
    const lines = await registry.timeline('risk');
    expect(lines.filter(({ kind }) => kind === 'move')).toHaveLength(6);
    expect(lines.filter(({ kind }) => kind === 'change')).toHaveLength(3);
    await expect(registry.timeline('other')).rejects.toMatchObject({ code: 'MD201' });
  });
});

describe('two versions side by side', () => {
  it('differ in metrics, parameters, data, features and lineage, and in nothing that they share', async () => {
    const signature = {
      features: ['labs.a', 'labs.b'],
      inputs: [],
      outputs: [],
      label: 'died',
      task: 'binary_classification' as const,
    };
    await add({
      metrics: { auc: 0.8, log_loss: 0.4, old: 1 },
      hyperparameters: { trees: 100, nested: { depth: 3, same: true } },
      lineage: { run: { id: 'r1' }, dataset: { rows: 10, feature_set_versions: { labs: 1 } } },
      signature,
    });
    await add({
      metrics: { auc: 0.9, log_loss: 0.5 },
      hyperparameters: { trees: 100, nested: { depth: 4, same: true } },
      lineage: { run: { id: 'r2' }, dataset: { rows: 10, feature_set_versions: { labs: 2 } } },
      signature: { ...signature, features: ['labs.b', 'labs.c'] },
    });
    const {
      metrics,
      hyperparameters,
      data,
      features,
      lineage,
      signature: signatures,
    } = await registry.compare('risk', 1, 2);
    expect(metrics.map(({ metric, better }) => [metric, better])).toEqual([
      ['auc', 'to'],
      ['log_loss', 'from'],
      ['old', null],
    ]);
    expect(metrics[0]!.difference).toBeCloseTo(0.1);
    expect(hyperparameters).toEqual([{ path: 'nested.depth', from: 3, to: 4 }]);
    expect(data).toEqual([{ path: 'feature_set_versions.labs', from: 1, to: 2 }]);
    expect(lineage).toEqual([{ path: 'run.id', from: 'r1', to: 'r2' }]);
    expect(features).toEqual({ added: ['labs.c'], removed: ['labs.a'], reordered: false });
    expect(signatures).toEqual([]);
  });
});

describe('the filter', () => {
  it('finds versions by every kind of condition', async () => {
    await add({ tags: { team: "O'Hara", note: 'and so on' }, metrics: { auc: 0.7 }, runId: 'r1', source: 's3://b/1' });
    await add({ framework: 'sklearn', tags: { team: 'heart' }, metrics: { auc: 0.9 }, runId: 'r2' });
    await add({ name: 'other', metrics: { auc: -1e-3 } });
    const found = async (filter: string, order = '') =>
      (await registry.search({ ...parseFilter(filter), order: parseOrder(order), limit: 10 })).items.map(
        ({ name, version }) => `${name}${version}`,
      );
    expect(await found("tags.team = 'O''Hara' and tags.note = 'and so on'")).toEqual(['risk1']);
    expect(await found('framework in (\'sklearn\', "xgboost") AND metrics.auc >= 0.9')).toEqual(['risk2']);
    expect(await found("run_id not in ('r1')")).toEqual(['risk2']);
    expect(await found("source like 's3://%'")).toEqual(['risk1']);
    expect(await found("name ilike 'OTH%' and version = 1")).toEqual(['other1']);
    expect(await found("tags.team != 'heart'")).toEqual(['risk1']);
    expect(await found('metrics.auc < 0.8', 'metrics.auc desc')).toEqual(['risk1', 'other1']);
    expect(await found('', 'name asc, version desc')).toEqual(['other1', 'risk2', 'risk1']);
  });

  it.each([
    "tags.team > 'x'",
    "metrics.auc like '1'",
    'metrics.auc = x',
    "stage = 'prod'",
    "name = 'a' or name = 'b'",
    "name in 'a'",
    'name in ()',
    'name',
  ])('refuses %s', (filter) => expect(() => parseFilter(filter)).toThrow(expect.objectContaining({ code: 'API400' })));
  it.each(['auc', 'metrics.auc up', 'name,,version', 'name; drop table x'])('refuses to order by %s', (order) =>
    expect(() => parseOrder(order)).toThrow(expect.objectContaining({ code: 'API400' })),
  );
});
