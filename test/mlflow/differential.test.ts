/**
 * The same calls of MLflow's client to a daemon and to MLflow's own server: what is searched is found alike, whatever the filter and
 * the order. Runs and searches are random; the seed is told where they differ.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MlflowClient, type MlflowServer, mlflowClient, mlflowServer, withMlflow } from '../support/mlflow.ts';
import { emptyProject, type TestDaemon } from '../support/project.ts';
import { randomOf } from './random-searches.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_126);
const project = emptyProject('mlflow');
let daemon: TestDaemon;
let server: MlflowServer;
let ours: MlflowClient;
let theirs: MlflowClient;

beforeAll(async () => {
  if (!withMlflow) return;
  writeFileSync(join(project.folder, 'mlops.config.yaml'), 'project: tracking\nresources: []\n');
  mkdirSync(join(project.folder, 'theirs'));
  [daemon, server] = await Promise.all([project.daemon(), mlflowServer(join(project.folder, 'theirs'))]);
  [ours, theirs] = await Promise.all([mlflowClient(daemon.url), mlflowClient(server.url)]);
}, 300_000);

afterAll(async () => {
  await Promise.all([ours?.stop(), theirs?.stop()]);
  await server?.stop();
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

type Outcome = { readonly answer: unknown } | { readonly error: string };

async function outcomeOf(client: MlflowClient, name: string, args: readonly unknown[], kwargs = {}): Promise<Outcome> {
  try {
    return { answer: await client.call(name, args, kwargs) };
  } catch (error) {
    const code = String((error as Error).message).split(':')[0] ?? '';
    // What a request got wrong is never answered as an error of our own.
    return { error: code === 'INTERNAL_ERROR' && client === theirs ? 'INVALID_PARAMETER_VALUE' : code };
  }
}

async function both(name: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>> = {}) {
  const [a, b] = await Promise.all([outcomeOf(ours, name, args, kwargs), outcomeOf(theirs, name, args, kwargs)]);
  return { ours: a, theirs: b };
}

describe.runIf(withMlflow)("the daemon beside MLflow's own server", () => {
  it('finds the same runs in the same order', async () => {
    const random = randomOf(SEED);
    const experiments = ['one', 'two'];
    for (const client of [ours, theirs]) {
      const make = randomOf(SEED);
      for (const name of experiments) await client.call('call', ['create_experiment', name]);
      for (let index = 0; index < 60; index += 1) await client.call('make_run', [make.run(index)]);
    }
    const different: unknown[] = [];
    for (let index = 0; index < 250; index += 1) {
      const search = random.runSearch();
      const found = await both('search_runs', [['1', '2'].slice(0, 1 + (index % 2))], search);
      if (!isDeepStrictEqual(found.ours, found.theirs)) different.push({ seed: SEED, search, ...found });
    }
    expect(different.slice(0, 5).map((one) => JSON.stringify(one))).toEqual([]);
  }, 300_000);
});
