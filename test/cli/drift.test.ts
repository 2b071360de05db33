/** `plan --refresh-only` on real stores: what goes wrong with each is told, and what is told to do puts it right. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Drift } from '../../src/plan/plan.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { acquireEmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { emptyProject } from '../support/project.ts';
import { junitProblems, sarifProblems } from '../support/report-schemas.ts';

const project = emptyProject('drift');
const at = (...names: string[]): string => join(project.folder, ...names);
const CSV = `id,seen,x,died\n${Array.from({ length: 60 }, (_, n) => `${n},2024-01-${String((n % 28) + 1).padStart(2, '0')},${n % 7},${n % 2}`).join('\n')}\n`;

const CONFIG = `import { defineConfig, endpoint, entity, featureService, featureSet, model, pipeline, source, sql } from 'mlops';
const visits = source('visits', { file: 'visits.csv' });
const patient = entity('patient', { keys: { id: 'int64' } });
const labs = featureSet('labs', { entity: patient, source: visits, eventTime: 'seen', features: { x: { dtype: 'float64' } } });
const notes = featureSet('notes', { entity: patient, push: true, eventTime: 'seen', features: { mood: { dtype: 'string' } } });
const inputs = featureService('inputs', { features: [labs] });
const train = pipeline('train', {
  tasks: {
    ingest: { operator: 'data_ingestion', source: visits },
    materialize: { operator: 'feature_materialization', featureSets: [labs] },
    dataset: { operator: 'training_dataset', features: inputs, spine: sql\`select id, seen, died from visits\` },
    train: { operator: 'model_training', trainer: 'logistic_regression', label: 'died' },
    register: { operator: 'model_registration', model: 'risk' },
    promote: { operator: 'model_promotion', to: 'production' },
  },
});
const scripted = pipeline('scripted', { tasks: { go: { operator: 'command', command: 'node go.js' } } });
const risk = model('risk', { framework: 'onnx', inputs, pipeline: train });
const serve = endpoint('serve', { key: 'id', variants: { only: { model: risk, stage: 'production' } } });
export default defineConfig({ project: 'drift', resources: [visits, patient, labs, notes, inputs, train, scripted, risk, serve] });
`;

async function drift(): Promise<readonly Drift[]> {
  const { code, stdout, stderr } = await project.mlops(['plan', '--refresh-only', '--json']);
  expect([code, stderr]).toEqual([0, '']);
  const plan = JSON.parse(stdout);
  expect(plan).toMatchObject({ format: 'mlops.plan/1', mode: 'refresh', applyable: false, errored: false });
  return plan.drift;
}

async function mlops(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await project.mlops(args);
  expect(code, `mlops ${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout + stderr;
}

/** Runs the command that the fix begins with. */
async function fix({ fix: text }: Drift, ...more: string[]): Promise<string> {
  const command = /mlops ([a-z]+(?: (?:[a-z0-9_@-]+))*)/.exec(text ?? '')?.[1];
  if (command === undefined) throw new Error(`no command in: ${text}`);
  return mlops(...command.replace(/ (computes|fills|brings|takes|makes|says|with).*/, '').split(' '), ...more);
}

const only = async (): Promise<Drift> => {
  const [found, ...others] = await drift();
  expect(others).toEqual([]);
  if (found === undefined) throw new Error('no drift was found');
  return found;
};

