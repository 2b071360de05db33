/** A daemon keeps some of the answers that it gives to readers of features, and `features verify` replays them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { healthcareProject, type TestDaemon, until } from '../support/project.ts';

const project = healthcareProject();
let daemon: TestDaemon;

beforeAll(async () => {
  const config = join(project.folder, 'mlops.config.ts');
  const text = await readFile(config, 'utf8');
  await writeFile(config, text.replace('dev: {}', 'dev: { answerLog: { sample: 1 } }'));
  for (const args of [
    ['apply', '--yes'],
    ['features', 'materialize', 'patient_labs'],
  ])
    expect(await project.mlops(args)).toMatchObject({ code: 0 });
  daemon = await project.daemon();
}, 180_000);
afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

const post = async (path: string, body: unknown) => {
  const answer = await fetch(`${daemon.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  return answer.json();
};

it('whoever asks, by our interface or as Feast does', { timeout: 120_000 }, async () => {
  const pushed = await fetch(`${daemon.url}/api/v1/online-features`, {
    method: 'PUT',
    body: JSON.stringify({ feature_set: 'patient_labs', entity_id: 5, features: { bili: 2, albumin: 4 } }),
  });
  expect(pushed.status).toBe(204);
  const asked = { entities: { id: 5 }, features: ['patient_labs.bili', 'patient_labs.bili_albumin'] };
  expect(await post('/api/v1/online-features', asked)).toMatchObject({
    rows: [{ features: { 'patient_labs.bili': 2, 'patient_labs.bili_albumin': 0.5 } }],
  });
  await post('/get-online-features', {
    features: ['patient_labs:bili', 'patient_labs:albumin'],
    entities: { id: [5, 7] },
  });

  const verified = () => project.mlops(['features', 'verify', '--of', 'answers', '--json']);
  await until(async () => JSON.parse((await verified()).stdout).answers >= 2, 20_000);
  expect((await project.mlops(['features', 'materialize', 'patient_labs'])).code).toBe(0);
  const { code, stdout } = await verified();
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { predictions: 0, values: 4, equal: 4, causes: [] }]);
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
  expect(metrics).toMatch(/^mlops_online_answers_kept_total 2$/m);
  expect(metrics).toMatch(/^mlops_online_answers_dropped_total 0$/m);
});
