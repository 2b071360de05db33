/**
 * The pipelines of templates/ci on a project of their own, job by job, against servers that play the code hosts' APIs: what is run is what
 * the templates say, by the shells, with the variables and under the conditions of the code hosts.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type GithubApi, playGithub } from '../support/code-hosts/github.ts';
import { type GitlabApi, playGitlab } from '../support/code-hosts/gitlab.ts';
import { type PipelineProject, pipelineProject } from '../support/code-hosts/runner.ts';
import {
  type Contexts,
  type DoneJob,
  filledIn,
  isTrue,
  runJob,
  shell,
  type Workflow,
} from '../support/code-hosts/workflow.ts';
import { pipelineProblems } from '../support/pipeline-schemas.ts';
import { junitProblems, sarifProblems } from '../support/report-schemas.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TOKEN = 'ghs_T0ken0fThisJob';
const COMMIT = 'c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffe';

/** Edits of the project that `init` makes. */
const staged = (config: string): string =>
  config.replace("project: 'my-project',", "project: 'my-project',\n  environments: { dev: {}, staging: {} },");
const breaking = (config: string): string =>
  config.replace("albumin: { dtype: 'float64', unit: 'g/dl' }", "albumin: { dtype: 'float64', unit: 'g/l' }");
const denying = (config: string): string =>
  config
    .replace('import { defineConfig,', 'import { policy, defineConfig,')
    .replace(
      'export default',
      `const frozen = policy('frozen', { enforcement: 'deny', message: 'Nothing goes out on a Friday.', when: 'true' });\n\nexport default`,
    )
    .replace('inputs, refresh]', 'inputs, refresh, frozen]');
const many = (config: string): string =>
  config
    .replace('inputs, refresh]', 'inputs, refresh, ...many]')
    .replace(
      'export default',
      "const many = Array.from({ length: 1500 }, (_, index) =>\n  entity('an_entity_with_a_long_name_that_takes_room_' + index, { keys: { id: 'int64' } }),\n);\n\nexport default",
    );

/** One after the other on one project, from its configuration as it was made. */
async function withConfig(
  ci: PipelineProject,
  edits: readonly ((config: string) => string)[],
  body: () => Promise<void>,
) {
  const path = join(ci.project.folder, 'mlops.config.ts');
  const before = readFileSync(path, 'utf8');
  for (const edit of edits) ci.edit(edit);
  try {
    await body();
  } finally {
    writeFileSync(path, before);
    rmSync(join(ci.project.folder, 'reports'), { recursive: true, force: true });
  }
}