const filesBelow = (folder: string): string[] =>
  existsSync(at(folder))
    ? readdirSync(at(folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
    : [];

beforeAll(async () => {
  writeFileSync(at('mlops.config.ts'), CONFIG);
  writeFileSync(at('visits.csv'), CSV);
  writeFileSync(at('go.js'), 'console.log(1)\n');
  await mlops('apply', '--yes');
  await mlops('run', 'train', '--follow');
}, 90_000);
afterAll(() => project.remove(), 60_000);

describe('a look at the stores', () => {
  it('finds nothing where nothing is wrong, changes no file and asks for nothing of the specs', async () => {
    const before = filesBelow('.mlops/offline').concat(filesBelow('.mlops/online'), filesBelow('.mlops/artifacts'));
    expect(await drift()).toEqual([]);
    renameSync(at('mlops.config.ts'), at('kept.ts'));
    // Recorded is what counts: specs with an error are no hindrance.
    writeFileSync(at('mlops.config.ts'), CONFIG.replace('entity: patient, push', "entity: 'nobody', push"));
    const { code, stdout } = await project.mlops(['plan', '--refresh-only', '--detailed-exitcode']);
    renameSync(at('kept.ts'), at('mlops.config.ts'));
    expect([code, stdout]).toEqual([
      0,
      'No drift: the stores of drift/dev are as recorded (9 recorded resources). Nothing was changed.\n',
    ]);
    expect(filesBelow('.mlops/offline').concat(filesBelow('.mlops/online'), filesBelow('.mlops/artifacts'))).toEqual(
      before,
    );
  });

  it('refuses what asks for changes', async () => {
    for (const flag of [['--out', 'x'], ['--destroy'], ['--target', 'entity.patient'], ['--fail-on', 'breaking']])
      expect(await project.mlops(['plan', '--refresh-only', ...flag])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`so ${flag[0]} does not go with it`),
      });
    expect(existsSync(at('x'))).toBe(false);
  });

  it('tells it in every format, and exits with 2 where that is asked', async () => {
    const csv = readFileSync(at('visits.csv'));
    rmSync(at('visits.csv'));
    const human = await project.mlops(['plan', '--refresh-only', '--detailed-exitcode']);
    expect([human.code, human.stdout]).toEqual([
      2,
      expect.stringContaining('error ST215 source.visits  File of a source cannot be read'),
    ]);
    expect(human.stdout).toContain('Drift: the stores of drift/dev are not as recorded: 1 error');
    const markdown = (await project.mlops(['plan', '--refresh-only', '--format', 'markdown'])).stdout;
    expect(markdown).toContain('<!-- mlops-plan drift/dev -->\n### Drift of `drift/dev`');
    expect(markdown).toContain('- **error ST215** `source.visits`');
    const sarif = (await project.mlops(['plan', '--refresh-only', '--format', 'sarif'])).stdout;
    expect(sarifProblems(JSON.parse(sarif))).toEqual([]);
    expect(sarif).toContain('"ruleId": "ST215"');
    const junit = (await project.mlops(['plan', '--refresh-only', '--format', 'junit'])).stdout;
    expect(await junitProblems(junit)).toEqual([]);
    expect(junit).toContain('<testsuites name="mlops plan drift/dev" tests="10" failures="1"');
    writeFileSync(at('visits.csv'), csv);
    expect(await drift()).toEqual([]);
  });

  it('parts that are missing, cut off or of other rows are computed again', async () => {
    const part = (): string => filesBelow('.mlops/offline/dev/sets/labs')[0] ?? '';
    const values = await mlops('features', 'get', 'labs', '--entity', 'id=5', '--json');
    rmSync(part());
    const missing = await only();
    expect(missing).toMatchObject({ address: 'feature_set.labs', code: 'ST207', severity: 'error' });
    expect(missing.detail).toMatch(
      /^1 part of version 1, with 60 rows, is missing in the offline store \(sets\/labs\/v1\/.*\.parquet\)\.$/,
    );
    // Without looking, a materialization finds nothing to do.
    expect(await fix(missing)).toMatch(/labs@1: 60 rows read, 60 written/);
    expect(await drift()).toEqual([]);
    truncateSync(part(), 300);
    const cut = await only();
    expect(cut).toMatchObject({
      address: 'feature_set.labs',
      code: 'ST208',
      detail: expect.stringContaining('cut off'),
    });
    await fix(cut);
    expect(await drift()).toEqual([]);
    // Another table under its name, whole in itself.
    writeFileSync(part(), readFileSync(filesBelow('.mlops/offline/dev/sources/visits')[0] ?? ''));
    expect((await only()).detail).toMatch(/died is new/);
    rmSync(part());
    await fix(await only());
    expect(await drift()).toEqual([]);
    expect(await mlops('features', 'get', 'labs', '--entity', 'id=5', '--json')).toBe(values);
  });

  it('a snapshot that is missing or damaged is taken again', async () => {
    const file = filesBelow('.mlops/offline/dev/sources/visits')[0] ?? '';
    rmSync(file);
    const missing = await only();
    expect(missing).toMatchObject({ address: 'source.visits', code: 'ST207', severity: 'warning' });
    await fix(missing);
    expect(await drift()).toEqual([]);
    truncateSync(file, 5);
    const damaged = await only();
    expect(damaged).toMatchObject({
      address: 'source.visits',
      code: 'ST208',
      detail: expect.stringContaining('only 5 bytes'),
    });
    await fix(damaged);
    expect(await drift()).toEqual([]);
  });

  it('tables that nobody recorded are no drift', async () => {
    const file = at('.mlops/offline/dev/sets/labs/v1/left-over.parquet');
    writeFileSync(file, 'half written');
    expect(await drift()).toEqual([]);
    rmSync(file);
  });

  it('an online store that is gone is filled again, and is not made by looking', async () => {
    rmSync(at('.mlops/online'), { recursive: true });
    const absent = await only();
    expect(absent).toMatchObject({ address: 'store.online', code: 'ST209', detail: expect.stringContaining('labs') });
    expect(existsSync(at('.mlops/online'))).toBe(false);
    await fix(absent);
    expect(await drift()).toEqual([]);
  });

  it('an online store that is no store is told as one that cannot be read', async () => {
    const file = at('.mlops/online/dev/data.mdb');
    const kept = readFileSync(file);
    writeFileSync(file, 'not a store');
    expect(await only()).toMatchObject({
      address: 'store.online',
      code: 'ST217',
      detail: expect.stringContaining('does not open'),
    });
    writeFileSync(file, Buffer.alloc(65_536, 7));
    expect(await only()).toMatchObject({ address: 'store.online', code: 'ST217' });
    truncateSync(file, 0);
    writeFileSync(file, kept.subarray(0, 12_288));
    expect(await only()).toMatchObject({
      address: 'store.online',
      code: 'ST217',
      detail: expect.stringContaining('cut off'),
    });
    writeFileSync(file, kept);
    expect(await drift()).toEqual([]);
  });

  it('a set that the online store lost, half lost or is behind with is told', async () => {
    const { createLmdbOnline } = await import('../../src/stores/lmdb/lmdb-online.ts');
    const change = async (body: (store: ReturnType<typeof createLmdbOnline>) => Promise<unknown>): Promise<void> => {
      const store = createLmdbOnline({ directory: at('.mlops/online/dev') });
      await body(store);
      await store.close();
    };
    const table = { set: 'labs', version: 1 };
    let progress: Awaited<ReturnType<ReturnType<typeof createLmdbOnline>['progress']>>;
    await change(async (store) => {
      progress = await store.progress(table);
      await store.drop(table);
    });
    const lost = await only();
    expect(lost).toMatchObject({
      address: 'feature_set.labs',
      code: 'ST210',
      severity: 'error',
      detail: expect.stringContaining('has nothing of version 1'),
    });
    await fix(lost);
    expect(await drift()).toEqual([]);
    await change(async (store) => {
      progress = await store.progress(table);
      await store.drop(table);
      if (progress !== undefined) await store.setProgress(table, progress);
    });
    const emptied = await only();
    expect(emptied).toMatchObject({
      code: 'ST210',
      severity: 'error',
      detail: expect.stringContaining('lost the records'),
    });
    await fix(emptied);
    expect(await drift()).toEqual([]);
    expect(await mlops('features', 'get', 'labs', '--entity', 'id=5', '--json')).toContain('"present"');
    await change((store) => store.setProgress(table, { sequence: 0, visibleAt: progress?.visibleAt ?? 0n }));
    const behind = await only();
    expect(behind).toMatchObject({ code: 'ST210', severity: 'warning', detail: expect.stringContaining('is behind') });
    await fix(behind);
    expect(await drift()).toEqual([]);
  });

  it('code that the artifact store lost is stored again by an apply that changes nothing', async () => {
    const bundle = JSON.parse(await mlops('state', 'show', 'pipeline.scripted', '--json')).spec.tasks.go.bundle.files[
      'go.js'
    ];
    rmSync(at('.mlops/artifacts', bundle.slice(0, 2), bundle));
    const lost = await only();
    expect(lost).toMatchObject({
      address: 'pipeline.scripted',
      code: 'ST211',
      detail: expect.stringContaining('go.js'),
    });
    expect(await fix(lost, '--yes')).toContain('Stored 1 file of code again');
    expect(await drift()).toEqual([]);
    await mlops('run', 'scripted', '--follow');
  });

  it("files of a served model's version that are missing or of another size are told, and uploaded again", async () => {
    const { artifacts, id } =
      JSON.parse(await mlops('models', 'show', 'risk', '--json')).versions?.[0] ??
      JSON.parse(await mlops('models', 'show', 'risk', '--json'));
    const { digest, path } = artifacts.find((one: { digest: string | null }) => one.digest !== null);
    const file = at('.mlops/artifacts', digest.slice(0, 2), digest);
    const content = readFileSync(file);
    rmSync(file);
    const lost = await only();
    expect(lost).toMatchObject({
      address: 'model.risk',
      code: 'ST211',
      detail: expect.stringContaining(`${path} of version 1, which is in production,`),
    });
    expect(lost.fix).toContain(`/api/v1/models/${id}/artifacts/${path}`);
    writeFileSync(file, content.subarray(0, 10));
    expect(await only()).toMatchObject({ code: 'ST212', detail: expect.stringContaining('has 10 bytes') });
    const daemon = await project.daemon();
    const answer = await fetch(`${daemon.url}/api/v1/models/${id}/artifacts/${path}`, { method: 'PUT', body: content });
    expect(answer.status, await answer.text()).toBeLessThan(300);
    daemon.kill('SIGTERM');
    await daemon.ended;
    expect(statSync(file).size).toBe(content.length);
    expect(await drift()).toEqual([]);
  });

  it('an endpoint without a version at its stage, and a version whose set is gone, are told', async () => {
    await mlops('models', 'promote', 'risk', '1', '--to', 'archived', '--reason', 'test');
    const unserved = await only();
    expect(unserved).toMatchObject({
      address: 'endpoint.serve',
      code: 'ST213',
      detail: expect.stringContaining('follows stage production of model.risk'),
    });
    await mlops(...(unserved.fix ?? '').split(' ').slice(1));
    expect(await drift()).toEqual([]);
    const server = await acquireEmbeddedPostgres({ dir: at('.mlops') });
    const db = openDatabase({ connectionString: server.connectionString, max: 1 });
    try {
      await db.query(
        "update mlops.resources set address = 'feature_set.renamed', name = 'renamed' where address = 'feature_set.labs'",
      );
      expect(await drift()).toMatchObject([
        { address: 'model.risk', code: 'ST214', detail: expect.stringContaining('feature_set.labs') },
      ]);
      await db.query(
        "update mlops.resources set address = 'feature_set.labs', name = 'labs' where address = 'feature_set.renamed'",
      );
    } finally {
      await db.close();
      await server.release();
    }
    expect(await drift()).toEqual([]);
  });

  it('columns that a source lost or got are told', async () => {
    writeFileSync(at('visits.csv'), CSV.replace('id,seen,x,died', 'id,seen,y,died'));
    const changed = await only();
    expect(changed).toMatchObject({
      address: 'source.visits',
      code: 'ST216',
      severity: 'warning',
      detail: expect.stringMatching(/x is gone, y is new/),
    });
    writeFileSync(at('visits.csv'), CSV);
    expect(await drift()).toEqual([]);
  });

  it('what is wrong with the control store is told with its SQL, also where nothing can be read of it', async () => {
    const server = await acquireEmbeddedPostgres({ dir: at('.mlops') });
    const db = openDatabase({ connectionString: server.connectionString, max: 2 });
    try {
      await db.query('alter table mlops.audit_log disable trigger audit_log_is_append_only');
      expect(await only()).toMatchObject({
        address: 'store.control',
        code: 'ST203',
        fix: expect.stringContaining('enable trigger'),
      });
      await db.query('alter table mlops.audit_log enable trigger audit_log_is_append_only');
      await db.query('alter table mlops.resources rename to hidden');
      const found = await drift();
      expect(found[0]).toMatchObject({ address: 'store.artifacts', code: 'ST217' });
      expect(found.find(({ code }) => code === 'ST201')).toMatchObject({
        address: 'store.control',
        detail: expect.stringContaining('mlops.resources is missing'),
      });
      await db.query('alter table mlops.hidden rename to resources');
      expect(await drift()).toEqual([]);
    } finally {
      await db.close();
      await server.release();
    }
  });
});
