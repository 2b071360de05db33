/** What is done to daemons, their tasks, their store and their machine while runs are under way. Each goes on until it is stopped. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../src/stores/postgres/database.ts';
import type { EmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import type { Random } from '../../src/training/random.ts';
import type { Daemons } from './daemons.ts';

export interface Victims {
  readonly db: Database;
  readonly server: EmbeddedPostgres;
  readonly daemons: Daemons;
  readonly tasks: () => Promise<readonly number[]>;
  readonly random: Random;
  /** Aborts when it is enough. */
  readonly signal: AbortSignal;
}

/** Answers how often it struck. */
export type Injury = (victims: Victims) => Promise<number>;

const kill = (pid: number | undefined, signal: NodeJS.Signals): boolean => {
  try {
    return pid !== undefined && process.kill(pid, signal);
  } catch {
    return false;
  }
};

/** Again and again, after a time that the seed tells. */
function every(fromMs: number, toMs: number, strike: (victims: Victims) => Promise<boolean> | boolean): Injury {
  return async (victims) => {
    let struck = 0;
    while (!victims.signal.aborted) {
      await pause(fromMs + (toMs - fromMs) * victims.random.next(), undefined, { signal: victims.signal }).catch(
        () => {},
      );
      if (!victims.signal.aborted && (await strike(victims))) struck += 1;
    }
    return struck;
  };
}

const one = <T>(items: readonly T[], random: Random): T | undefined => items[Math.floor(random.next() * items.length)];

export const killDaemons = every(200, 900, ({ daemons, random }) => kill(one(daemons.pids(), random), 'SIGKILL'));

export const killTasks = every(50, 250, async ({ tasks, random }) => kill(one(await tasks(), random), 'SIGKILL'));

/** Longer than a lease lasts: others take over meanwhile. */
export const stopDaemonsBeyondTheirLease = every(100, 300, async ({ daemons, random }) => {
  const pid = one(daemons.pids(), random);
  if (!kill(pid, 'SIGSTOP')) return false;
  await pause(3_500);
  return kill(pid, 'SIGCONT');
});

/** Whoever holds the server starts it again, on its port. */
export const restartPostgres = (everyMs: number, signal: NodeJS.Signals): Injury =>
  every(everyMs, everyMs, ({ server }) => kill(server.pid, signal));

export const cutTheHints = every(50, 200, async ({ db }) => {
  const rows = await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
  );
  return rows.length > 0;
});

export const cutEveryConnection = every(200, 600, async ({ db }) => {
  const rows = await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  );
  return rows.length > 0;
});

/** The store can write no more, then it can again. */
export const fillTheDisk = every(300, 500, async ({ db }) => {
  await db.query(`
    create or replace function public.disk_is_full() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`);
  for (const table of ['tasks', 'task_attempts', 'run_events', 'run_event_batches', 'task_logs'])
    await db.query(
      `create or replace trigger disk_is_full before insert or update on mlops.${table} for each statement execute function public.disk_is_full()`,
    );
  await pause(700);
  await db.query('drop function public.disk_is_full() cascade');
  return true;
});

/** Nothing but what the workload and the way to the store do by themselves. */
export const nothing: Injury = every(100, 100, () => true);