describe('templates/ci/github.yml', () => {
  const text = readFileSync(join(root, 'templates/ci/github.yml'), 'utf8');
  const workflow = parse(text) as Workflow;
  const { plan, apply } = workflow.jobs;
  let ci: PipelineProject;
  let host: GithubApi;
  let token = { value: TOKEN, mayWrite: true };
  beforeAll(async () => {
    [ci, host] = await Promise.all([pipelineProject('github'), playGithub(() => token)]);
  }, 60_000);
  afterAll(async () => {
    await host.close();
    await ci.project.remove();
  }, 60_000);

  interface Event {
    readonly environment?: string;
    readonly labels?: readonly string[];
    readonly from?: string;
    readonly actor?: string;
    readonly number?: number;
    readonly fork?: boolean;
  }

  function onPullRequest(event: Event = {}): Contexts {
    const { environment = 'dev', labels = [], from = 'acme/clinic', actor = 'jo', number = 7 } = event;
    const head = { sha: COMMIT, repo: { full_name: from } };
    const pull = { number, head, labels: labels.map((name) => ({ name })) };
    const github = { event_name: 'pull_request', repository: 'acme/clinic', actor, token: token.value };
    return { github: { ...github, event: { pull_request: pull } }, matrix: { environment } };
  }

  function onPush({ environment = 'dev', fork = false }: Event = {}): Contexts {
    const github = { event_name: 'push', repository: 'acme/clinic', actor: 'jo', token: token.value };
    return { github: { ...github, event: { repository: { fork } } }, matrix: { environment } };
  }

  const run = (job: typeof plan, contexts: Contexts, before?: (step: string) => Promise<void>): Promise<DoneJob> =>
    runJob(job, contexts, {
      before,
      workspace: ci.project.folder,
      temp: ci.temp,
      env: {
        PATH: ci.path,
        GITHUB_API_URL: host.apiUrl,
        GITHUB_SERVER_URL: 'https://git.acme.example',
        GITHUB_REPOSITORY: 'acme/clinic',
        GITHUB_RUN_ID: '123',
        GITHUB_SHA: COMMIT,
        GITHUB_REF_NAME: 'main',
      },
    });
  const outcomes = ({ steps }: DoneJob): string[] => steps.map(({ name, outcome }) => `${name}: ${outcome}`);
  const ours = (): string[] => host.comments.filter(({ user }) => user?.type === 'Bot').map(({ body }) => body);
  const last = (environment = 'dev'): string => ours().find((body) => body.includes(`plan of ${environment} in`)) ?? '';

  it("is valid by GitHub's schema, takes least rights and puts no text of a pull request into a script", () => {
    expect(pipelineProblems('github-workflow', workflow)).toEqual([]);
    expect(workflow.permissions).toEqual({ contents: 'read' });
    expect(apply.permissions).toEqual({ contents: 'read', 'pull-requests': 'read' });
    // With the rights and secrets of the target, the code of a pull request must not run.
    expect(Object.keys(workflow.on)).toEqual(['pull_request', 'push']);
    // The payload of a run that is repeated has the labels of before.
    expect(workflow.on['pull_request']?.types).toEqual(expect.arrayContaining(['labeled', 'unlabeled', 'synchronize']));
    for (const step of [...plan.steps, ...apply.steps]) {
      expect(step.run ?? '').not.toContain('${{');
      if (step.uses?.startsWith('actions/checkout') === true)
        expect(step.with).toMatchObject({ 'persist-credentials': false });
    }
  });

  it('is what init --ci github writes, and init writes it alone into a project that is there', async () => {
    expect(readFileSync(join(ci.project.folder, '.github/workflows/mlops.yml'), 'utf8')).toBe(text);
    const again = await ci.project.mlops(['init', '--ci', 'github']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('CL102')]);
    const other = await ci.project.mlops(['init', '--ci', 'gitlab', '--json']);
    expect(JSON.parse(other.stdout)).toMatchObject({ template: null, ci: 'gitlab', files: ['.gitlab-ci.yml'] });
  });

  it('runs nothing for forks and Dependabot, and applies pushes to the repository itself only', () => {
    const runs = (job: typeof plan, contexts: Contexts): boolean => isTrue(job.if ?? '', contexts);
    expect(runs(plan, onPullRequest())).toBe(true);
    expect(runs(plan, onPullRequest({ from: 'mallory/clinic' }))).toBe(false);
    expect(runs(plan, onPullRequest({ actor: 'dependabot[bot]' }))).toBe(false);
    expect(runs(plan, onPush())).toBe(false);
    expect(runs(apply, onPush())).toBe(true);
    expect(runs(apply, onPush({ fork: true }))).toBe(false);
    expect(runs(apply, onPullRequest())).toBe(false);
  });

  it('a push overtakes the one before on its pull request and environment alone; an apply is never cut off', () => {
    const group = (job: typeof plan, contexts: Contexts): string => filledIn(job.concurrency.group, contexts);
    const groups = [{}, { number: 8 }, { environment: 'staging' }].map((event) => group(plan, onPullRequest(event)));
    expect(new Set(groups).size).toBe(3);
    expect(group(plan, onPullRequest())).toBe(groups[0]);
    expect(plan.concurrency['cancel-in-progress']).toBe(true);
    expect(group(apply, onPush())).not.toBe(group(apply, onPush({ environment: 'staging' })));
    expect(apply.concurrency['cancel-in-progress']).toBe(false);
  });

  it('comments once an environment and writes in its comment from then on, on whatever page it stands', async () => {
    await withConfig(ci, [staged], async () => {
      const marker = '<!-- mlops plan of dev in . -->';
      for (let id = 1; id <= 130; id += 1)
        host.comments.push({ id, user: { login: 'jo', type: 'User' }, body: `${marker}\nof a person ${id}` });
      host.comments.push({ id: 131, user: null, body: 'of somebody who left' });

      const first = await run(plan, onPullRequest());
      expect(outcomes(first)).toEqual([
        'actions/checkout@v5: success',
        'actions/setup-node@v5: success',
        'Install: success',
        'Plan: success',
        'Comment: success',
        'Code scanning: success',
        'Reports: success',
      ]);
      expect(ci.calls()).toContain('npm ci\n');
      expect(host.comments).toHaveLength(132);
      expect(last()).toMatch(
        /^<!-- mlops plan of dev in \. -->\n<!-- mlops-plan my-project\/dev -->\n### Plan for `my-project\/dev`: 5 to create/,
      );
      expect(last()).toContain(`${COMMIT}, [log](https://git.acme.example/acme/clinic/actions/runs/123)`);
      expect(first.log).toContain('Plan for my-project/dev: 5 to create');

      host.asked.length = 0;
      expect((await run(plan, onPullRequest())).conclusion).toBe('success');
      expect(host.asked).toEqual([
        'GET /api/v3/repos/acme/clinic/issues/7/comments?per_page=100',
        'GET /api/v3/repositories/42/issues/7/comments?per_page=100&page=2',
        'PATCH /api/v3/repos/acme/clinic/issues/comments/1131',
      ]);

      expect((await run(plan, onPullRequest({ environment: 'staging' }))).conclusion).toBe('success');
      expect(ours()).toHaveLength(2);
      expect(last('staging')).toContain('### Plan for `my-project/staging`');
      expect((await run(plan, onPullRequest({ environment: 'staging' }))).conclusion).toBe('success');
      expect(ours()).toHaveLength(2);
      expect(host.comments[0]?.body).toContain('of a person 1');
    });
  }, 180_000);

  it('uploads results and reports that fit their standards, as of the commit that is reviewed', async () => {
    await withConfig(ci, [], async () => {
      const { steps } = await run(plan, onPullRequest());
      const given = (name: string) => steps.find((step) => step.name === name)?.with;
      expect(given('Code scanning')).toEqual({
        sarif_file: 'reports/plan.sarif',
        category: 'mlops-dev',
        ref: 'refs/pull/7/head',
        sha: COMMIT,
      });
      expect(given('Reports')).toMatchObject({ name: 'mlops-plan-dev', path: 'reports' });
      const report = (name: string): string => readFileSync(join(ci.project.folder, 'reports', name), 'utf8');
      expect(sarifProblems(JSON.parse(report('plan.sarif')))).toEqual([]);
      expect(await junitProblems(report('plan.junit.xml'))).toEqual([]);
    });
  }, 60_000);

  it('applies what was merged, behind the gate of its labels', async () => {
    expect((await run(apply, onPush())).conclusion).toBe('success');
    await withConfig(ci, [breaking], async () => {
      const blocked = await run(plan, onPullRequest());
      expect(outcomes(blocked).slice(3)).toEqual([
        'Plan: failure',
        'Comment: success',
        'Code scanning: success',
        'Reports: success',
      ]);
      expect(blocked.conclusion).toBe('failure');
      expect(last()).toContain('> **Blocked by --fail-on breaking: feature_set.labs');
      expect((await run(plan, onPullRequest({ labels: ['docs', 'allow-breaking'] }))).conclusion).toBe('success');
      expect(last()).not.toContain('Blocked');

      // Pushed without a pull request, or merged without the label, or a pull request that is still open.
      host.pulls.push({ number: 6, merged_at: null, base: { ref: 'main' }, labels: [{ name: 'allow-breaking' }] });
      const held = await run(apply, onPush());
      expect(outcomes(held).slice(2)).toEqual(['Install: success', 'Gate: success', 'Plan: failure', 'Apply: skipped']);
      expect(held.log).toContain('Blocked by --fail-on breaking');
      host.pulls.push({
        number: 7,
        merged_at: '2026-11-26T10:00:00Z',
        base: { ref: 'main' },
        labels: [{ name: 'allow-breaking' }],
      });
      expect((await run(apply, onPush())).conclusion).toBe('success');
      expect((await run(plan, onPullRequest())).conclusion).toBe('success');
      expect(last()).toContain('### Nothing to change in `my-project/dev`');
    });
    await run(apply, onPush());
  }, 180_000);

  it('refuses to apply a plan that the state has moved under', async () => {
    await withConfig(ci, [(config) => config.replace("ttl: '400d'", "ttl: '300d'")], async () => {
      const meanwhile = async (step: string): Promise<void> => {
        if (step === 'Apply') expect((await ci.project.mlops(['apply', '--yes'])).code).toBe(0);
      };
      const late = await run(apply, onPush(), meanwhile);
      expect(outcomes(late).slice(3)).toEqual(['Gate: success', 'Plan: success', 'Apply: failure']);
      expect(late.conclusion).toBe('failure');
      expect(late.log).toContain('AP102');
    });
  }, 60_000);

  it('comments a plan that a policy denies, and one that cannot be made, and fails', async () => {
    await withConfig(ci, [denying], async () => {
      expect((await run(plan, onPullRequest())).conclusion).toBe('failure');
      expect(last()).toContain('> **Denied by policy.frozen.** It cannot be applied.');
      expect(last()).toContain('Nothing goes out on a Friday.');
    });
    await withConfig(ci, [(config) => config.replace('source: visits,', "source: 'visit',")], async () => {
      const failed = await run(plan, onPullRequest());
      expect(outcomes(failed).slice(3)).toEqual([
        'Plan: failure',
        'Comment: success',
        'Code scanning: success',
        'Reports: success',
      ]);
      expect(last()).toContain('### The plan for `my-project/dev` could not be made');
      expect(last()).toMatch(
        /\*\*error SP104\*\* Unknown reference: `feature_set\.labs` \(`mlops\.config\.ts:\d+:\d+`\)/,
      );
      const [log, junit] = ['plan.sarif', 'plan.junit.xml'].map((name) =>
        readFileSync(join(ci.project.folder, 'reports', name), 'utf8'),
      ) as [string, string];
      expect(sarifProblems(JSON.parse(log))).toEqual([]);
      expect(log).toContain('"ruleId": "SP104"');
      expect(await junitProblems(junit)).toEqual([]);
      expect(junit).toContain('<failure type="SP104"');
    });
    await withConfig(ci, [() => 'export default 3;\n'], async () => {
      expect((await run(plan, onPullRequest())).conclusion).toBe('failure');
      expect(last()).toMatch(/^<!-- mlops plan of dev in \. -->\n### The plan could not be made\n/);
    });
    // What is left of a push before does not stand for this one.
    mkdirSync(join(ci.project.folder, 'reports'), { recursive: true });
    const [install] = plan.steps.filter(({ name }) => name === 'Install');
    const broken = plan.steps.map((step) => (step === install ? { ...step, run: 'exit 1' } : step));
    expect((await run({ ...plan, steps: broken }, onPullRequest())).conclusion).toBe('failure');
    expect(last()).toContain('### No plan was made');
    expect(ours().filter((body) => body.includes('plan of dev'))).toHaveLength(1);
    rmSync(join(ci.project.folder, 'reports'), { recursive: true, force: true });
  }, 180_000);

  it('a plan of 1,500 changes fits a comment with all that the step writes around it', async () => {
    await withConfig(ci, [many], async () => {
      expect((await run(plan, onPullRequest())).conclusion).toBe('success');
      expect(last().length).toBeGreaterThan(55_000);
      expect(last()).toContain('**Cut to fit a comment**');
      expect(last()).toContain(`${COMMIT}, [log](`);
    });
  }, 120_000);

  it('says why GitHub refuses, and its token stands in no log and in no list of processes', async () => {
    await withConfig(ci, [], async () => {
      const logs: string[] = [];
      token = { value: TOKEN, mayWrite: false };
      const refused = await run(plan, onPullRequest());
      logs.push(refused.log);
      expect(outcomes(refused)).toEqual(expect.arrayContaining(['Plan: success', 'Comment: failure']));
      expect(refused.conclusion).toBe('failure');
      expect(refused.log).toContain('Resource not accessible by integration');
      token = { value: TOKEN, mayWrite: true };
      const contexts = onPullRequest();
      token = { value: 'another', mayWrite: true };
      const unknown = await run(plan, contexts);
      logs.push(unknown.log);
      expect(unknown.log).toContain('Bad credentials');
      token = { value: TOKEN, mayWrite: true };
      logs.push((await run(plan, onPullRequest())).log, (await run(apply, onPush())).log, ci.calls());
      expect(logs.join('\n')).not.toContain(TOKEN);
      expect(ci.calls()).toMatch(/^curl .*--header @-/m);
    });
  }, 120_000);
});

