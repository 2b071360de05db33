/** The example of rollouts, end to end over HTTP: versions, traffic and outcomes; a good version is promoted by itself, a bad one rolled back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectFrom, type TestDaemon, until } from '../support/project.ts';

const project = projectFrom('examples/rollouts');
let daemon: TestDaemon;

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

interface RolloutView {
  readonly version: number;
  readonly status: string;
  readonly share: number;
  readonly reason: string;
  readonly decisions: readonly { readonly kind: string; readonly share: number; readonly checks: readonly unknown[] }[];
}

async function versionBy(pipeline: string, stage: string): Promise<number> {
  const ran = await project.mlops(['run', pipeline, '--follow']);
  expect(ran.code, ran.stderr).toBe(0);
  const { items } = await call<{ items: { id: string; version: number }[] }>('GET', '/api/v1/models?name=failure');
  await call('PUT', `/api/v1/models/${items[0]?.id}/stage`, { stage });
  return items[0]!.version;
}

let asked = 0;
/** Forty sensors ask; what became of each is told at once. */
async function traffic(): Promise<ReadonlySet<number>> {
  const versions = new Set<number>();
  const outcomes: { request_id: string; outcome: number }[] = [];
  for (let n = 0; n < 40; n += 1) {
    asked += 1;
    const failing = asked % 2;
    const { model, request_id } = await call<{ model: { version: number }; request_id: string }>(
      'POST',
      '/api/v1/endpoints/failures/predict',
      { inputs: { sensor: `sensor ${asked}`, heat: failing ? 82 : 21, load: failing ? 8 : 2 } },
    );
    versions.add(model.version);
    outcomes.push({ request_id, outcome: failing });
  }
  await call('POST', '/api/v1/endpoints/failures/feedback', { outcomes });
  return versions;
}

/** Traffic until the rollout of the version has ended. */
async function rolledOut(version: number): Promise<RolloutView> {
  return until(async () => {
    await traffic();
    const rollout = await call<RolloutView>('GET', '/api/v1/rollouts/failures').catch(() => undefined);
    return rollout?.version === version && !['running', 'promoting'].includes(rollout.status) ? rollout : undefined;
  }, 120_000);
}

beforeAll(async () => {
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stderr).toBe(0);
  daemon = await project.daemon();
  await versionBy('train', 'production');
}, 240_000);

afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

it('promotes a good version by itself', { timeout: 240_000 }, async () => {
  // The daemon follows the promotion.
  const first = await until(async () => traffic().catch(() => undefined));
  expect([...first]).toEqual([1]);
  const version = await versionBy('train', 'staging');
  const rollout = await rolledOut(version);
  expect(rollout.status, rollout.reason).toBe('promoted');
  const kinds = rollout.decisions.map(({ kind }) => kind).filter((kind) => kind !== 'stayed');
  expect(kinds).toEqual(['begun', 'advanced', 'promoting', 'promoted']);
  const { items } = await call<{ items: { version: number }[] }>('GET', '/api/v1/models?name=failure&stage=production');
  expect(items.map((one) => one.version)).toEqual([version]);
});

it('rolls a bad one back by itself, and tells people why', { timeout: 240_000 }, async () => {
  const version = await versionBy('train_mistaken', 'staging');
  const rollout = await rolledOut(version);
  expect(rollout.status, rollout.reason).toBe('rolled_back');
  expect(rollout.reason).toMatch(/^brier is 0\.\d+, at most 0\.\d+ is required/);
  // It got its share, and nobody gets it any more.
  await until(async () => !(await traffic()).has(version));
  const shown = await project.mlops(['rollouts', 'show', 'failures']);
  expect(shown.stdout).toContain('rolled back: brier is');
  expect(shown.stdout).toMatch(/✗ 20 %, 20 rows/);
  const results = await project.mlops(['endpoints', 'results', 'failures', '--since', '1h']);
  expect(results.code, results.stderr).toBe(0);
  expect(results.stdout).toMatch(/brier +candidate 3 .*(worse|nothing shown|too few rows)/);
});

it('is begun anew, paused, resumed and aborted by hand, over either interface', { timeout: 120_000 }, async () => {
  const tell = async (command: string, ...more: string[]) => project.mlops(['rollouts', command, 'failures', ...more]);
  const again = await tell('retry', '--reason', 'look again', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ version: 3, status: 'running', step: 1, share: 20 });
  const paused = await call('POST', '/api/v1/endpoints/failures/rollout/pause', { reason: 'holiday' });
  expect(paused).toMatchObject({ status: 'paused', share: 20, reason: 'paused by hand: holiday' });
  expect((await tell('pause')).stderr).toContain('EP212');
  expect((await tell('resume')).stdout).toContain('version 3 of failure is running, step 1 of 2, 20 %');
  expect((await tell('abort', '--reason', 'enough')).stdout).toContain('is aborted, 0 %: aborted by hand: enough');
  const listed = await project.mlops(['rollouts', 'list', '--json']);
  const { rollouts } = JSON.parse(listed.stdout) as { rollouts: RolloutView[] };
  expect(rollouts.map(({ version, status }) => `${version} ${status}`)).toEqual([
    '3 aborted',
    '3 rolled_back',
    '2 promoted',
  ]);
});
