/**
 * Applies the first step with a short lease and holds still after the intent of a feature set is durable, until a line comes on
 * its standard input. Tells on its standard output: `intent` then, `effect NAME` for each effect, at the end `outcome …` or the
 * error's code. Arguments: connection string, project, lease in milliseconds.
 */
import { once } from 'node:events';
import { MlopsError } from '../../src/lib/error.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { postgresEffects } from '../support/postgres-effects.ts';
import { applyStep } from './apply-scenario.ts';

const [connectionString = '', project = '', leaseMs = '0'] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const db = await openControlDatabase({ connectionString });
const scopeId = await ensureScope(db, { project, environment: 'dev' });
const times = { leaseMs: Number(leaseMs), renewEveryMs: Number(leaseMs) / 8 };
const real = postgresState(db, scopeId, times);
let held = false;
const state: StateStore = {
  ...real,
  beginApply: async (head) => {
    const journal = await real.beginApply(head);
    return {
      ...journal,
      intent: async (step) => {
        await journal.intent(step);
        if (held || step.kind !== 'feature_set') return;
        held = true;
        say('intent');
        await once(process.stdin, 'data');
      },
    };
  },
};
const effects = postgresEffects(db, scopeId);
try {
  const { outcome } = await applyStep(
    'first',
    state,
    {
      ...effects,
      registerFeatureSet: async (set, entity, applyId) => {
        say(`effect ${set.name}`);
        return effects.registerFeatureSet(set, entity, applyId);
      },
    },
    1,
  );
  say(`outcome ${outcome}`);
} catch (error) {
  if (!(error instanceof MlopsError)) throw error;
  say(error.code);
} finally {
  process.stdin.destroy();
  await db.close();
}
