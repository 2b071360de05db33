/** The healthcare project with its artifacts in a bucket: trained, served, examined; and the bucket gone under a daemon. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { healthcareProject, until } from '../support/project.ts';
import { type TestBucket, testBucket, withS3 } from '../support/s3.ts';

const project = healthcareProject('s3 project');
let bucket: TestBucket;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  if (!withS3) return;
  bucket = await testBucket();
  env = { S3_ENDPOINT: bucket.endpoint, S3_KEY: bucket.accessKeyId, S3_SECRET: bucket.secretAccessKey };
  const s3 = `{ bucket: '${bucket.bucket}', endpoint: env('S3_ENDPOINT'), accessKeyId: env('S3_KEY'), secretAccessKey: env('S3_SECRET'), timeout: '1s' }`;
  const config = join(project.folder, 'mlops.config.ts');
  writeFileSync(config, readFileSync(config, 'utf8').replace('dev: {},', `dev: { artifacts: { s3: ${s3} } },`));
}, 60_000);
afterAll(async () => {
  await project.remove();
  await bucket?.remove();
}, 60_000);

const mlops = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await project.mlops(args, { env });
  expect(code, stdout + stderr).toBe(0);
  return stdout;
};

describe.runIf(withS3)('the healthcare project with artifacts on S3', () => {
  it('trains, registers and serves from the bucket, with no secret in what it writes', {
    timeout: 300_000,
  }, async () => {
    await mlops('apply', '--yes');
    expect(await mlops('doctor')).toContain(`s3://${bucket.bucket}/mlops/healthcare/dev/artifacts/`);
    const daemon = await project.daemon(['--port', '0'], { env });
    await mlops('run', 'weekly_retraining', '--follow');
    const predict = async () => {
      const body = JSON.stringify({
        inputs: [{ bili: 1, albumin: 3, protime: 11, platelet: 200, bili_albumin: 0.3, bili_change_365d: 0 }],
      });
      return fetch(`${daemon.url}/api/v1/endpoints/mortality/predict`, { method: 'POST', body });
    };
    await until(async () => (await predict()).status === 200);
    const keys = await bucket.contents();
    expect(
      keys.every((key) => /^mlops\/healthcare\/dev\/(artifacts|run-files)\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(key)),
    ).toBe(true);
    expect(existsSync(join(project.folder, '.mlops/artifacts'))).toBe(false);

    const { id, artifacts } = JSON.parse(await mlops('models', 'show', 'pbc_mortality', '--json')) as {
      id: string;
      artifacts: { path: string; digest: string }[];
    };
    const path = `${daemon.url}/api/v1/models/${id}/artifacts/model.onnx`;
    const bytes = await (await fetch(path)).arrayBuffer();
    expect(bytes.byteLength).toBeGreaterThan(1000);
    for (const secret of [bucket.secretAccessKey]) {
      expect(await mlops('plan', '--json')).not.toContain(secret);
      expect(daemon.log()).not.toContain(secret);
      for (const file of readdirSync(join(project.folder, '.mlops/logs'), { recursive: true, withFileTypes: true }))
        if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), 'utf8')).not.toContain(secret);
    }

    // The same again from the same data: the same file, from another run.
    await mlops('run', 'weekly_retraining', '--follow');
    const again = JSON.parse(await mlops('models', 'compare', 'pbc_mortality', '1', '2', '--json'));
    const nothing = { data: [], hyperparameters: [], signature: [], artifacts: [] };
    expect(again).toMatchObject({ ...nothing, features: { added: [], removed: [], reordered: false } });
    expect(again.metrics.every((one: { difference: number }) => one.difference === 0)).toBe(true);
    expect(again.lineage.map((one: { path: string }) => one.path)).toEqual(['run.id', 'tracked_run']);

    // Somebody else's bytes under the name: they are never handed out, and a look at the stores says so.
    const digest = artifacts.find((artifact) => artifact.path === 'model.onnx')!.digest;
    await bucket.put(`mlops/healthcare/dev/artifacts/${digest.slice(0, 2)}/${digest}`, Buffer.from('other'));
    const damaged = await fetch(path);
    expect([damaged.status, await damaged.json()]).toEqual([404, expect.objectContaining({ code: 'MD203' })]);
    expect(await mlops('plan', '--refresh-only')).toContain('model.onnx');
    // What is loaded goes on.
    expect((await predict()).status).toBe(200);
    daemon.kill('SIGTERM');
    await daemon.ended;
  });
});
