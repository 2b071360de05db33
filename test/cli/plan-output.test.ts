/** What `plan` and `apply` write and answer in pipelines: formats, the gate, and plans of another commit. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject, type TestProject } from '../support/project.ts';
import { junitProblems, sarifProblems } from '../support/report-schemas.ts';

const withGit = spawnSync('git', ['--version']).status === 0;

describe('a project that is applied', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = emptyProject('gate');
    expect((await project.mlops(['init'])).code).toBe(0);
    expect((await project.mlops(['apply', '--yes'])).code).toBe(0);
  }, 60_000);
  afterAll(() => project.remove(), 60_000);

  const destroying = ['plan', '--destroy', '--fail-on', 'destructive'];
  const state = async (): Promise<string> => (await project.mlops(['state', 'list', '--json'])).stdout;

  it('the gate answers 3 in every format, and each says what it holds back', async () => {
    const told = {
      human: 'Blocked by --fail-on destructive: feature_set.labs.',
      json: '"failOn": "destructive"',
      markdown: '> **Blocked by --fail-on destructive: feature_set.labs.**',
      sarif: '"ruleId": "AP110"',
      junit: '<failure type="AP110"',
    };
    for (const [format, text] of Object.entries(told)) {
      const { code, stdout, stderr } = await project.mlops([...destroying, '--format', format]);
      expect([format, code, stderr]).toEqual([format, 3, '']);
      expect(stdout).toContain(text);
      if (format === 'json') expect(JSON.parse(stdout)).toMatchObject({ gate: { blocked: ['feature_set.labs'] } });
      if (format === 'junit') expect(await junitProblems(stdout)).toEqual([]);
      if (format === 'sarif') expect(sarifProblems(JSON.parse(stdout))).toEqual([]);
    }
  }, 60_000);

  it('a plan that passes the gate answers as without it', async () => {
    const passed = await project.mlops(['plan', '--fail-on', 'breaking', '--detailed-exitcode']);
    expect([passed.code, passed.stdout]).toEqual([0, expect.not.stringContaining('Blocked')]);
    const changed = await project.mlops([
      ...destroying.slice(0, 2),
      '--target',
      'pipeline.refresh',
      '--detailed-exitcode',
      '--fail-on',
      'breaking',
    ]);
    expect(changed.code).toBe(2);
  }, 60_000);

  it('apply changes nothing that the gate holds back, saved or not', async () => {
    const before = await state();
    expect((await project.mlops([...destroying, '--out', 'destroy.plan'])).code).toBe(3);
    const saved = await project.mlops(['apply', 'destroy.plan', '--fail-on', 'breaking']);
    expect([saved.code, saved.stdout]).toEqual([3, '']);
    expect(saved.stderr).toContain('Blocked by --fail-on breaking: feature_set.labs. Nothing was changed.');
    const json = await project.mlops(['apply', 'destroy.plan', '--fail-on', 'breaking', '--json']);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({
      type: 'refused',
      gate: { failOn: 'breaking', blocked: ['feature_set.labs'] },
    });
    expect(await state()).toBe(before);
  }, 60_000);

  it('policies are a gate that nothing speaks against here, and two formats at once are refused', async () => {
    expect((await project.mlops(['plan', '--fail-on', 'policy'])).code).toBe(0);
    expect((await project.mlops(['plan', '--fail-on', 'policies'])).code).toBe(1);
    const both = await project.mlops(['plan', '--json', '--format', 'sarif']);
    expect([both.code, JSON.parse(both.stdout)]).toEqual([1, { error: expect.objectContaining({ code: 'CL101' }) }]);
  }, 60_000);

  it('a result without a line stands at the config file, and rules tell what the page of codes tells', async () => {
    const { stdout } = await project.mlops([...destroying, '--format', 'sarif']);
    const [run] = (
      JSON.parse(stdout) as {
        runs: { tool: { driver: { rules: { id: string; help: { text: string } }[] } }; results: object[] }[];
      }
    ).runs;
    expect(run?.results[0]).toMatchObject({
      locations: [{ physicalLocation: { artifactLocation: { uri: 'mlops.config.ts' }, region: { startLine: 1 } } }],
    });
    expect(run?.tool.driver.rules.find(({ id }) => id === 'AP110')?.help.text).toContain('the exit code is 3');
  }, 60_000);
});

describe('a plan that a policy denies', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = emptyProject('denied');
    expect((await project.mlops(['init'])).code).toBe(0);
    const config = join(project.folder, 'mlops.config.ts');
    const text = readFileSync(config, 'utf8')
      .replace('import { defineConfig,', 'import { policy, defineConfig,')
      .replace(
        'export default',
        `const frozen = policy('frozen', {
  enforcement: 'deny',
  message: '{change.kind} on a Friday.',
  each: "change.kind == 'pipeline' || change.kind == 'entity'",
});
const late = policy('late', { enforcement: 'warn', message: 'It is late.', check: () => 'It is late.' });

export default`,
      )
      .replace('inputs, refresh]', 'inputs, refresh, frozen, late]');
    writeFileSync(config, text);
  }, 60_000);
  afterAll(() => project.remove(), 60_000);

  const told = {
    human: ['deny AP111 policy.frozen', 'entity on a Friday.', 'warn AP111 policy.late', 'Denied by policy.frozen.'],
    json: ['"applyable": false', '"denied": 1', '"message": "pipeline on a Friday."'],
    markdown: [
      '> **Denied by policy.frozen.** It cannot be applied.',
      '- **error AP111** `policy.frozen` deny (`mlops.config.ts:',
      'pipeline on a Friday. (`pipeline.refresh`)',
      '- **warning AP111** `policy.late` warn',
    ],
    sarif: ['"ruleId": "AP111"', '"level": "error"', 'policy.frozen: entity on a Friday. (entity.patient)'],
    junit: ['<failure type="AP111" message="deny: Policy violated">entity on a Friday.', '<system-out>warn AP111'],
  } as const;

  for (const [format, texts] of Object.entries(told)) {
    it(`answers 3 and says what denies it and why: ${format}`, async () => {
      const { code, stdout, stderr } = await project.mlops(['plan', '--format', format]);
      expect([code, stderr]).toEqual([3, '']);
      for (const text of texts) expect(stdout).toContain(text);
      if (format === 'junit') expect(await junitProblems(stdout)).toEqual([]);
      if (format === 'sarif') expect(sarifProblems(JSON.parse(stdout))).toEqual([]);
    }, 60_000);
  }

  it('is not applied, saved or not, and a warning holds back where the gate asks for policies', async () => {
    const applied = await project.mlops(['apply', '--yes']);
    expect([applied.code, applied.stderr]).toEqual([3, expect.stringContaining('Nothing was changed.')]);
    expect((await project.mlops(['plan', '--out', 'denied.plan'])).code).toBe(3);
    const saved = await project.mlops(['apply', 'denied.plan', '--json']);
    expect([saved.code, JSON.parse(saved.stdout)]).toEqual([3, expect.objectContaining({ type: 'refused' })]);
    const both = await project.mlops(['plan', '--fail-on', 'policy', '--json']);
    expect(JSON.parse(both.stdout)).toMatchObject({ gate: { blocked: ['policy.frozen', 'policy.late'] } });
    expect((await project.mlops(['state', 'list'])).stdout).toContain('Nothing is applied.');
  }, 60_000);
});

describe('reports', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = emptyProject('reports');
    expect((await project.mlops(['init'])).code).toBe(0);
  }, 60_000);
  afterAll(() => project.remove(), 60_000);

  const formats = ['json', 'markdown', 'sarif', 'junit'];
  const all = formats.flatMap((format) => ['--report', `${format}=made/of it/plan.${format}`]);
  const report = (format: string): string => readFileSync(join(project.folder, 'made/of it', `plan.${format}`), 'utf8');

  it('are written beside what is shown, and are what the format shows', async () => {
    const { code, stdout, stderr } = await project.mlops(['plan', ...all, '--fail-on', 'breaking']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Plan for my-project/dev: 5 to create');
    for (const format of formats)
      expect((await project.mlops(['plan', '--format', format, '--fail-on', 'breaking'])).stdout).toBe(report(format));
  }, 60_000);

  it('of a plan that cannot be made say what is wrong and where, as do the formats; the exit code is 1', async () => {
    const config = join(project.folder, 'mlops.config.ts');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('source: visits,', "source: 'visit',").replace("ttl: '400d'", "ttl: '4 days'"));
    const failed = await project.mlops(['plan', ...all]);
    expect([failed.code, failed.stdout]).toEqual([1, '']);
    expect(failed.stderr).toContain('SP104');
    const lines = report('markdown').split('\n');
    expect(lines.slice(0, 2)).toEqual([
      '<!-- mlops-plan my-project/dev -->',
      '### The plan for `my-project/dev` could not be made',
    ]);
    expect(report('markdown')).toContain(
      '> **AP001 Project has errors.** The specs have 2 errors; nothing was planned.',
    );
    expect(report('markdown')).toMatch(/- \*\*error SP104\*\* .*`feature_set\.labs` \(`mlops\.config\.ts:9:\d+`\)/);
    const log = JSON.parse(report('sarif')) as { runs: { results: { ruleId: string; locations: object[] }[] }[] };
    expect(sarifProblems(log)).toEqual([]);
    expect(log.runs[0]?.results.map(({ ruleId }) => ruleId).sort()).toEqual(['SP103', 'SP104']);
    expect(log.runs[0]?.results[0]?.locations[0]).toMatchObject({
      physicalLocation: { artifactLocation: { uri: 'mlops.config.ts' }, region: { startLine: 9 } },
    });
    expect(await junitProblems(report('junit'))).toEqual([]);
    expect(report('junit').match(/<failure /g)).toHaveLength(2);
    expect(JSON.parse(report('json'))).toMatchObject({ error: { code: 'AP001', diagnostics: [{}, {}] } });
    for (const format of ['markdown', 'sarif', 'junit']) {
      const shown = await project.mlops(['plan', '--format', format]);
      expect([shown.code, shown.stdout]).toEqual([1, report(format)]);
    }
    // Not even the project's name is known.
    writeFileSync(config, 'export default 3;\n');
    expect((await project.mlops(['plan', ...all])).code).toBe(1);
    expect(report('markdown')).toMatch(/^### The plan could not be made\n/);
    expect(sarifProblems(JSON.parse(report('sarif')))).toEqual([]);
    expect(await junitProblems(report('junit'))).toEqual([]);
    writeFileSync(config, text);
  }, 60_000);

  it('that are none, or that cannot be written, are refused', async () => {
    for (const wrong of ['plan.md', 'html=plan.html', 'human=plan.txt', 'markdown=']) {
      const { code, stderr } = await project.mlops(['plan', '--report', wrong]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('CL101')]);
      expect(stderr).toContain('write FORMAT=FILE, where FORMAT is one of json, markdown, sarif, junit');
    }
    const { code, stderr } = await project.mlops(['plan', '--report', 'junit=mlops.config.ts/plan.xml']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('CL104')]);
  }, 60_000);
});

describe.runIf(withGit)('in a git repository', () => {
  let project: TestProject;
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false', ...args], {
      cwd: project.folder,
      encoding: 'utf8',
    }).trim();
  const commit = (message: string): string => {
    git('add', 'ml');
    git('commit', '-q', '--allow-empty', '-m', message);
    return git('rev-parse', 'HEAD');
  };
  beforeAll(async () => {
    project = emptyProject('git');
    expect((await project.mlops(['init', 'ml/clinic'])).code).toBe(0);
    git('init', '-q');
  }, 60_000);
  afterAll(() => project.remove(), 60_000);
  const inside = (args: readonly string[]) => project.mlops([...args, '--config', 'ml/clinic/mlops.config.ts']);

  it('a saved plan is refused at another commit, and applied at its own', async () => {
    const first = commit('one');
    expect((await inside(['plan', '--out', 'one.plan'])).code).toBe(0);
    const second = commit('two');
    const refused = await inside(['apply', 'one.plan']);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain('AP102');
    expect(refused.stderr).toContain(
      `one.plan was made at commit ${first.slice(0, 12)}, but ${second.slice(0, 12)} is checked out here.`,
    );
    expect((await inside(['state', 'list'])).stdout).toContain('Nothing is applied.');
    git('checkout', '-q', first);
    expect((await inside(['apply', 'one.plan'])).code).toBe(0);
  }, 60_000);

  it('without git nothing is known of commits, and the plan is applied', async () => {
    const planned = await inside(['plan', '--json']);
    expect((JSON.parse(planned.stdout) as { gitCommit: string }).gitCommit).toBe(git('rev-parse', 'HEAD'));
    const config = join(project.folder, 'ml/clinic/mlops.config.ts');
    writeFileSync(config, readFileSync(config, 'utf8').replace("ttl: '400d'", "ttl: '300d'"));
    expect((await inside(['plan', '--out', 'ttl.plan'])).code).toBe(0);
    renameSync(join(project.folder, '.git'), join(project.folder, 'no-git'));
    expect((await inside(['apply', 'ttl.plan'])).code).toBe(0);
    renameSync(join(project.folder, 'no-git'), join(project.folder, '.git'));
  }, 60_000);

  it('SARIF has paths of the repository', async () => {
    const config = join(project.folder, 'ml/clinic/mlops.config.ts');
    writeFileSync(
      config,
      readFileSync(config, 'utf8').replace("platelets: { dtype: 'float64'", "platelets: { dtype: 'int64'"),
    );
    const { code, stdout } = await inside(['plan', '--format', 'sarif']);
    expect(code).toBe(1);
    expect(stdout).toContain('"uri": "ml/clinic/mlops.config.ts"');
  }, 60_000);
});
