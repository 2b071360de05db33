import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MlopsError } from '../../src/lib/error.ts';
import { createRegistryOperators } from '../../src/registry/operators.ts';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import type { StageMove } from '../../src/stores/control/registry.ts';
import { rollbackTarget } from '../../src/stores/control/rollback-target.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../support/memory-artifacts.ts';
import { freshScope, memoryCatalog, servingSet } from '../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let db: Database;
let artifacts: MemoryArtifacts;
let registry: Registry;
let scopeId: number;
const catalog = memoryCatalog({
  model: [
    {
      name: 'risk',
      framework: 'onnx',
      gates: [
        { metric: 'auc', min: 0.8 },
        { metric: 'auc', atLeast: 'production' },
      ],
    },
  ],
});

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
  artifacts = await memoryArtifacts();
});
afterAll(async () => {
  await db.close();
  await database.drop();
  await artifacts.remove();
});
beforeEach(async () => {
  scopeId = await freshScope(db);
  registry = createRegistry({ store: postgresRegistry(db, scopeId), catalog, artifacts });
});

const add = (metrics: Record<string, number> = {}, name = 'risk') =>
  registry.register({ name, framework: 'onnx', metrics }, 'ada');
const produce = async (metrics: Record<string, number>) =>
  registry.promote({ versionId: (await add(metrics)).id, to: 'production' }, 'ada');

