/** What an environment says, planned and recorded like a resource. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { withEnvironment } from '../../src/spec/environment-resource.ts';
import type { Project } from '../../src/spec/project.ts';
import type { EnvironmentSpec } from '../../src/spec/schema-types.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { projectOf, resource } from '../support/specs.ts';

const task = { operator: 'command', command: 'true', needs: [] } as const;

function project(settings: EnvironmentSpec, tasks: object = { t: task }, owner?: string): Project {
  const nightly = resource('pipeline', { name: 'nightly', tasks, ...(owner !== undefined && { owner }) } as never);
  return withEnvironment({ ...projectOf([nightly]), environments: { dev: settings } }, 'dev');
}

async function planned(before: Project, after: Project): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(before, state, { effects: memoryEffects() });
  return planOf(after, state);
}

const changeOf = (plan: Plan) => plan.changes.find(({ kind }) => kind === 'environment');
const text = (plan: Plan): string => renderHuman(plan, { color: false });

describe('the settings of an environment', () => {
  it('that change are in the plan with what was and will be, and are recorded: the next plan is empty', async () => {
    const state = memoryStateStore();
    const settings: EnvironmentSpec = {
      pools: { warehouse: 8 },
      teams: { ml: { tasks: 4 } },
      daemon: { resources: { cpu: 4 } },
    };
    await applyProject(project(settings), state, { effects: memoryEffects() });
    expect(changeOf(await planOf(project(settings), state))?.actions).toEqual(['no-op']);
    const edited = project({
      pools: { warehouse: 2 },
      teams: { ml: { tasks: 4 } },
      runner: { kubernetes: { image: 'p:1' } },
    });
    const plan = await planOf(edited, state);
    expect(changeOf(plan)).toMatchObject({ address: 'environment.dev', actions: ['update'], class: 'safe' });
    expect(text(plan)).toMatch(/~ environment\.dev .* safe .*changed: pools\.warehouse, resources, runner/);
    expect(text(plan)).toMatch(/~ pools\.warehouse +8 → 2/);
    await applyProject(edited, state, { effects: memoryEffects() });
    expect((await planOf(edited, state)).applyable).toBe(false);
    const gone = changeOf(await planOf(project({}), state));
    expect(gone?.actions).toEqual(['delete']);
  });

  it('make no resource where there are none, and say nothing of where things are kept and who may ask', async () => {
    const kept: EnvironmentSpec = {
      control: { postgres: { $env: 'DATABASE_URL' } },
      online: { redis: 'redis://localhost' },
      daemon: { host: '0.0.0.0', apiKeys: { a: { $env: 'KEY' } } },
    };
    expect([...project(kept).resources.keys()]).toEqual(['pipeline.nightly']);
  });

  it('hold no secret: a reference stays one, and of a plain text the host and a digest are kept', async () => {
    const settings = (slack: string, password: string): EnvironmentSpec => ({
      notifications: {
        ops: { slack: { url: `https://hooks.slack.com/services/${slack}` } },
        mail: { email: { smtp: `smtp://user:${password}@mail.example:587`, from: 'a@b', to: 'c@d' } },
        hook: { webhook: { url: { $env: 'HOOK' }, secret: `key${password}`, headers: { 'x-key': `head${password}` } } },
      },
      telemetry: { otlp: { endpoint: 'http://localhost:4318', headers: { authorization: `Bearer ${password}` } } },
    });
    const plan = await planned(project(settings('T0/SECRET', 'SECRET')), project(settings('T0/SECRET2', 'SECRET')));
    expect(JSON.stringify(plan)).not.toContain('SECRET');
    expect(JSON.stringify(plan)).toContain('"$env":"HOOK"');
    expect(changeOf(plan)?.diffs).toEqual([
      {
        path: '/notifications/ops/slack/url',
        before: expect.stringMatching(/^https:\/\/hooks\.slack\.com sha256:[0-9a-f]{12}$/),
        after: expect.stringMatching(/^https:\/\/hooks\.slack\.com sha256:[0-9a-f]{12}$/),
      },
    ]);
    expect(changeOf(plan)?.after).toMatchObject({ telemetry: { otlp: { endpoint: 'http://localhost:4318' } } });
  });
});

describe('a task that asks for more than its environment has', () => {
  const told = async (settings: EnvironmentSpec, asks: object, owner?: string): Promise<readonly string[]> => {
    const plan = await planOf(project(settings, { t: { ...task, ...asks } }, owner), memoryStateStore());
    return plan.changes.flatMap(({ findings }) => findings.map(({ code, detail }) => `${code} ${detail}`));
  };
  const never = (what: string): string => `PL123 pipeline.nightly: the task "t" asks for ${what}: it could never run.`;

  it('is told: cores, memory, gpus of the machine and of the team, slots of pools', async () => {
    const machine = { daemon: { resources: { cpu: 2, memory: '4Gi', gpu: 1 } } };
    expect(await told(machine, { resources: { cpu: 4, memory: '8Gi', gpu: 2 } })).toEqual([
      never('4 cores; the machine has 2'),
      never('8Gi of memory; the machine has 4Gi'),
      never('2 gpus; the machine has 1'),
    ]);
    expect(await told(machine, { resources: { cpu: 2, memory: '4Gi', gpu: 1 } })).toEqual([]);
    expect(await told({ daemon: { resources: { cpu: 0.5 } } }, {})).toEqual([never('1 cores; the machine has 0.5')]);
    expect(await told({ teams: { ml: { cpu: 1 } } }, { resources: { cpu: 2 } }, 'ml')).toEqual([
      never('2 cores; the team ml has 1'),
    ]);
    expect(await told({ teams: { ml: { cpu: 1 } } }, { resources: { cpu: 2 } }, 'other')).toEqual([]);
    expect(await told({ pools: { db: 2 } }, { pool: { db: 3 } })).toEqual([
      never('3 slots of the pool "db", which has 2'),
    ]);
    expect(await told({}, { pool: 'db' })).toEqual([never('the pool "db", which this environment does not have')]);
  });

  it('takes nothing of a machine where it runs in a cluster', async () => {
    const settings = { daemon: { resources: { gpu: 0 } }, runner: { kubernetes: { image: 'p:1' } } };
    expect(await told(settings, { resources: { gpu: 8 } })).toEqual([]);
    expect(await told(settings, { resources: { gpu: 8 }, runner: 'process' })).toEqual([
      never('8 gpus; the machine has 0'),
    ]);
  });

  it('is told of the environment where that alone changes, and once', async () => {
    const asks = { t: { ...task, pool: { db: 3 } } };
    const plan = await planned(project({ pools: { db: 4 } }, asks), project({ pools: { db: 2 } }, asks));
    expect(changeOf(plan)?.findings.map(({ code, detail }) => `${code} ${detail}`)).toEqual([
      never('3 slots of the pool "db", which has 2'),
    ]);
    const both = await planned(project({ pools: { db: 4 } }), project({ pools: { db: 2 } }, asks));
    expect(both.changes.flatMap(({ findings }) => findings.map(({ code }) => code))).toEqual(['PL123']);
  });
});

it('a circle through a pipeline that was made over HTTP is an error of the plan', async () => {
  const state = memoryStateStore();
  const made = resource('pipeline', {
    name: 'made',
    triggers: [{ pipeline: 'nightly' }],
    tasks: { t: { ...task } },
  } as never);
  await applyProject(project({}), state, { effects: memoryEffects() });
  const { address, kind, name, spec, digest, dependsOn } = made;
  await state.putFromApi({ address, kind, name, spec: spec as never, digest, dependsOn, protect: false }, 'api', {});
  const closing = resource('pipeline', {
    name: 'nightly',
    tasks: { t: { operator: 'run_pipeline', pipeline: 'made', needs: [] } },
    triggers: [{ pipeline: 'made' }],
  } as never);
  const plan = await planOf(projectOf([closing]), state);
  expect(plan.errored).toBe(true);
  expect(
    plan.changes.flatMap(({ findings }) => findings.map(({ code, detail }) => `${code} ${detail}`)),
  ).toContainEqual(expect.stringMatching(/^PL120 .*made → nightly → made/));
});
