/** Why there is a run. */
import type { JsonObject } from '../../lib/json.ts';

/** What happened, where that started a run. */
export type TriggerEventKind = 'materialized' | 'promoted' | 'pipeline' | 'sensor' | 'webhook';

/** Why there is a run. */
export interface RunCause {
  readonly kind: 'manual' | 'api' | 'schedule' | 'backfill' | 'pipeline_task' | TriggerEventKind;
  readonly who: string | null;
  /** `pipeline.NAME` or `feature_set.NAME`, of a scheduled run. */
  readonly schedule: string | null;
  /** The instant of the schedule, ISO 8601 UTC. */
  readonly instant: string | null;
  /** W3C trace context of whoever started it over HTTP. */
  readonly traceparent?: string | undefined;
  /** Of a run of a backfill: its id. */
  readonly backfill?: string | undefined;
  /** Of a run that an event started. */
  readonly event?: CauseEvent | undefined;
  /** Of a run that a task started: which, and how many such runs are above it. */
  readonly parent?: { readonly runId: string; readonly task: string; readonly depth: number } | undefined;
}

export type CauseEvent = {
  /** Null of a webhook: the run is made with its event. */
  readonly id: number | null;
  /** `feature_set.NAME`, `model.NAME`, `pipeline.NAME`; what was looked at; the webhook's name. */
  readonly subject: string;
  /** ISO 8601 UTC; null of a webhook, whose run was made then. */
  readonly at: string | null;
  /** By its kind: the version, the run that ended, the files. */
  readonly detail: JsonObject;
  /** How many events it stands for, itself included. */
  readonly events: number;
};
