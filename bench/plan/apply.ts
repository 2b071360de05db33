/**
 * Applying 5,000 feature sets with the journal and the feature sets' versions on an embedded Postgres; without the command
 * line. Limit: 12 s. `node --import jiti/register bench/plan/apply.ts [SETS]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyPlan } from '../../src/apply/apply.ts';
import type { ResourceEffects } from '../../src/apply/effects.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import { structureDigest, structureOf } from '../../src/spec/feature-set-structure.ts';
import type { ArtifactStore } from '../../src/stores/artifacts.ts';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';
import { openState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { acquireEmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { benchProject } from './project.ts';

const sets = Number(process.argv[2] ?? 5000);
const limitSeconds = 12;

const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-apply-'));
const server = await acquireEmbeddedPostgres({ dir: join(folder, '.mlops') });
const db = await openControlDatabase({ connectionString: server.connectionString });
const scope = { project: 'bench', environment: 'dev' };
const featureState = createPostgresFeatureState(db, await ensureScope(db, scope));
const state = openState(db, scope);
const effects: ResourceEffects = {
  registerFeatureSet: async (set, entity) => ({
    version: await featureState.registerVersion(set.name, structureDigest(set, entity), structureOf(set, entity)),
  }),
  dropFeatureSet: async (name) => void (await featureState.drop(name)),
  liveRuns: async () => 0,
};
const project = benchProject(sets, '400d');

async function timed(name: string, mode: 'apply' | 'destroy', desired = project): Promise<number> {
  const plan = createPlan({ project: desired, environment: 'dev', state: await state.read(), mode });
  const started = performance.now();
  const cpu = process.cpuUsage();
  const result = await applyPlan({
    plan,
    bundleFiles: new Map(),
    state,
    effects,
    artifacts: {} as ArtifactStore,
    who: 'bench',
    gitCommit: null,
    root: folder,
  });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `${name.padEnd(12)} ${sets} sets: ${seconds.toFixed(2)} s (limit ${limitSeconds} s), of it ${((user + system) / 1e6).toFixed(2)} s CPU here, ${result.outcome}`,
  );
  return seconds;
}

try {
  const seconds = [
    await timed('create', 'apply'),
    await timed('update all', 'apply', benchProject(sets, '365d')),
    await timed('destroy', 'destroy'),
  ];
  console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
  process.exitCode = seconds.some((one) => one > limitSeconds) ? 1 : 0;
} finally {
  await db.close();
  await server.release();
  rmSync(folder, { recursive: true, force: true });
}
