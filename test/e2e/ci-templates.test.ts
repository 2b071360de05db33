/**
 * The pipelines of templates/ci, command by command, on a project of their own: `npm`, `gh` and `curl` are stand-ins on PATH, and the code
 * host is a file of comments. What is run is what the templates say, by the shell and the options that the code host uses.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { bin, type CommandResult, emptyProject, type TestProject } from '../support/project.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

interface Comment {
  id: number;
  author: string;
  body: string;
}

/** A project with the pipeline in it, the stand-ins, and the comments of its one pull request. */
async function pipelineProject(ci: 'github' | 'gitlab') {
  const project = emptyProject(`ci ${ci}`);
  const made = await project.mlops(['init', '--ci', ci]);
  expect([made.code, made.stderr]).toEqual([0, '']);
  const shims = join(dirname(project.folder), 'shims');
  const store = join(dirname(project.folder), 'comments.json');
  const calls = join(dirname(project.folder), 'calls.log');
  mkdirSync(shims);
  writeFileSync(store, '[]');
  const shim = (name: string, code: string): void => {
    const path = join(shims, name);
    writeFileSync(path, `#!/usr/bin/env node\n${code}`);
    chmodSync(path, 0o755);
  };
  shim(
    'npm',
    `require('fs').appendFileSync(${JSON.stringify(calls)}, 'npm ' + process.argv.slice(2).join(' ') + '\\n');`,
  );
  shim(
    'npx',
    `const [name, ...args] = process.argv.slice(2);
if (name !== 'mlops') process.exit(97);
process.exit(require('child_process').spawnSync(process.execPath, [${JSON.stringify(bin)}, ...args], { stdio: 'inherit' }).status ?? 98);`,
  );
  shim('gh', GH.replaceAll('STORE', JSON.stringify(store)));
  shim('curl', CURL.replaceAll('STORE', JSON.stringify(store)));
  const comments = (): Comment[] => JSON.parse(readFileSync(store, 'utf8')) as Comment[];
  return {
    project,
    comments,
    calls: () => readFileSync(calls, 'utf8'),
    setComments: (list: readonly Comment[]) => writeFileSync(store, JSON.stringify(list)),
    run: (script: string, env: NodeJS.ProcessEnv) =>
      shell(script, project, { ...env, PATH: `${shims}${delimiter}${process.env['PATH']}` }),
  };
}

/** As both code hosts run a step: stops at the first failure, in a pipe as well. */
function shell(script: string, project: TestProject, env: NodeJS.ProcessEnv): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
      cwd: project.folder,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** `gh api`: lists, adds and edits comments, as github-actions[bot]. Knows the one filter that the template has. */
const GH = `const fs = require('fs');
const [api, ...args] = process.argv.slice(2);
if (api !== 'api' || process.env.GH_TOKEN !== 'token') process.exit(96);
const option = (name) => args.includes(name) ? args[args.indexOf(name) + 1] : undefined;
const path = args.find((arg) => arg.startsWith('repos/'));
const comments = JSON.parse(fs.readFileSync(STORE, 'utf8'));
const field = option('-F');
const body = field && fs.readFileSync(field.replace(/^body=@/, ''), 'utf8');
if (body && body.length > 65536) process.exit(95);
const method = option('--method') || 'GET';
if (method === 'GET' && path === 'repos/acme/clinic/issues/7/comments') {
  const [, author, marker] = /^\\.\\[\\] \\| select\\(\\.user\\.login == "(.+?)" and \\(\\.body \\| startswith\\("(.+?)"\\)\\)\\) \\| \\.id$/.exec(option('--jq'));
  for (const one of comments) if (one.author === author && one.body.startsWith(marker)) console.log(one.id);
} else if (method === 'POST' && path === 'repos/acme/clinic/issues/7/comments') {
  comments.push({ id: 100 + comments.length, author: 'github-actions[bot]', body });
} else if (method === 'PATCH' && path.startsWith('repos/acme/clinic/issues/comments/')) {
  comments.find(({ id }) => String(id) === path.split('/').at(-1)).body = body;
} else process.exit(94);
fs.writeFileSync(STORE, JSON.stringify(comments));`;

