/** Applies a plan and kills itself at a boundary. Reads a ChildOrder from its standard input. Exits 0 where it runs through or is refused. */
import { text } from 'node:stream/consumers';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { postgresEffects } from '../support/postgres-effects.ts';
import type { ChildOrder } from './postgres-site.ts';
import { applyAt } from './site.ts';

const { connectionString, scopeId, plan, atOnce, mishap } = JSON.parse(await text(process.stdin)) as ChildOrder;
const db = openDatabase({ connectionString });
try {
  const order = { plan, atOnce, ...mishap, onDeath: () => process.kill(process.pid, 'SIGKILL') };
  await applyAt(postgresState(db, scopeId), postgresEffects(db, scopeId), order);
} finally {
  await db.close();
}
