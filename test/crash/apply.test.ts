import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StateStore } from '../../src/stores/control/state.ts';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { openState } from '../../src/stores/postgres/postgres-state.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { applyStep, fileEffects, outcomeOf, planStep, type Step } from './apply-scenario.ts';

const child = fileURLToPath(new URL('./apply-child.ts', import.meta.url));

let fresh: FreshDatabase;
let db: Database;
let files: TemporaryDirectory;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = await openControlDatabase({ connectionString: fresh.connectionString });
  files = await temporaryDirectory();
});

afterAll(async () => {
  await db?.close();
  await fresh?.drop();
  await files?.remove();
});

interface Site {
  readonly project: string;
  readonly directory: string;
  readonly state: StateStore;
}

/** A scope of its own, brought to where `step` starts. */
async function siteBefore(step: Step, project: string): Promise<Site> {
  const directory = join(files.path, project);
  const state = openState(db, { project, environment: 'dev' });
  const site = { project, directory, state };
  fileEffects(directory);
  if (step !== 'first') await applyHere('first', site);
  if (step === 'destroy' || step === 'rename') await applyHere('second', site);
  return site;
}

/** Whether there was something to do. */
async function applyHere(step: Step, { state, directory }: Site): Promise<boolean> {
  const result = await applyStep(step, state, fileEffects(directory), 10);
  expect(result).toMatchObject({ outcome: 'succeeded', failed: [], skipped: [], remaining: [] });
  return result.applyId !== null;
}

/** `killed` at the boundary, or `finished` where it has fewer. */
async function applyInChild(
  step: Step,
  site: Site,
  killAt: number,
  concurrency: number,
): Promise<'killed' | 'finished'> {
  const args = [
    '--import',
    'jiti/register',
    child,
    fresh.connectionString,
    site.project,
    site.directory,
    step,
    String(killAt),
    String(concurrency),
  ];
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    process_.on('error', reject);
    process_.on('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  if (signal === 'SIGKILL') return 'killed';
  expect([code, signal]).toEqual([0, null]);
  return 'finished';
}

async function resume(step: Step, site: Site): Promise<boolean> {
  // The holder is known to be dead, so its lease need not be waited for.
  const holder = await site.state.lockHolder();
  if (holder !== null) expect(await site.state.unlock(holder.id)).toBe(true);
  return applyHere(step, site);
}

describe.each([
  ['first', 1, 3],
  ['second', 1, 1],
  ['second', 10, 2],
  ['rename', 1, 1],
  ['destroy', 1, 3],
] as const)('an apply of the %s step, %i at once, killed at boundaries %i apart', (step, concurrency, apart) => {
  it('ends in the same state as an undisturbed one when it is applied again', async () => {
    const undisturbed = await siteBefore(step, `undisturbed-${step}-${concurrency}`);
    await applyHere(step, undisturbed);
    const expected = await outcomeOf(undisturbed.state, undisturbed.directory);

    let kills = 0;
    let next = 1;
    let finished = false;
    const worker = async (): Promise<void> => {
      while (!finished) {
        const killAt = next;
        next += apart;
        const site = await siteBefore(step, `killed-${step}-${concurrency}-${killAt}`);
        if ((await applyInChild(step, site, killAt, concurrency)) === 'finished') finished = true;
        else kills += 1;
        const resumed = await resume(step, site);
        expect(await outcomeOf(site.state, site.directory), `killed at boundary ${killAt}`).toEqual(expected);
        const again = await planStep(step, site.state);
        expect(again.changes.filter(({ actions }) => actions[0] !== 'no-op')).toEqual([]);
        // Killed after the last outcome there was nothing left to do, and the apply stays without an end until the next one.
        const applies = await site.state.applies(10);
        if (resumed) expect(applies.map(({ outcome }) => outcome)).not.toContain(null);
      }
    };
    await Promise.all([worker(), worker()]);
    // The start, lock, begin, end and release have one each, every change one for its intent and one for its outcome.
    expect(kills).toBeGreaterThanOrEqual(Math.floor((5 + 2 * 5) / apart));
  }, 300_000);
});
