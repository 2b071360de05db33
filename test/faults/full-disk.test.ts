/**
 * A daemon whose whole disk is full for a while, again and again: the embedded server's data and log of writes, working directories,
 * artifacts, everything below .mlops. Where no file system of a known size can be mounted (it takes root), this is left out.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createPostgresRuns } from '../../src/stores/postgres/postgres-runs.ts';
import { acquireEmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { emptyProject, type RunningCommand, type TestProject, until } from '../support/project.ts';
import { brokenInvariants } from './invariants.ts';
import { marksIn } from './workload.ts';

const SECONDS = Number(process.env['MLOPS_FAULT_SECONDS'] ?? 4);
const TIMES = Math.max(2, Math.round(SECONDS / 8));

function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'mlops mount '));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]).status === 0;
  if (mounted) spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true, force: true });
  return mounted;
}

describe.skipIf(!canMount())('a disk of its own that is full for a while', () => {
  let project: TestProject;
  let disk: string;
  let daemon: RunningCommand;
  let url = '';
  let isStopping = false;

  beforeAll(async () => {
    project = emptyProject('full disk');
    disk = join(project.folder, '.mlops');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=280m,mode=0711', 'tmpfs', disk]);
    const mark = `\\"$MLOPS_RUN_ID $MLOPS_TASK $MLOPS_ATTEMPT\\" >> ${project.folder.replaceAll(' ', '\\\\ ')}/marks`;
    const program = (body: string): string => `echo \\"start \\"${mark}; ${body}; echo \\"end \\"${mark}`;
    const retry = '{ limit: 50, backoff: { initial: 200ms, factor: 1 } }';
    writeFileSync(
      join(project.folder, 'mlops.config.yaml'),
      `
project: full
resources:
  - kind: Pipeline
    name: p
    tasks:
      a: { operator: command, command: "${program('sleep 0.2')}", retry: ${retry}, resources: { cpu: 0.25 } }
      b: { operator: command, command: "${program('head -c 300000 /dev/urandom | base64')}", needs: [a], retry: ${retry}, resources: { cpu: 0.25 } }
      c: { operator: command, command: "${program('head -c 2000000 /dev/zero > left')}", needs: [a], retry: ${retry}, resources: { cpu: 0.25 } }
      d: { operator: command, command: "${program('true')}", needs: [b, c], retry: ${retry}, resources: { cpu: 0.25 } }
`,
    );
    const applied = await project.mlops(['apply', '--yes']);
    expect(applied.code, applied.stdout + applied.stderr).toBe(0);
    await bring();
  }, 120_000);
  afterAll(async () => {
    isStopping = true;
    daemon?.kill('SIGKILL');
    await daemon?.ended;
    rmSync(join(disk, 'filler'), { force: true });
    await (await acquireEmbeddedPostgres({ dir: disk })).release().catch(() => {});
    spawnSync('umount', ['-l', disk]);
    await project.remove();
  }, 120_000);

  /** As under systemd: one that ends comes back. */
  async function bring(): Promise<void> {
    daemon = project.start(['daemon', '--port', '0']);
    const own = daemon;
    void own.ended.then(async () => {
      await pause(500);
      if (!isStopping && own === daemon) await bring().catch(() => {});
    });
    await own.says('ready');
    const { stdout, stderr } = own.output();
    url = /ready on (http:\S+)/.exec(stdout + stderr)?.[1] ?? url;
  }

  /** Why requests were refused. */
  const codes = new Set<string>();
  const asked = async (path: string, options?: RequestInit): Promise<Record<string, unknown> | undefined> => {
    const answer = await fetch(`${url}${path}`, { ...options, signal: AbortSignal.timeout(10_000) }).catch(
      () => undefined,
    );
    if (answer === undefined) return undefined;
    const body = (await answer.json()) as Record<string, unknown>;
    if (answer.ok) return body;
    codes.add(String(body['code']));
    return undefined;
  };

  const submit = (key: number) =>
    asked('/api/v1/runs', { method: 'POST', headers: { 'idempotency-key': `run ${key}` }, body: '{"pipeline": "p"}' });

  /** Answers whether it came to be full. */
  function fill(): boolean {
    const file = openSync(join(disk, 'filler'), 'w');
    try {
      for (const bytes of [1_000_000, 4096, 64]) {
        const chunk = Buffer.alloc(bytes);
        try {
          for (;;) if (writeSync(file, chunk) < bytes) break;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    } finally {
      closeSync(file);
    }
    return true;
  }

  it('loses no task, gives none two outcomes, leaves no slot and no process, and every run ends', {
    timeout: 420_000,
  }, async () => {
    const keys = new Set<number>();
    const known = new Map<number, string>();
    let next = 0;
    let refused = 0;
    const ask = async (): Promise<void> => {
      const key = next++;
      keys.add(key);
      const run = await submit(key);
      if (run === undefined) refused += 1;
      else known.set(key, String(run['run_id']));
    };
    for (let time = 0; time < TIMES; time += 1) {
      for (let n = 0; n < 3; n += 1) await ask();
      expect(fill()).toBe(true);
      const full = performance.now() + 4_000;
      while (performance.now() < full) {
        await ask();
        await pause(300);
        // What was freed meanwhile is taken too.
        fill();
      }
      rmSync(join(disk, 'filler'), { force: true });
      await ask();
    }
    for (const key of keys)
      known.set(key, await until(async () => (await submit(key))?.['run_id'] as string | undefined, 120_000));
    for (const runId of known.values())
      await until(async () => (await asked(`/api/v1/runs/${runId}`))?.['finished_at'] ?? undefined, 180_000);
    expect(refused).toBeGreaterThan(0);
    // Full, or restarted because of it.
    expect([...codes].filter((code) => code !== 'ST106' && code !== 'ST101')).toEqual([]);
    isStopping = true;
    daemon.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);

    const server = await acquireEmbeddedPostgres({ dir: disk });
    const db = openDatabase({ connectionString: server.connectionString });
    try {
      const [scope] = await db.query<{ scope_id: string }>(`select scope_id from mlops.scopes where project = 'full'`);
      const runs = createPostgresRuns(db, Number(scope?.scope_id), { connectionString: server.connectionString });
      const records = await Promise.all([...new Set(known.values())].map(async (runId) => (await runs.get(runId))!));
      expect(records).toHaveLength(keys.size);
      expect(await brokenInvariants(db, records, await marksIn(project.folder))).toEqual([]);
      expect(records.map(({ status }) => status)).toEqual(records.map(() => 'succeeded'));
    } finally {
      await db.close();
      await server.release();
    }
  });
});
