/** The compiled command line as people and scripts use it: exit codes, what goes to which stream, what is refused. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectGolden } from '../support/golden.ts';
import { bin, emptyProject, until } from '../support/project.ts';

const golden = (name: string): string =>
  join(dirname(fileURLToPath(import.meta.url)), `../cases/cli/${name}.golden.txt`);
const project = emptyProject('command line');
const write = (name: string, text: string): void => writeFileSync(join(project.folder, name), text);
const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

afterAll(() => project.remove(), 60_000);

describe('without a project', () => {
  it('--version is the package version', async () => {
    const { version } = JSON.parse(readFileSync(join(dirname(bin), '../package.json'), 'utf8')) as { version: string };
    expect(await project.mlops(['--version'])).toEqual({ code: 0, stdout: `mlops ${version}\n`, stderr: '' });
  });

  it('--help lists every command', async () => {
    const { code, stdout } = await project.mlops(['--help']);
    expect(code).toBe(0);
    for (const command of [
      'apply',
      'daemon',
      'destroy',
      'doctor',
      'graph',
      'import',
      'init',
      'plan',
      'predict',
      'run',
      'runs',
      'schema',
      'state',
      'unlock',
      'up',
      'validate',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });

  it('a wrong command or flag is an error, not "changes"', async () => {
    const command = await project.mlops(['plann']);
    expect([command.code, command.stdout]).toEqual([1, '']);
    expect(command.stderr).toContain('did you mean "mlops plan"?');
    expect((await project.mlops(['runs', 'lst'])).stderr).toContain('did you mean "mlops runs list"?');
    const flag = await project.mlops(['plan', '--outt', 'x']);
    expect([flag.code, flag.stderr]).toEqual([1, expect.stringContaining('--outt')]);
  });

  it('says what to do where there is no config', async () => {
    const { code, stderr } = await project.mlops(['plan']);
    expect(code).toBe(1);
    expect(stderr).toContain('error SP001 Config file not found');
    expect(stderr).toContain('mlops init makes a project');
    const asJson = await project.mlops(['plan', '--json']);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: 'SP001' } });
  });

  it('an error is shown in its line, from whatever folder the command is given', async () => {
    mkdirSync(join(project.folder, 'below'));
    write(
      'below/broken.yaml',
      'project: broken\nresources:\n  - { kind: Entity, name: patient, keys: { id: int46 } }\n',
    );
    const { code, stderr } = await project.mlops(['plan', '--config', 'below/broken.yaml']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('broken.yaml:3:48 error SP103')]);
    expect(stderr).toContain('> 3 |   - { kind: Entity');
  });

  it('schema prints the JSON Schema of a kind', async () => {
    expect(JSON.parse((await project.mlops(['schema', 'FeatureSet'])).stdout)).toMatchObject({
      title: 'FeatureSetSpec',
    });
    expect(await project.mlops(['schema', 'featureset'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "feature_set"?'),
    });
  });
});

describe('from init to apply', () => {
  it('makes a project that plans clean, and refuses to write over it', async () => {
    const made = await project.mlops(['init']);
    expect(made.code, made.stderr).toBe(0);
    expect(existsSync(join(project.folder, 'mlops.config.ts'))).toBe(true);
    expect(readFileSync(join(project.folder, '.gitignore'), 'utf8')).toBe('node_modules/\n.mlops/\n');
    expect(await project.mlops(['init'])).toMatchObject({ code: 1, stderr: expect.stringContaining('CL102') });
    expect(await project.mlops(['init', 'other', '--template', 'minimall'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "minimal"?'),
    });
    write('a-file', '');
    expect(await project.mlops(['init', 'a-file/below'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error CL104 File cannot be written'),
    });
    const valid = await project.mlops(['validate']);
    expect([valid.code, valid.stdout, valid.stderr]).toEqual([0, 'my-project is valid: 5 resources.\n', '']);
  });

  it('plan writes nothing, and exits with 2 where asked', async () => {
    const plan = await project.mlops(['plan', '--detailed-exitcode']);
    expect(plan.code).toBe(2);
    expectGolden(golden('plan-minimal'), plan.stdout);
    const state = await project.mlops(['state', 'list', '--json']);
    expect(JSON.parse(state.stdout)).toEqual({ lineage: null, serial: 0, resources: [] });
  });

  it('plan --json is one document with the promised members', async () => {
    const plan = JSON.parse((await project.mlops(['--json', 'plan'])).stdout);
    expect(plan).toMatchObject({
      format: 'mlops.plan/1',
      project: 'my-project',
      environment: 'dev',
      lineage: null,
      serial: 0,
      applyable: true,
      errored: false,
      drift: [],
      unmanaged: [],
    });
    expect(Object.keys(plan.changes[0])).toEqual(
      expect.arrayContaining([
        'address',
        'kind',
        'actions',
        'reason',
        'before',
        'after',
        'beforeSensitive',
        'afterUnknown',
        'diffs',
        'class',
        'findings',
        'impact',
      ]),
    );
  });

  it('apply asks on a terminal only', async () => {
    const refused = await project.mlops(['apply'], { input: 'yes\n' });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('error CL103 Confirmation needed')]);
    expect(JSON.parse((await project.mlops(['state', 'list', '--json'])).stdout).resources).toEqual([]);
  });

  it('a saved plan is applied as it is, once', async () => {
    expect(await project.mlops(['plan', '--out', 'no-such-folder/plan.mlops'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error CL104 File cannot be written'),
    });
    const saved = await project.mlops(['plan', '--out', 'plan.mlops']);
    expect(saved.code, saved.stderr).toBe(0);
    const applied = await project.mlops(['apply', 'plan.mlops', '--json']);
    expect(applied.code, applied.stderr).toBe(0);
    expect(lines(applied.stdout).at(0)).toMatchObject({ type: 'apply_started' });
    expect(lines(applied.stdout).at(-1)).toMatchObject({ type: 'result', outcome: 'succeeded' });
    const again = await project.mlops(['apply', 'plan.mlops']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('error AP102 Saved plan is stale')]);
    write('plan.mlops', readFileSync(join(project.folder, 'plan.mlops'), 'utf8').replace('patient', 'patiently'));
    expect(await project.mlops(['apply', 'plan.mlops'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('AP103'),
    });
    const empty = await project.mlops(['plan', '--detailed-exitcode']);
    expect([empty.code, empty.stdout]).toEqual([
      0,
      'Nothing to change: my-project/dev is as the specs say (5 resources).\n',
    ]);
  });

  it('state and graph show what is there', async () => {
    const list = await project.mlops(['state', 'list']);
    expect(list.stdout).toMatch(/^feature_set\.labs +ready +apply/m);
    const show = await project.mlops(['state', 'show', 'feature_set.labs']);
    expect(JSON.parse(show.stdout)).toMatchObject({ address: 'feature_set.labs', outputs: { version: 1 } });
    expect(await project.mlops(['state', 'show', 'feature_set.lab'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "feature_set.labs"?'),
    });
    expectGolden(golden('graph-dot'), (await project.mlops(['graph'])).stdout);
    expectGolden(golden('graph-mermaid'), (await project.mlops(['graph', '--format', 'mermaid'])).stdout);
  });

  it('snapshots are deleted once nothing needs them, and none that may still be read', async () => {
    expect(await project.mlops(['sources', 'prune', '--older-than', '5h'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('CL101'),
    });
    const looked = await project.mlops(['sources', 'prune', '--older-than', '1d', '--json']);
    expect(JSON.parse(looked.stdout)).toEqual({ pruned: false, snapshots: [] });
    const pruned = await project.mlops(['sources', 'prune', '--yes', '--json']);
    expect(JSON.parse(pruned.stdout)).toEqual({ pruned: true, snapshots: [] });
  });

  it('features are materialized and read without a daemon', async () => {
    const materialized = await project.mlops(['features', 'materialize', '--json']);
    expect(materialized.code, materialized.stderr).toBe(0);
    expect(JSON.parse(materialized.stdout).materialized).toMatchObject([
      { feature_set: 'labs', version: 1, rows_written: expect.any(Number) },
    ]);
    const events = await project.mlops(['features', 'materialize', 'labs', '--json', '--progress']);
    expect(events.code, events.stderr).toBe(0);
    const lines = events.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ event: 'materialized', materialized: [{ feature_set: 'labs' }] });
    expect(lines[0]).toEqual({
      event: 'progress',
      feature_set: 'labs',
      version: 1,
      phase: expect.stringMatching(/reading|online/),
      what: expect.stringContaining('labs@1: '),
      done: 0,
      total: expect.toSatisfy((total) => total === null || total === 0),
      eta_seconds: expect.toSatisfy((eta) => eta === null || eta === 0),
    });
    const got = await project.mlops(['features', 'get', 'labs', '--entity', 'patient_id=1', '--json']);
    expect(JSON.parse(got.stdout)).toMatchObject({
      entity: { patient_id: expect.anything() },
      status: { 'labs.bilirubin': expect.stringMatching(/present|expired/) },
    });
    expect(await project.mlops(['features', 'get', 'labs', '--entity', 'patient_id=x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('FS202'),
    });
    expect(await project.mlops(['features', 'get', 'labs', '--entity', 'patient_id'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('CL101'),
    });
    expect((await project.mlops(['features', 'list'])).stdout).toMatch(/^labs +patient +4 +version 1/m);
  });

  it('doctor finds everything well', async () => {
    const { code, stdout } = await project.mlops(['doctor']);
    expect(stdout).toContain('✓ control store');
    expect(code).toBe(0);
  });
});

describe('mistakes in specs', () => {
  it('are all told at once with their places', async () => {
    const folder = emptyProject('mistakes');
    try {
      await folder.mlops(['init']);
      const file = join(folder.folder, 'mlops.config.ts');
      const text = readFileSync(file, 'utf8');
      writeFileSync(
        file,
        text
          .replace("ttl: '400d'", "ttl: '400 days'")
          .replace("'bilirubin / albumin'", "'bilirubin / albumine'")
          .replace("'data_validation'", "'data_validatoin'"),
      );
      const { code, stdout } = await folder.mlops(['validate']);
      expect(code).toBe(1);
      expectGolden(golden('validate-mistakes'), stdout);
      const plan = await folder.mlops(['plan']);
      expect([plan.code, plan.stdout]).toEqual([1, '']);
      expect(plan.stderr).toContain('error AP001 Project has errors');
    } finally {
      await folder.remove();
    }
  });
});

describe('run', () => {
  const runs = emptyProject('runs');
  const gate = join(runs.folder, 'gate');
  beforeAll(async () => {
    writeFileSync(
      join(runs.folder, 'mlops.config.ts'),
      `import { defineConfig, env, pipeline } from 'mlops';
       export default defineConfig({ project: 'runs', resources: [
         pipeline('good', { params: { who: 'world', times: 1 }, tasks: { greet: { operator: 'command', command: 'cat "$MLOPS_PARAMS"' } } }),
         pipeline('bad', { tasks: { fails: { operator: 'command', command: 'echo on the way; exit 7' }, never: { operator: 'command', command: 'true' } } }),
         pipeline('slow', { tasks: { wait: { operator: 'command', command: 'until [ -e "$GATE" ]; do sleep 0.05; done', env: { GATE: env('GATE') } } } }),
       ] });`,
    );
    const applied = await runs.mlops(['apply', '--yes']);
    expect(applied.code, applied.stderr).toBe(0);
  }, 60_000);
  afterAll(() => runs.remove(), 60_000);

  it('works the run off here where no daemon runs, and tells how it went', async () => {
    const good = await runs.mlops(['run', 'good', '--param', 'who=all', '--param', 'times=3', '--follow']);
    expect([good.code, good.stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36} succeeded\n$/)]);
    const logs = await runs.mlops(['runs', 'logs', 'last', 'greet']);
    expect(JSON.parse(logs.stdout)).toEqual({ who: 'all', times: 3 });
  });

  it('exits with 1 when the run fails, which can be looked at and tried again', async () => {
    const bad = await runs.mlops(['run', 'bad', '--follow', '--json']);
    expect(bad.code).toBe(1);
    expect(lines(bad.stdout).at(-1)).toMatchObject({ task: null, status: 'failed' });
    const shown = JSON.parse((await runs.mlops(['runs', 'show', 'last', '--json'])).stdout) as { tasks: unknown[] };
    expect(shown.tasks).toMatchObject([
      { name: 'fails', status: 'failed', exit_code: 7 },
      { name: 'never', status: 'upstream_failed' },
    ]);
    const listed = JSON.parse((await runs.mlops(['runs', 'list', '--limit', '1', '--json'])).stdout) as {
      runs: unknown[];
    };
    expect(listed.runs).toMatchObject([
      { run_id: expect.any(String), status: 'failed', created_at: expect.any(String) },
    ]);
    expect((await runs.mlops(['runs', 'logs', 'last', 'fails'])).stdout).toContain('on the way');
    const retried = await runs.mlops(['runs', 'retry', 'last']);
    expect([retried.code, retried.stdout]).toEqual([0, expect.stringMatching(/is (running|queued)/)]);
    expect((await runs.mlops(['runs', 'cancel', 'last'])).code).toBe(0);
    expect((await runs.mlops(['runs', 'list', '--status', 'cancelled', '--json'])).stdout).toContain(
      '"pipeline": "bad"',
    );
  });

  it('refuses what the pipeline does not take', async () => {
    expect(await runs.mlops(['run', 'goood'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "good"?'),
    });
    expect(await runs.mlops(['run', 'good', '--param', 'nope=1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PL205'),
    });
  });

  it('interrupted cancels the run and leaves no process', { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [bin, 'run', 'slow', '--follow'], {
      cwd: runs.folder,
      env: { ...process.env, GATE: gate, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.resume();
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until(async () => stderr.includes('running'));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    const shown = JSON.parse((await runs.mlops(['runs', 'show', 'last', '--json'])).stdout) as { status: string };
    expect(shown.status).toBe('cancelled');
  });
});