interface Gitlab {
  readonly variables: Readonly<Record<string, string>>;
  readonly plan: GitlabJob;
  readonly apply: GitlabJob;
}

interface GitlabJob {
  readonly script: readonly string[];
  readonly rules: readonly { readonly if: string }[];
  readonly resource_group: string;
  readonly interruptible: boolean;
  readonly parallel: { readonly matrix: readonly Readonly<Record<string, readonly string[]>>[] };
  readonly artifacts: { readonly when: string; readonly reports: { readonly junit: string } };
}

describe('templates/ci/gitlab.yml', () => {
  const text = readFileSync(join(root, 'templates/ci/gitlab.yml'), 'utf8');
  const pipeline = parse(text) as Gitlab;
  let ci: PipelineProject;
  let host: GitlabApi;
  beforeAll(async () => {
    [ci, host] = await Promise.all([pipelineProject('gitlab'), playGitlab(TOKEN)]);
  }, 60_000);
  afterAll(async () => {
    await host.close();
    await ci.project.remove();
  }, 60_000);

  /** As GitLab's runner does: all commands in one shell that stops at the first failure; `sh` where the image has no bash. */
  const run = (
    name: 'plan' | 'apply',
    env: NodeJS.ProcessEnv = {},
    by: readonly string[] = ['bash', '-eo', 'pipefail'],
  ) =>
    shell([...by, '-c', pipeline[name].script.join('\n')], ci.project.folder, {
      PATH: ci.path,
      ...pipeline.variables,
      MLOPS_ENV: 'dev',
      CI_API_V4_URL: host.apiUrl,
      CI_PROJECT_ID: '42',
      CI_PROJECT_DIR: ci.project.folder,
      CI_COMMIT_SHA: COMMIT,
      CI_JOB_URL: 'https://gitlab.acme.example/clinic/-/jobs/5',
      ...(name === 'plan' ? { CI_MERGE_REQUEST_IID: '7', CI_MERGE_REQUEST_LABELS: '' } : { CI_COMMIT_BRANCH: 'main' }),
      MLOPS_COMMENT_TOKEN: TOKEN,
      ...env,
    });
  const bot = () => host.notes.filter(({ author }) => author.id === 77).map(({ body }) => body);
  const last = (): string => bot().at(-1) ?? '';

  it("is valid by GitLab's schema, and what init --ci gitlab writes", () => {
    expect(pipelineProblems('gitlab-ci', pipeline)).toEqual([]);
    expect(readFileSync(join(ci.project.folder, '.gitlab-ci.yml'), 'utf8')).toBe(text);
    expect(pipeline.plan.artifacts).toMatchObject({ when: 'always', reports: { junit: 'reports/plan.junit.xml' } });
  });

  it('runs nothing for merge requests of forks, and one of a kind at a time', () => {
    expect(pipeline.plan.rules).toEqual([
      {
        if: '$CI_PIPELINE_SOURCE == "merge_request_event" && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID',
      },
    ]);
    expect(pipeline.apply.rules).toEqual([
      { if: '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH' },
    ]);
    expect([pipeline.plan.interruptible, pipeline.apply.interruptible]).toEqual([true, false]);
    expect(pipeline.plan.resource_group).toContain('$MLOPS_ENV-$CI_MERGE_REQUEST_IID');
    expect(pipeline.apply.resource_group).toContain('$MLOPS_ENV');
  });

  it('notes once an environment and writes in its note from then on, by sh as well', async () => {
    await withConfig(ci, [staged], async () => {
      const jo = { id: 5, username: 'jo' };
      for (let id = 1; id <= 120; id += 1)
        host.notes.push({ id, author: jo, system: id % 2 === 0, body: '<!-- mlops plan of dev in . -->\nof a person' });
      const first = await run('plan');
      expect([first.code, bot()]).toEqual([0, [expect.stringContaining('### Plan for `my-project/dev`: 5 to create')]]);
      expect(last()).toContain(`${COMMIT}, [log](https://gitlab.acme.example/clinic/-/jobs/5)`);
      host.asked.length = 0;
      expect((await run('plan', {}, ['sh', '-e'])).code).toBe(0);
      expect(host.asked.map((line) => line.replace(/\?.*page=/, '?page='))).toEqual([
        'GET /api/v4/user',
        'GET /api/v4/projects/42/merge_requests/7/notes?page=1',
        'GET /api/v4/projects/42/merge_requests/7/notes?page=2',
        'PUT /api/v4/projects/42/merge_requests/7/notes/1120',
      ]);
      expect((await run('plan', { MLOPS_ENV: 'staging' })).code).toBe(0);
      expect((await run('plan', { MLOPS_ENV: 'staging' })).code).toBe(0);
      expect(bot()).toHaveLength(2);
      expect(last()).toContain('### Plan for `my-project/staging`');
    });
  }, 120_000);

  it('notes what is held back, denied or cannot be made, and fails as mlops does', async () => {
    expect((await run('apply')).code).toBe(0);
    const of = (): string => bot().find((body) => body.includes('plan of dev')) ?? '';
    await withConfig(ci, [breaking], async () => {
      expect((await run('plan')).code).toBe(3);
      expect(of()).toContain('**Blocked by --fail-on breaking: feature_set.labs');
      expect((await run('plan', { CI_MERGE_REQUEST_LABELS: 'docs,allow-breaking' })).code).toBe(0);
      host.mergeRequests.push({ iid: 6, state: 'opened', target_branch: 'main', labels: ['allow-breaking'] });
      const held = await run('apply');
      expect([held.code, held.output]).toEqual([3, expect.stringContaining('Blocked by --fail-on breaking')]);
      host.mergeRequests.push({ iid: 7, state: 'merged', target_branch: 'main', labels: ['allow-breaking'] });
      expect((await run('apply', {}, ['sh', '-e'])).code).toBe(0);
    });
    await withConfig(ci, [denying], async () => {
      expect((await run('plan')).code).toBe(3);
      expect(of()).toContain('**Denied by policy.frozen.**');
    });
    await withConfig(ci, [() => 'export default 3;\n'], async () => {
      expect((await run('plan')).code).toBe(1);
      expect(of()).toContain('### The plan could not be made');
      expect(existsSync(join(ci.project.folder, 'reports/plan.junit.xml'))).toBe(true);
    });
    expect(bot().filter((body) => body.includes('plan of dev'))).toHaveLength(1);
  }, 120_000);

  it('says which token it needs where there is none or it is the job’s own, and shows it nowhere', async () => {
    await withConfig(ci, [], async () => {
      for (const name of ['plan', 'apply'] as const) {
        const without = await run(name, { MLOPS_COMMENT_TOKEN: '' });
        expect(without.code).not.toBe(0);
        expect(without.output).toContain('MLOPS_COMMENT_TOKEN: is not set: make a project access token');
      }
      const jobs = await run('plan', { MLOPS_COMMENT_TOKEN: 'glcbt-of-the-job' });
      expect(jobs.code).not.toBe(0);
      expect(jobs.output).toContain('401 Unauthorized');
      expect(`${(await run('plan')).output}${ci.calls()}`).not.toMatch(/T0ken|glcbt/);
    });
  }, 120_000);
});