/** `curl` on GitLab's notes. */
const CURL = `const fs = require('fs');
const args = process.argv.slice(2);
const option = (name) => args.includes(name) ? args[args.indexOf(name) + 1] : undefined;
if (option('--header') !== 'PRIVATE-TOKEN: token' || !args.includes('--fail')) process.exit(96);
const url = args.find((arg) => arg.startsWith('https://'));
const notes = 'https://gitlab.example/api/v4/projects/42/merge_requests/7/notes';
const comments = JSON.parse(fs.readFileSync(STORE, 'utf8'));
const data = option('--data-urlencode');
const body = data && fs.readFileSync(data.replace(/^body@/, ''), 'utf8');
const method = option('--request') || 'GET';
if (method === 'GET' && url.startsWith(notes + '?')) fs.writeFileSync(option('--output'), JSON.stringify(comments));
else if (method === 'POST' && url === notes) comments.push({ id: 100 + comments.length, author: 'bot', body });
else if (method === 'PUT' && url.startsWith(notes + '/')) comments.find(({ id }) => String(id) === url.split('/').at(-1)).body = body;
else process.exit(94);
fs.writeFileSync(STORE, JSON.stringify(comments));`;

interface GithubStep {
  readonly name?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Github {
  readonly jobs: Readonly<Record<'plan' | 'apply', { readonly steps: readonly GithubStep[] }>>;
}

interface Gitlab {
  readonly plan: { readonly script: readonly string[] };
  readonly apply: { readonly script: readonly string[] };
}

/** Retypes a feature that the service of the template reads: breaking. */
function breakProject(project: TestProject): void {
  const path = join(project.folder, 'mlops.config.ts');
  const text = readFileSync(path, 'utf8');
  const changed = text.replace("platelets: { dtype: 'float64'", "platelets: { dtype: 'int64'");
  expect(changed).not.toBe(text);
  writeFileSync(path, changed);
}

describe('templates/ci/github.yml', () => {
  const workflow = parse(readFileSync(join(root, 'templates/ci/github.yml'), 'utf8')) as Github;
  let ci: Awaited<ReturnType<typeof pipelineProject>>;
  beforeAll(async () => {
    ci = await pipelineProject('github');
  }, 60_000);
  afterAll(() => ci.project.remove(), 60_000);

  const environment = (): NodeJS.ProcessEnv => ({
    GITHUB_REPOSITORY: 'acme/clinic',
    GITHUB_STEP_SUMMARY: join(dirname(ci.project.folder), 'summary.md'),
    MLOPS_ENV: 'dev',
    MLOPS_FAIL_ON: 'breaking',
    GH_TOKEN: 'token',
    PULL_REQUEST: '7',
  });

  async function job(name: 'plan' | 'apply'): Promise<{ readonly step: string; readonly result: CommandResult }[]> {
    const done: { step: string; result: CommandResult }[] = [];
    for (const { name: step = '', run } of workflow.jobs[name].steps) {
      if (run === undefined) continue;
      const result = await ci.run(run, environment());
      done.push({ step, result });
      if (result.code !== 0) break;
    }
    return done;
  }
  const codes = (done: Awaited<ReturnType<typeof job>>): string[] =>
    done.map(({ step, result }) => `${step} ${result.code}`);
  const passed = ['Install 0', 'Validate 0', 'Plan 0', 'Comment 0', 'Gate 0'];

  it('puts no text of a pull request into a script', () => {
    for (const { steps } of Object.values(workflow.jobs))
      for (const { run } of steps) expect(run ?? '').not.toContain('${{');
  });

  it('is what init --ci github writes, and init writes it alone into a project that is there', async () => {
    const path = join(ci.project.folder, '.github/workflows/mlops.yml');
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(join(root, 'templates/ci/github.yml'), 'utf8'));
    const again = await ci.project.mlops(['init', '--ci', 'github']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('CL102')]);
    const other = await ci.project.mlops(['init', '--ci', 'gitlab', '--json']);
    expect(JSON.parse(other.stdout)).toMatchObject({ template: null, ci: 'gitlab', files: ['.gitlab-ci.yml'] });
  });

