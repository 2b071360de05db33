/** Events that start runs, in Postgres. Those of materializations, promotions and ends of runs are written by the schema's triggers. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { Trigger } from '../../spec/schema-types.ts';
import type { NewRun, RunRules, TriggerEventKind } from '../control/runs.ts';
import type {
  EventOutcome,
  HandledEvent,
  Sensed,
  TriggerEvent,
  TriggerRef,
  TriggerStore,
} from '../control/triggers.ts';
import type { Database, Queryable } from './database.ts';
import { lockName } from './feature-claims.ts';
import { noteProbe, passBreaker } from './runs/breakers.ts';
import { insertRun } from './runs/lifecycle.ts';
import { sqlFile } from './sql-file.ts';

const WAITING = sqlFile('triggers-waiting');
const ON_ITS_OWN = { schedule: null, held: false } as const;

type EventRow = {
  event_id: number;
  pipeline: string;
  kind: TriggerEventKind;
  spec: Trigger;
  subject: string;
  detail: JsonObject;
  at: Date;
};
type HandledRow = EventRow & { outcome: HandledEvent['outcome']; why: string | null; run_id: string | null };

export function createPostgresTriggers(db: Database, scopeId: number): TriggerStore {
  /** Of a sensor: scope, pipeline as it is called now, and its trigger. */
  const own = ({ pipeline, spec }: TriggerRef): readonly unknown[] => [scopeId, pipeline, JSON.stringify(spec)];
  const OWN = 'scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) and trigger_key = mlops.trigger_key($3)';
  return {
    waiting: async (limit) => (await db.query<EventRow>(WAITING, [scopeId, limit])).map(eventOf),
    handle: (events, outcome, rules) => db.transaction((tx) => handle(tx, scopeId, events, outcome, rules)),
    deliver: (event, run, rules) =>
      db.transaction(async (tx) => {
        await waitForRenames(tx, scopeId);
        const [made] = await tx.query<{ event_id: number }>(
          `insert into mlops.trigger_events (scope_id, pipeline, kind, spec, trigger_key, subject, detail, idempotency_key)
           values ($1, mlops.current_pipeline($1, $2), $3, $4, mlops.trigger_key($4), $5, $6, $7)
           on conflict (scope_id, pipeline, trigger_key, idempotency_key) where idempotency_key is not null do nothing
           returning event_id`,
          [
            scopeId,
            event.pipeline,
            event.kind,
            JSON.stringify(event.spec),
            event.subject,
            JSON.stringify(event.detail),
            event.idempotencyKey,
          ],
        );
        if (made !== undefined) await handle(tx, scopeId, [made.event_id], { run }, rules);
        const [row] = await tx.query<HandledRow>(
          made === undefined
            ? `select * from mlops.trigger_events where ${OWN} and idempotency_key = $4`
            : 'select * from mlops.trigger_events where scope_id = $1 and event_id = $2',
          made === undefined ? [...own(event), event.idempotencyKey] : [scopeId, made.event_id],
        );
        const { event_id: id, outcome, why, run_id: runId } = row!;
        return { id, outcome, why, runId, created: made !== undefined };
      }),
    of: async (pipeline, limit) => {
      const rows = await db.query<HandledRow>(
        `select event_id, pipeline, kind, spec, subject, detail, at, outcome, why, run_id from mlops.trigger_events
         where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) order by event_id desc limit $3`,
        [scopeId, pipeline, limit],
      );
      return rows.map((row) => ({ ...eventOf(row), outcome: row.outcome, why: row.why, runId: row.run_id }));
    },
    takeLook: async (sensor, everyMs) => {
      const [row] = await db.query<{ seen: JsonValue }>(
        `insert into mlops.trigger_sensors as s (scope_id, pipeline, trigger_key, next_at)
         values ($1, mlops.current_pipeline($1, $2), mlops.trigger_key($3), clock_timestamp() + $4 * interval '1 millisecond')
         on conflict (scope_id, pipeline, trigger_key) do update set next_at = excluded.next_at
           where s.next_at <= clock_timestamp()
         returning seen`,
        [...own(sensor), everyMs],
      );
      return row;
    },
    sensed: (sensor, before, now) => db.transaction((tx) => sensed(tx, own(sensor), before, now)),
    blind: async (sensor, error) => {
      await db.query(`update mlops.trigger_sensors set error = $4 where ${OWN}`, [...own(sensor), error]);
    },
    keepSensors: async (sensors) => {
      await db.query(
        `delete from mlops.trigger_sensors s where scope_id = $1 and next_at < clock_timestamp() - interval '1 minute'
           and not exists (select from json_to_recordset($2) as k(pipeline text, spec json)
                           where mlops.current_pipeline($1, k.pipeline) = s.pipeline and mlops.trigger_key(k.spec) = s.trigger_key)`,
        [scopeId, JSON.stringify(sensors.map(({ pipeline, spec }) => ({ pipeline, spec })))],
      );
    },
    sensors: async (pipeline) => {
      const rows = await db.query<{ spec: Trigger; error: string | null; changed_at: Date | null }>(
        `select t.spec, s.error, s.changed_at
         from mlops.resources r
         cross join lateral json_array_elements(coalesce(r.spec -> 'triggers', '[]')) as t(spec)
         join mlops.trigger_sensors s on s.scope_id = r.scope_id and s.pipeline = r.name and s.trigger_key = mlops.trigger_key(t.spec)
         where r.scope_id = $1 and r.kind = 'pipeline' and r.name = mlops.current_pipeline($1, $2)`,
        [scopeId, pipeline],
      );
      return rows.map(({ spec, error, changed_at }) => ({ spec, error, changedAt: changed_at }));
    },
    prune: async (days) => {
      await db.query(
        `delete from mlops.trigger_events where scope_id = $1 and handled_at < clock_timestamp() - $2 * interval '1 day'`,
        [scopeId, days],
      );
    },
  };
}

