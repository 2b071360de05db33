/** The README's first command, on a copy of the project in a path with spaces: once from nothing, once more. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { healthcareProject } from '../support/project.ts';

const script = join(dirname(fileURLToPath(import.meta.url)), '../../scripts/quickstart.mjs');
const project = healthcareProject('a project with spaces');
afterAll(() => project.remove());

function quickstart(): Promise<{ code: number | null; output: string; seconds: number }> {
  const start = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, project.folder], {
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const add = (text: string): void => {
      output += text;
    };
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    child.once('close', (code) => resolve({ code, output, seconds: (performance.now() - start) / 1000 }));
  });
}

describe('quickstart', () => {
  it('builds, trains, promotes and serves from nothing', { timeout: 180_000 }, async () => {
    const { code, output } = await quickstart();
    expect(output).toContain('+ endpoint.mortality');
    for (const task of ['ingest', 'validate', 'materialize', 'dataset', 'train', 'evaluate', 'register', 'promote']) {
      expect(output).toMatch(new RegExp(`✓ ${task} `));
    }
    expect(output).toMatch(/probability of death within a year 0\.\d+, by pbc_mortality version 1/);
    const auc = Number(/AUC (0\.\d+)/.exec(output)?.[1]);
    expect(auc).toBeGreaterThan(0.85);
    expect(code).toBe(0);
  });

  it('finds nothing to do the second time', { timeout: 180_000 }, async () => {
    const { code, output } = await quickstart();
    expect(output).toContain('No changes: 9 resources are as the specs say.');
    expect(output).toContain('nothing to do: version 1 was trained from this pipeline and this data');
    expect(output).toMatch(/by pbc_mortality version 1 \(control\)/);
    expect(code).toBe(0);
    const plan = await project.mlops(['plan', '--detailed-exitcode']);
    expect([plan.code, plan.stdout]).toEqual([
      0,
      'Nothing to change: healthcare/dev is as the specs say (9 resources).\n',
    ]);
    const status = await project.mlops(['daemon', 'status']);
    expect([status.code, status.stdout]).toEqual([1, 'No daemon runs. Start one with: mlops daemon\n']);
  });
});