describe('registry', () => {
  it('refuses production by a gate, with every gate’s result, and changes nothing', async () => {
    await produce({ auc: 0.9 });
    const worse = await add({ auc: 0.85 });
    const refusal = registry.promote({ versionId: worse.id, to: 'production' }, 'ada');
    await expect(refusal).rejects.toMatchObject({ code: 'MD202', status: 409, address: 'model.risk' });
    const { data, detail } = (await refusal.catch((error: unknown) => error)) as MlopsError;
    expect(data?.['gates']).toMatchObject([
      { metric: 'auc', rule: 'min', passed: true },
      { metric: 'auc', rule: 'atLeast production', passed: false, observed: 0.85, required: 0.9 },
    ]);
    expect(detail).toContain('at least 0.9 of version 1 in production is required');
    expect(await registry.atStage('risk', 'production')).toMatchObject({ version: 1 });
    expect(await registry.versionById(worse.id)).toMatchObject({ stage: 'development' });
  });

  it('refuses an unmeasured version, saying how to measure it', async () => {
    const version = await add({});
    await expect(registry.promote({ versionId: version.id, to: 'production' }, 'ada')).rejects.toMatchObject({
      code: 'MD202',
      hint: expect.stringContaining('model_evaluation'),
    });
  });

  it('asks no gate on the way to staging, and none of a model that nobody applied', async () => {
    const weak = await add({ auc: 0.1 });
    expect((await registry.promote({ versionId: weak.id, to: 'staging' }, 'ada')).version.stage).toBe('staging');
    const other = await add({}, 'other');
    expect((await registry.promote({ versionId: other.id, to: 'production' }, 'ada')).version.stage).toBe('production');
  });

  it('never moves a version back to development', async () => {
    const { version } = await produce({ auc: 0.9 });
    await expect(registry.promote({ versionId: version.id, to: 'development' }, 'ada')).rejects.toMatchObject({
      code: 'MD206',
    });
  });

  it('rolls back to the version before, further each time, past gates it would not pass now', async () => {
    for (const auc of [0.81, 0.82, 0.83]) await produce({ auc });
    const first = await registry.rollback('risk', 'ada');
    expect(first.version).toMatchObject({ version: 2, stage: 'production' });
    expect(first.archived).toMatchObject({ version: 3, stage: 'archived' });
    expect((await registry.history('risk'))[0]).toMatchObject({
      version: 2,
      who: 'ada',
      reason: 'rollback from version 3',
    });
    expect((await registry.rollback('risk', 'ada')).version).toMatchObject({ version: 1 });
    await expect(registry.rollback('risk', 'ada')).rejects.toMatchObject({ code: 'MD206' });
  });

  it('refuses to roll back what does not exist, with what was meant', async () => {
    await add();
    await expect(registry.rollback('rysk', 'ada')).rejects.toMatchObject({
      code: 'MD201',
      hint: 'did you mean "risk"?',
    });
    await expect(registry.version('risk', 9)).rejects.toMatchObject({ code: 'MD201', hint: 'it has versions 1 to 1' });
  });

  it('refuses a version whose files are not stored, and production for one whose files are gone', async () => {
    const missing = { path: 'model.onnx', digest: 'b'.repeat(64), bytes: null, uri: null };
    await expect(
      registry.register({ name: 'risk', framework: 'onnx', artifacts: [missing] }, 'ada'),
    ).rejects.toMatchObject({ code: 'MD203' });
    const { digest, bytes } = await artifacts.put(Buffer.from('weights'));
    const version = await registry.register(
      { name: 'risk', framework: 'onnx', artifacts: [{ ...missing, digest }] },
      'ada',
    );
    expect(version.artifacts).toEqual([{ path: 'model.onnx', digest, bytes, uri: null }]);
  });

  it('refuses names and metrics that cannot be what was meant', async () => {
    await expect(registry.register({ name: 'Risk Model', framework: 'onnx' }, 'ada')).rejects.toMatchObject({
      code: 'SP106',
    });
    await expect(add({ auc: Number.NaN })).rejects.toMatchObject({ code: 'API422' });
  });

  it('registers and promotes as tasks of a run do: twice is once, with lineage', async () => {
    const operators = createRegistryOperators(registry, { node: 'v20' });
    const context = { runId: 'run-1', pipeline: 'weekly', task: 'register' };
    const { digest } = await artifacts.put(Buffer.from('onnx'));
    const trained = {
      artifact: digest,
      framework: 'onnx',
      trainer: 'gradient_boosting',
      hyperparameters: { trees: 150 },
      signature: {
        features: ['labs.a'],
        inputs: [],
        outputs: [],
        label: 'died',
        task: 'binary_classification' as const,
      },
      dataset: {
        digest: 'd',
        artifact: 'p',
        rows: 10,
        trainRows: 8,
        testRows: 2,
        service: 'inputs',
        spineDigest: 's',
        featureSetVersions: { labs: 1 },
        sources: { visits: 'x' },
      },
      extraArtifacts: [],
    };
    const request = { model: 'risk', trained, metrics: { auc: 0.9 }, codeDigest: null, gitCommit: 'abc' };
    const first = await operators.register(request, context);
    expect(await operators.register(request, context)).toEqual(first);
    await servingSet(db, scopeId, 'labs');
    const promotion = await operators.promote({ versionId: first.id, to: 'production', reason: 'weekly' }, context);
    expect(promotion).toMatchObject({ model: 'risk', version: 1, stage: 'production', archived: null });
    expect(promotion.gates).toHaveLength(2);
    expect(await operators.promote({ versionId: first.id, to: 'production', reason: 'weekly' }, context)).toEqual(
      promotion,
    );
    // Rolled away from by hand meanwhile: the run that is taken up again does not move it back.
    await produce({ auc: 0.9 });
    expect(await operators.promote({ versionId: first.id, to: 'production', reason: 'weekly' }, context)).toMatchObject(
      { version: 1, stage: 'archived', gates: promotion.gates },
    );
    expect(await registry.atStage('risk', 'production')).toMatchObject({ version: 2 });
    expect((await registry.version('risk', 1)).lineage).toMatchObject({
      run: { id: 'run-1', pipeline: 'weekly', task: 'register' },
      code: { digest: null, git_commit: 'abc' },
      dataset: { digest: 'd', feature_service: 'inputs', feature_set_versions: { labs: 1 }, sources: { visits: 'x' } },
      environment: { node: 'v20' },
    });
  });
});

describe('the target of a rollback', () => {
  // e.g. '1 2 3': versions entering production in that order; '-' : production is emptied
  const target = (sequence: string) => {
    const moves: StageMove[] = [];
    let current: number | undefined;
    const move = (version: number, from: StageMove['from'], to: StageMove['to']) =>
      moves.unshift({
        model: 'risk',
        version,
        from,
        to,
        at: new Date(0),
        who: 'ada',
        reason: null,
        gates: [],
        deleted: false,
      });
    for (const word of sequence.split(' ').filter(Boolean)) {
      if (current !== undefined) move(current, 'production', 'archived');
      current = word === '-' ? undefined : Number(word);
      if (current !== undefined) move(current, 'development', 'production');
    }
    return rollbackTarget(moves);
  };

  it.each([
    ['', undefined],
    ['1', undefined],
    ['1 2', 1],
    ['1 2 3', 2],
    ['1 2 3 2', 1],
    ['1 2 3 2 1', undefined],
    ['1 2 3 2 4', 2],
    ['1 2 3 1', 3],
    ['1 2 -', 2],
  ])('after %s it is %s', (sequence, expected) => {
    expect(target(sequence)).toBe(expected);
  });
});