function eventOf(row: EventRow): TriggerEvent {
  const { pipeline, kind, spec, subject, detail, at } = row;
  return { id: row.event_id, pipeline, kind, spec, subject, detail, at };
}

/** As every run that begins: a rename under way is waited for, before any row is locked. */
async function waitForRenames(tx: Queryable, scopeId: number): Promise<void> {
  await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockName(scopeId, 'names', '')]);
}

async function handle(
  tx: Queryable,
  scopeId: number,
  events: readonly number[],
  outcome: EventOutcome,
  rules: RunRules,
): Promise<boolean> {
  await waitForRenames(tx, scopeId);
  const open = await tx.query(
    `select event_id from mlops.trigger_events
     where scope_id = $1 and event_id = any($2::bigint[]) and handled_at is null order by event_id for update`,
    [scopeId, events],
  );
  if (open.length !== events.length) return false;
  const passed = 'run' in outcome ? await startOf(tx, scopeId, outcome.run, rules) : outcome;
  await tx.query(
    `update mlops.trigger_events set handled_at = clock_timestamp(), outcome = $3, why = $4, run_id = $5
     where scope_id = $1 and event_id = any($2::bigint[])`,
    [
      scopeId,
      events,
      'run' in passed ? 'run' : passed.outcome,
      'run' in passed ? null : passed.why,
      'run' in passed ? passed.run.runId : null,
    ],
  );
  return true;
}

/** The run, made; or why the pipeline's breaker kept it from starting. */
async function startOf(tx: Queryable, scopeId: number, run: NewRun, rules: RunRules): Promise<EventOutcome> {
  const { kind, event } = run.cause;
  const passage = await passBreaker(tx, scopeId, run, {
    kind,
    subject: event?.subject ?? null,
    event: event?.id ?? null,
  });
  if (typeof passage === 'object') return { outcome: 'skipped', why: passage.why };
  await insertRun(tx, scopeId, run, ON_ITS_OWN, rules);
  if (passage === 'probe') await noteProbe(tx, scopeId, run);
  return { run };
}

/** Of two that look at once the second finds that the first has told. */
async function sensed(
  tx: Queryable,
  own: readonly unknown[],
  before: JsonValue,
  { seen, detail }: Sensed,
): Promise<void> {
  const [moved] = await tx.query<{ pipeline: string }>(
    `update mlops.trigger_sensors set seen = $5, error = null,
       changed_at = case when seen is null then changed_at else clock_timestamp() end
     where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) and trigger_key = mlops.trigger_key($3)
       and seen::jsonb is not distinct from $4::jsonb and seen::jsonb is distinct from $5::jsonb
     returning pipeline`,
    [...own, before === null ? null : JSON.stringify(before), JSON.stringify(seen)],
  );
  if (moved === undefined || before === null) {
    await tx.query(
      `update mlops.trigger_sensors set error = null
       where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) and trigger_key = mlops.trigger_key($3) and error is not null`,
      own,
    );
    return;
  }
  await tx.query(
    `insert into mlops.trigger_events (scope_id, pipeline, kind, spec, trigger_key, subject, detail)
     values ($1, mlops.current_pipeline($1, $2), 'sensor', $3, mlops.trigger_key($3),
             coalesce($3::json ->> 'file', $3::json ->> 'table', 'query'), $4)`,
    [...own, JSON.stringify(detail)],
  );
}
