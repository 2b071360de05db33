/** Promotions while clients keep asking: no request is dropped, and every answer comes from one version or the other. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { healthcareProject, type TestDaemon, until } from '../support/project.ts';

const project = healthcareProject('promotion');
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

async function train(): Promise<void> {
  const { run_id } = await call<{ run_id: string }>('POST', '/api/v1/runs', { pipeline: 'weekly_retraining' });
  const run = await until(async () => {
    const found = await call<{ status: string }>('GET', `/api/v1/runs/${run_id}`);
    return found.status === 'queued' || found.status === 'running' ? undefined : found;
  }, 120_000);
  expect(run.status).toBe('succeeded');
}

beforeAll(async () => {
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stderr).toBe(0);
  daemon = await project.daemon();
  await train();
  await train();
}, 240_000);

afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

it('drops no request across twenty promotions', { timeout: 180_000 }, async () => {
  const versions = (
    await call<{ items: { id: string; version: number }[] }>('GET', '/api/v1/models?name=pbc_mortality')
  ).items;
  expect(versions.map(({ version }) => version)).toEqual([2, 1]);
  const inputs = { bili: 3.4, albumin: 2.9, protime: 11.6, platelet: 190, bili_albumin: 1.17, bili_change_365d: 1.2 };
  const seen = new Map<number, number>();
  const failures: unknown[] = [];
  let asking = true;
  const client = async (id: number): Promise<void> => {
    for (let n = 0; asking; n += 1) {
      try {
        const { model } = await call<{ model: { version: number } }>('POST', '/api/v1/endpoints/mortality/predict', {
          inputs: { ...inputs, id: id * 1_000_000 + n },
        });
        seen.set(model.version, (seen.get(model.version) ?? 0) + 1);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const clients = [1, 2, 3].map(client);
  for (let promotion = 0; promotion < 20; promotion += 1) {
    const target = versions[promotion % 2 === 0 ? 1 : 0];
    await call('PUT', `/api/v1/models/${target?.id}/stage`, { stage: 'production', reason: `promotion ${promotion}` });
    await until(async () => {
      const { variants } = await call<{ variants: { variant: string; version: number | null }[] }>(
        'GET',
        '/api/v1/endpoints/mortality',
      );
      return variants.find(({ variant }) => variant === 'control')?.version === target?.version;
    });
  }
  asking = false;
  await Promise.all(clients);
  expect(failures).toEqual([]);
  expect([...seen.keys()].sort()).toEqual([1, 2]);
});
