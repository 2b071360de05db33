/** Every example and every template is a complete project: it plans, applies, plans empty, runs each pipeline and is destroyed. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { projectFrom } from '../support/project.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const projects = ['examples', 'templates'].flatMap((folder) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`)
    .filter((path) => readdirSync(join(root, path)).some((name) => name.startsWith('mlops.config.'))),
);

describe('examples', () => {
  it.each(projects)('%s works from plan to destroy', { timeout: 180_000 }, async (path) => {
    const project = projectFrom(path);
    const succeed = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await project.mlops(args);
      expect([args.join(' '), code, code === 0 ? '' : stderr]).toEqual([args.join(' '), 0, '']);
      return stdout;
    };
    try {
      await succeed('validate');
      const plan = JSON.parse(await succeed('plan', '--json'));
      expect(plan.summary.create).toBeGreaterThan(0);
      await succeed('apply', '--yes');
      const { resources } = JSON.parse(await succeed('state', 'list', '--json')) as {
        resources: { address: string }[];
      };
      for (const { address } of resources) {
        if (address.startsWith('pipeline.')) await succeed('run', address.slice('pipeline.'.length), '--follow');
      }
      expect(JSON.parse(await succeed('features', 'list', '--json')).feature_sets.length).toBeGreaterThan(0);
      expect((await project.mlops(['plan', '--detailed-exitcode'])).code).toBe(0);
      await succeed('destroy', '--yes');
      // Beside the snapshots that it made: these stay for a while.
      const { snapshots: _, ...summary } = JSON.parse(await succeed('plan', '--json')).summary;
      expect({ ...summary, snapshots: plan.summary.snapshots }).toEqual(plan.summary);
    } finally {
      await project.remove();
    }
  });
});
