/** A site on a real Postgres: a process that dies is a child that kills itself with SIGKILL. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createPlan } from '../../src/plan/create-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { liveVersions, postgresEffects } from '../support/postgres-effects.ts';
import type { Mishap } from './commands.ts';
import { applyAt, type Site } from './site.ts';

const CHILD = fileURLToPath(new URL('./apply-child.ts', import.meta.url));

/** What the child reads from its standard input. */
export interface ChildOrder {
  readonly connectionString: string;
  readonly scopeId: number;
  readonly plan: Plan;
  readonly atOnce: number;
  readonly mishap: Mishap;
}

export async function postgresSite(db: Database, connectionString: string, project: string): Promise<Site> {
  const scopeId = await ensureScope(db, { project, environment: 'dev' });
  const state = postgresState(db, scopeId);
  const effects = postgresEffects(db, scopeId);
  return {
    state,
    effects,
    createPlan,
    world: () => liveVersions(db, scopeId),
    apply: async (order) => {
      const { plan, atOnce, die, fail } = order;
      if (die === undefined) return applyAt(state, effects, order);
      const mishap: Mishap = { die, ...(fail !== undefined && { fail }) };
      const killed = await inChild({ connectionString, scopeId, plan, atOnce, mishap });
      return killed ? { is: 'died' } : { is: 'ended', result: { ...NOTHING, applyId: 'in a child' } };
    },
  };
}

const NOTHING = { outcome: 'succeeded', done: [], failed: [], skipped: [], remaining: [] } as const;

/** Whether it was killed at the boundary; it may have ended before. */
function inChild(order: ChildOrder): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', 'jiti/register', CHILD], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(JSON.stringify(order));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve(signal === 'SIGKILL');
      else reject(new Error(`the child ended with ${code ?? signal}`));
    });
  });
}
