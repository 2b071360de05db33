/** A feature set with a schedule of its own: the daemon ingests what it reads and materializes it, and tells of it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { emptyProject, until } from '../support/project.ts';

const project = emptyProject('materializing');
beforeAll(async () => {
  writeFileSync(join(project.folder, 'visits.csv'), 'id,at,bili\n1,2024-03-01,1.5\n2,2024-03-02,2\n');
  writeFileSync(
    join(project.folder, 'mlops.config.yaml'),
    JSON.stringify({
      project: 'materializing',
      resources: [
        { kind: 'Source', name: 'visits', file: '*.csv' },
        { kind: 'Entity', name: 'patient', keys: { id: 'int64' } },
        {
          kind: 'FeatureSet',
          name: 'labs',
          entity: 'patient',
          source: 'visits',
          eventTime: 'at',
          features: { bili: 'float64' },
          // Every second.
          materialize: { cron: '* * * * * *' },
        },
      ],
    }),
  );
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stderr).toBe(0);
}, 120_000);
afterAll(() => project.remove(), 60_000);

it('is materialized by the daemon again and again, with what came since', { timeout: 120_000 }, async () => {
  const daemon = await project.daemon(['--port', '0']);
  const bili = async (id: number): Promise<unknown> => {
    const answer = await fetch(`${daemon.url}/api/v1/online-features`, {
      method: 'POST',
      body: JSON.stringify({ entities: { id }, features: ['labs.bili'] }),
    });
    const body = (await answer.json()) as { rows?: readonly { features: Record<string, unknown> }[] };
    return body.rows?.[0]?.features['labs.bili'];
  };
  await until(async () => (await bili(1)) === 1.5);
  writeFileSync(join(project.folder, 'more.csv'), 'id,at,bili\n1,2024-04-01,9\n');
  await until(async () => (await bili(1)) === 9);
  // The history of it are runs like any other.
  const { items } = (await (await fetch(`${daemon.url}/api/v1/runs`)).json()) as {
    items: readonly { pipeline: string; status: string; cause: { kind: string; schedule: string } }[];
  };
  const ended = items.filter(({ status }) => status === 'succeeded');
  expect(ended.length).toBeGreaterThan(0);
  expect(items.every(({ pipeline, cause }) => pipeline === 'feature_set.labs' && cause.kind === 'schedule')).toBe(true);
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
  expect(metrics).toMatch(/^mlops_feature_set_rows\{feature_set="labs",version="1"\} 3$/m);
  expect(metrics).toMatch(
    new RegExp(`^mlops_feature_set_watermark_seconds\\{.*\\} ${Date.UTC(2024, 3, 1) / 1000}$`, 'm'),
  );
  // What fails is a run that failed, and the next one goes on.
  writeFileSync(join(project.folder, 'wrong.csv'), 'id,at,bili\n1,2024-05-01,much\n');
  const statuses = async (): Promise<readonly string[]> => {
    const answer = await fetch(`${daemon.url}/api/v1/runs?limit=200`);
    return ((await answer.json()) as { items: readonly { status: string }[] }).items.map(({ status }) => status);
  };
  await until(async () => (await statuses()).includes('failed'));
  rmSync(join(project.folder, 'wrong.csv'));
  writeFileSync(join(project.folder, 'right.csv'), 'id,at,bili\n1,2024-05-01,3\n');
  await until(async () => (await bili(1)) === 3, 90_000);
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
});