  it('plans, comments once and keeps the comment up to date, applies, and holds a breaking change back', async () => {
    ci.setComments([{ id: 1, author: 'someone', body: '<!-- mlops-plan my-project/dev -->\nnot the bot' }]);
    expect(codes(await job('plan'))).toEqual(passed);
    expect(ci.comments().map(({ author }) => author)).toEqual(['someone', 'github-actions[bot]']);
    expect(ci.comments()[1]?.body).toMatch(/^<!-- mlops-plan .+\/dev -->\n### Plan for `.+\/dev`: \d+ to create/);
    for (const report of ['plan.md', 'plan.sarif', 'plan.junit.xml'])
      expect(existsSync(join(ci.project.folder, 'reports', report))).toBe(true);
    expect(ci.calls()).toBe('npm ci\n');

    expect(codes(await job('apply'))).toEqual(['Install 0', 'Plan 0', 'Apply 0']);
    expect(codes(await job('plan'))).toEqual(passed);
    expect(ci.comments()).toHaveLength(2);
    expect(ci.comments()[1]?.body).toContain('### Nothing to change in');
    expect(ci.comments()[0]?.body).toContain('not the bot');

    breakProject(ci.project);
    const blocked = await job('plan');
    expect(codes(blocked).slice(0, -1)).toEqual(passed.slice(0, -1));
    expect(blocked.at(-1)?.result.code).not.toBe(0);
    expect(ci.comments()[1]?.body).toContain('**Blocked by --fail-on breaking: feature_set.labs.');
    expect(readFileSync(join(ci.project.folder, 'reports/plan.junit.xml'), 'utf8')).toContain('<failure type="AP110"');
  }, 180_000);

  it('a plan that cannot be made fails its step', async () => {
    const path = join(ci.project.folder, 'mlops.config.ts');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, 'export default 3;\n');
    const step = workflow.jobs.plan.steps.find(({ name }) => name === 'Plan');
    expect((await ci.run(step?.run ?? '', environment())).code).not.toBe(0);
    writeFileSync(path, text);
  }, 60_000);
});

describe('templates/ci/gitlab.yml', () => {
  const pipeline = parse(readFileSync(join(root, 'templates/ci/gitlab.yml'), 'utf8')) as Gitlab;
  let ci: Awaited<ReturnType<typeof pipelineProject>>;
  beforeAll(async () => {
    ci = await pipelineProject('gitlab');
  }, 60_000);
  afterAll(() => ci.project.remove(), 60_000);

  const job = (name: 'plan' | 'apply'): Promise<CommandResult> =>
    ci.run(pipeline[name].script.join('\n'), {
      CI_API_V4_URL: 'https://gitlab.example/api/v4',
      CI_PROJECT_ID: '42',
      CI_MERGE_REQUEST_IID: '7',
      MLOPS_COMMENT_TOKEN: 'token',
      MLOPS_ENV: 'dev',
      MLOPS_FAIL_ON: 'breaking',
    });

  it('is what init --ci gitlab writes', () => {
    const path = join(ci.project.folder, '.gitlab-ci.yml');
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(join(root, 'templates/ci/gitlab.yml'), 'utf8'));
  });

  it('plans, notes once and keeps the note up to date, applies, and holds a breaking change back', async () => {
    const first = await job('plan');
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(ci.comments()).toHaveLength(1);
    expect((await job('apply')).code).toBe(0);
    expect((await job('plan')).code).toBe(0);
    expect(ci.comments()).toHaveLength(1);
    expect(ci.comments()[0]?.body).toContain('### Nothing to change in');
    breakProject(ci.project);
    expect((await job('plan')).code).not.toBe(0);
    expect(ci.comments()).toHaveLength(1);
    expect(ci.comments()[0]?.body).toContain('**Blocked by --fail-on breaking');
  }, 180_000);
});
