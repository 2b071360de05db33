/** From curl to the specs: what the HTTP interface made, imported with the compiled command line. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject, type TestDaemon } from '../support/project.ts';

const project = emptyProject('imports');
const path = (name: string): string => join(project.folder, name);
const config = (specs: string): string => `import { defineConfig, entity, pipeline } from 'mlops';
const patient = entity('patient', { keys: { id: 'int64' } });
const nightly = pipeline('nightly', { tasks: { only: { operator: 'command', command: 'echo 1' } } });
export default defineConfig({
  project: 'imports',
  resources: [patient, nightly],
  ${specs}
});
`;
let daemon: TestDaemon;

async function post(route: string, body: unknown): Promise<number> {
  const answer = await fetch(`${daemon.url}/api/v1/${route}`, { method: 'POST', body: JSON.stringify(body) });
  await answer.text();
  return answer.status;
}

async function json(args: readonly string[]) {
  const { stdout, stderr, code } = await project.mlops([...args, '--json']);
  try {
    return { code, stderr, body: JSON.parse(stdout) };
  } catch {
    throw new Error(`${args.join(' ')}: ${stdout}${stderr}`);
  }
}

const unmanaged = async (): Promise<string[]> =>
  (await json(['plan'])).body.unmanaged.map(({ address }: { address: string }) => address);

beforeAll(async () => {
  writeFileSync(path('mlops.config.ts'), config(''));
  expect((await project.mlops(['apply', '--yes'])).code).toBe(0);
  daemon = await project.daemon();
  expect(await post('feature-sets', { name: 'vitals', features: ['pulse', { name: 'bmi', dtype: 'float64' }] })).toBe(
    201,
  );
  expect(
    await post('feature-sets', {
      name: 'visits',
      entity: 'patient',
      features: [{ name: 'count', dtype: 'int64', expect: { min: 0 } }],
      ttl: '30d',
      description: 'Visits: how many\nand when',
    }),
  ).toBe(201);
  expect(
    await post('pipelines', {
      name: 'hourly',
      schedule: { cron: '0 * * * *' },
      tasks: [
        { name: 'first', operator: 'command', command: ['echo', 'one'], retry: { limit: 2 } },
        { name: 'fill', operator: 'feature_materialization', feature_sets: ['vitals'], needs: ['first'] },
      ],
    }),
  ).toBe(201);
  expect(
    await post('pipelines', {
      name: 'scripted',
      tasks: [{ name: 'go', operator: 'command', command: 'python train.py' }],
    }),
  ).toBe(201);
  expect(await post('models', { name: 'churn', framework: 'xgboost' })).toBe(201);
  expect(await post('models', { name: 'churn', framework: 'xgboost' })).toBe(201);
}, 60_000);
afterAll(() => project.remove(), 60_000);

describe('import', () => {
  const made = [
    'entity.untyped',
    'feature_set.visits',
    'feature_set.vitals',
    'model.churn',
    'pipeline.hourly',
    'pipeline.scripted',
  ];

  it('starts from what plan lists, and destroys nothing of it', async () => {
    expect(await unmanaged()).toEqual(made);
    const listed = (await project.mlops(['state', 'list'])).stdout;
    expect(listed).toMatch(/^feature_set\.vitals +ready +api /m);
    const destroy = (await json(['plan', '--destroy'])).body;
    expect(destroy.unmanaged.map(({ address }: { address: string }) => address)).toEqual(made);
    expect(destroy.changes.map(({ address }: { address: string }) => address)).not.toContain('feature_set.vitals');
    // A set made over HTTP still needs the entity of the specs.
    expect(destroy.errored).toBe(true);
    expect(JSON.stringify(destroy.changes)).toContain('AP107');
  });

  it('refuses what is not there, what the specs manage, and a wrong call', async () => {
    expect(await project.mlops(['import', 'feature_set.vital'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/error AP116 .*\n.*not recorded.*\n.*did you mean "feature_set.vitals"\?/),
    });
    expect(await project.mlops(['import', 'entity.patient'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('managed by the specs (mlops.config.ts:2) already'),
    });
    expect((await project.mlops(['import'])).stderr).toContain('error CL101');
    expect((await project.mlops(['import', 'model.churn', '--all'])).stderr).toContain('error CL101');
    expect((await project.mlops(['import', 'model.churn', '--out', '../churn.yaml'])).stderr).toContain('error CL101');
  });

  it('says which lines the config lacks; with them the next plan takes it over', async () => {
    const { code, stdout } = await project.mlops(['import', 'model.churn']);
    expect([code, stdout]).toEqual([0, expect.stringContaining("specs: ['specs/**/*.yaml'],")]);
    expect(stdout).toContain('Not yet taken over: model.churn: the config does not load its file yet.');
    expect(readFileSync(path('specs/model/churn.yaml'), 'utf8')).toBe(
      'apiVersion: mlops/v1\nkind: Model\nname: churn\nframework: xgboost\n',
    );
    expect(await unmanaged()).toContain('model.churn');
    writeFileSync(path('mlops.config.ts'), config("specs: ['specs/**/*.yaml'],"));
    const plan = (await json(['plan'])).body;
    expect(plan.summary).toMatchObject({ create: 0, update: 1, delete: 0 });
    expect(plan.changes.find(({ address }: { address: string }) => address === 'model.churn').reason).toContain(
      'taken over',
    );
  });

  it('takes over at once where the specs hold it already, and moves the serial by one', async () => {
    const { serial } = (await json(['state', 'list'])).body;
    const { body } = await json(['import', 'model.churn']);
    expect(body).toMatchObject({
      imported: [{ address: 'model.churn', file: null, taken_over: true }],
      add_to_config: null,
    });
    expect((await json(['state', 'list'])).body.serial).toBe(serial + 1);
    expect((await json(['plan', '--detailed-exitcode'])).code).toBe(0);
    expect(
      await post('pipelines', { name: 'nightly', tasks: [{ name: 'only', operator: 'command', command: 'x' }] }),
    ).toBe(409);
  });

  it('brings along what it needs, and leaves a clean plan', async () => {
    const { code, stdout, stderr } = await project.mlops(['import', 'feature_set.vitals']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('needed by feature_set.vitals');
    expect(stdout).toContain('Taken over: entity.untyped, feature_set.vitals.');
    expect(readFileSync(path('specs/feature_set/vitals.yaml'), 'utf8')).toBe(`apiVersion: mlops/v1
kind: FeatureSet
name: vitals
entity: untyped
push: true
eventTime: event_time
features:
  pulse: json
  bmi: float64
`);
    const plan = await json(['plan', '--detailed-exitcode']);
    expect([plan.code, plan.body.unmanaged.length]).toEqual([0, 3]);
    // It goes on serving under the specs.
    const body = JSON.stringify({ entity_id: '7', features: { pulse: 60 }, feature_set: 'vitals' });
    expect((await fetch(`${daemon.url}/api/v1/online-features`, { method: 'PUT', body })).status).toBe(204);
  });

  it('writes nothing where one of the files is there', async () => {
    writeFileSync(path('specs/pipeline.yaml'), '# mine\n');
    expect(await project.mlops(['import', 'pipeline.hourly', '--out', 'specs/pipeline.yaml'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error CL102'),
    });
    expect(readFileSync(path('specs/pipeline.yaml'), 'utf8')).toBe('# mine\n');
    rmSync(path('specs/pipeline.yaml'));
  });

  it('says which file a pipeline of HTTP lacks, and takes nothing over while the specs have errors', async () => {
    const all = await project.mlops(['import', '--all']);
    expect(all.code).toBe(1);
    expect(all.stderr).toContain('error SP112');
    expect(all.stderr).toContain('train.py');
    expect(all.stdout).toContain('Once the errors above are settled, mlops apply takes them over.');
    expect(
      (await json(['state', 'list'])).body.resources.filter((one: { managed_by: string }) => one.managed_by === 'api'),
    ).toHaveLength(3);
    writeFileSync(path('train.py'), 'print(1)\n');
    // The files that it wrote are found again.
    const again = await project.mlops(['import', '--all']);
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(again.stdout).toContain('Taken over: feature_set.visits, pipeline.hourly.');
    expect(again.stdout).toContain('Not yet taken over: pipeline.scripted: its commands name files of the project');
    expect((await project.mlops(['apply', '--yes'])).code).toBe(0);
    const plan = await json(['plan', '--detailed-exitcode']);
    expect([plan.code, plan.body.unmanaged]).toEqual([0, []]);
    expect((await project.mlops(['import', '--all'])).stdout).toContain('There is nothing to import');
  });

  it('knows the lines of a YAML config too', async () => {
    const yaml = emptyProject('yaml');
    try {
      writeFileSync(
        join(yaml.folder, 'mlops.config.yaml'),
        'project: in-yaml\nspecs: ["mine/*.yaml"]\nresources: []\n',
      );
      const served = await yaml.daemon();
      const body = JSON.stringify({ name: 'p', tasks: [{ name: 'only', operator: 'command', command: 'echo' }] });
      expect((await fetch(`${served.url}/api/v1/pipelines`, { method: 'POST', body })).status).toBe(201);
      const { stdout } = await yaml.mlops(['import', 'pipeline.p']);
      expect(stdout).toContain('Set this in mlops.config.yaml');
      expect(stdout).toContain('  specs:\n    - "mine/*.yaml"\n    - "specs/**/*.yaml"\n');
      const out = await yaml.mlops(['import', 'pipeline.p', '--out', 'mine/p.yaml']);
      expect(out.stdout).toContain('Taken over: pipeline.p.');
    } finally {
      await yaml.remove();
    }
  }, 60_000);
});
