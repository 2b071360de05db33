/** JSON Schemas of what the routes answer, for openapi.json. */

import { BACKFILL_STATUSES, REPROCESS } from '../stores/control/backfills.ts';
import { NOTIFICATION_STATUSES } from '../stores/control/notifications.ts';
import { STAGES } from '../stores/control/registry.ts';
import { RUN_STATUSES, TASK_STATUSES } from '../stores/control/run-states.ts';
import type { JsonSchema } from './route.ts';

const TIME = { type: 'string', format: 'date-time' } as const;
const TIME_OR_NULL = { type: ['string', 'null'], format: 'date-time' } as const;
const TEXT = { type: 'string' } as const;
const TEXT_OR_NULL = { type: ['string', 'null'] } as const;
const FREE = { type: 'object' } as const;

export const TASK: JsonSchema = {
  type: 'object',
  required: ['name', 'status', 'attempt', 'exit_code', 'error', 'started_at', 'finished_at'],
  properties: {
    name: TEXT,
    operator: TEXT,
    needs: { type: 'array', items: TEXT },
    status: { enum: TASK_STATUSES },
    attempt: { type: 'integer', description: '0 before the first.' },
    exit_code: { type: ['integer', 'null'] },
    error: TEXT_OR_NULL,
    outputs: { type: ['object', 'null'] },
    cached_from: {
      type: ['object', 'null'],
      description: 'The attempt whose result its last one took over.',
      properties: { run_id: TEXT, task: TEXT, attempt: { type: 'integer' } },
    },
    progress: {
      type: ['object', 'null'],
      description:
        'While it runs, of a task that tells: `what` for people, `done` of `total`, `eta_seconds` to the end of that.',
      properties: {
        what: TEXT,
        done: { type: 'integer' },
        total: { type: ['integer', 'null'] },
        eta_seconds: { type: ['integer', 'null'] },
      },
    },
    usage: {
      type: ['object', 'null'],
      description: 'What the last attempt took, once it ended; null inside for what cannot be told.',
      properties: {
        cpu_seconds: { type: ['number', 'null'] },
        peak_memory_bytes: { type: ['integer', 'null'] },
        wall_seconds: { type: 'number' },
      },
    },
    waiting_for: { ...TEXT_OR_NULL, description: 'Of a waiting task, for people.' },
    items: {
      type: ['object', 'null'],
      description:
        'Of a task that runs for each item of a list: how many, how many are not at their end, how many failed.',
      properties: { total: { type: 'integer' }, open: { type: 'integer' }, failed: { type: 'integer' } },
    },
    started_at: TIME_OR_NULL,
    finished_at: TIME_OR_NULL,
  },
};

const RUN_PROPERTIES = {
  run_id: TEXT,
  pipeline: TEXT,
  status: { enum: RUN_STATUSES },
  cause: {
    type: 'object',
    properties: {
      kind: {
        enum: [
          'manual',
          'api',
          'schedule',
          'backfill',
          'materialized',
          'promoted',
          'pipeline',
          'sensor',
          'webhook',
          'pipeline_task',
        ],
      },
      who: TEXT_OR_NULL,
      schedule: TEXT_OR_NULL,
      instant: TIME_OR_NULL,
      backfill: { ...TEXT, description: 'Of a run of a backfill: its id.' },
      event: {
        type: 'object',
        description: 'Of a run that an event started: what it was, and how many events the run stands for.',
        properties: {
          id: { type: ['integer', 'null'] },
          subject: TEXT,
          at: TIME_OR_NULL,
          detail: FREE,
          events: { type: 'integer' },
        },
      },
    },
  },
  params: FREE,
  cancelled_by: TEXT_OR_NULL,
  created_at: TIME,
  started_at: TIME_OR_NULL,
  finished_at: TIME_OR_NULL,
} as const;

export const RUN_SUMMARY: JsonSchema = {
  type: 'object',
  required: ['run_id', 'pipeline', 'status', 'cause', 'params', 'started_at', 'finished_at'],
  properties: RUN_PROPERTIES,
};

export const RUN: JsonSchema = {
  type: 'object',
  required: ['run_id', 'pipeline', 'status', 'cause', 'params', 'started_at', 'finished_at', 'tasks'],
  properties: { ...RUN_PROPERTIES, git_commit: TEXT_OR_NULL, tasks: { type: 'array', items: TASK } },
};

const GATE: JsonSchema = {
  type: 'object',
  properties: {
    metric: TEXT,
    rule: TEXT,
    observed: { type: ['number', 'null'] },
    required: { type: ['number', 'null'] },
    passed: { type: 'boolean' },
    detail: TEXT,
  },
};

export const VERSION: JsonSchema = {
  type: 'object',
  required: ['id', 'name', 'version', 'stage', 'framework', 'metrics'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    name: TEXT,
    version: { type: 'integer', minimum: 1 },
    stage: { enum: STAGES },
    framework: TEXT,
    metrics: { type: 'object', additionalProperties: { type: 'number' } },
    hyperparameters: FREE,
    artifacts: {
      type: 'array',
      items: {
        type: 'object',
        properties: { path: TEXT, digest: TEXT_OR_NULL, bytes: { type: ['integer', 'null'] }, uri: TEXT_OR_NULL },
      },
    },
    tags: { type: 'object', additionalProperties: TEXT },
    lineage: FREE,
    signature: { type: ['object', 'null'] },
    description: TEXT_OR_NULL,
    created_at: TIME,
    created_by: TEXT,
    stage_changed_at: TIME,
    aliases: { type: 'array', items: TEXT },
    run_id: TEXT_OR_NULL,
    source: TEXT_OR_NULL,
    flavour: {
      type: ['object', 'null'],
      properties: { version: TEXT_OR_NULL, python: TEXT_OR_NULL, requirements: { type: 'array', items: TEXT } },
    },
    updated_at: TIME,
  },
};

const COUNT = { type: 'integer' } as const;
const BACKFILL_PROPERTIES = {
  backfill_id: TEXT,
  pipeline: TEXT,
  status: { enum: BACKFILL_STATUSES },
  params: FREE,
  from: TIME,
  to: TIME,
  concurrency: COUNT,
  backwards: { type: 'boolean' },
  reprocess: { enum: REPROCESS },
  counts: {
    type: 'object',
    description: 'Instants by what became of them.',
    properties: { pending: COUNT, running: COUNT, succeeded: COUNT, failed: COUNT, skipped: COUNT, cancelled: COUNT },
  },
  git_commit: TEXT_OR_NULL,
  created_by: TEXT,
  created_at: TIME,
  cancelled_by: TEXT_OR_NULL,
  finished_at: TIME_OR_NULL,
} as const;

export const BACKFILL_SUMMARY: JsonSchema = {
  type: 'object',
  required: ['backfill_id', 'pipeline', 'status', 'counts'],
  properties: BACKFILL_PROPERTIES,
};

export const BACKFILL: JsonSchema = {
  ...BACKFILL_SUMMARY,
  required: ['backfill_id', 'pipeline', 'status', 'counts', 'instants'],
  properties: {
    ...BACKFILL_PROPERTIES,
    instants: {
      type: 'array',
      items: {
        type: 'object',
        required: ['instant', 'status', 'why', 'run_id'],
        properties: { instant: TIME, status: TEXT, why: TEXT_OR_NULL, run_id: TEXT_OR_NULL },
      },
    },
  },
};

export const STAGE_MOVE: JsonSchema = {
  type: 'object',
  properties: {
    model: TEXT,
    version: { type: 'integer' },
    from: TEXT_OR_NULL,
    to: { enum: STAGES },
    at: TIME,
    who: TEXT,
    reason: TEXT_OR_NULL,
    gates: { type: 'array', items: GATE },
    deleted: { type: 'boolean', description: 'The version was deleted since.' },
  },
};

export const RESOURCE: JsonSchema = {
  type: 'object',
  required: ['address', 'name', 'spec', 'managed_by', 'status'],
  properties: {
    address: TEXT,
    name: TEXT,
    spec: FREE,
    outputs: FREE,
    managed_by: { enum: ['apply', 'api'] },
    status: TEXT,
    created_at: TIME,
    updated_at: TIME,
  },
};

export const ONLINE_ROWS: JsonSchema = {
  type: 'object',
  required: ['rows'],
  properties: {
    rows: {
      type: 'array',
      items: {
        type: 'object',
        required: ['entity', 'features', 'status', 'event_time'],
        properties: {
          entity: FREE,
          features: { type: 'object', description: 'Values by the name asked for; null unless present.' },
          status: { type: 'object', additionalProperties: { enum: ['present', 'null', 'not_found', 'expired'] } },
          event_time: { type: 'object', additionalProperties: TIME_OR_NULL },
        },
      },
    },
  },
};

export const NOTIFICATION: JsonSchema = {
  type: 'object',
  required: ['id', 'channel', 'kind', 'status', 'title', 'attempts', 'last_error', 'created_at', 'sent_at'],
  properties: {
    id: TEXT,
    channel: TEXT,
    kind: {
      type: 'string',
      description: '`failed`, `late`, `recovered`, `succeeded`, `breaker_opened`, or `message`: of a task.',
    },
    subject: { type: ['string', 'null'], description: '`pipeline.NAME` or `feature_set.NAME`.' },
    run_id: TEXT_OR_NULL,
    status: { enum: NOTIFICATION_STATUSES, description: '`dead`: its receiver refused it, or failed too often.' },
    title: TEXT,
    text: TEXT,
    severity: TEXT,
    attempts: { type: 'integer' },
    last_error: TEXT_OR_NULL,
    created_at: TIME,
    next_at: TIME_OR_NULL,
    sent_at: TIME_OR_NULL,
  },
};

const LOG_LINE: JsonSchema = {
  type: 'object',
  required: ['run_id', 'task', 'attempt', 'at', 'level', 'stream', 'text'],
  properties: {
    run_id: TEXT,
    task: TEXT,
    attempt: { type: 'integer' },
    at: TIME,
    level: {
      type: ['string', 'null'],
      description:
        'As the line says itself; `system`: the orchestrator said it; null: the line says none, and counts as info.',
    },
    stream: { enum: ['out', 'err', 'system'] },
    text: TEXT,
  },
};

export const LOG_SEARCH: JsonSchema = {
  type: 'object',
  required: ['items', 'next_cursor', 'searched_runs', 'searched_back', 'skipped_runs'],
  properties: {
    items: { type: 'array', items: LOG_LINE, description: 'At most 20 lines of an attempt.' },
    next_cursor: { type: ['string', 'null'], description: 'Null: all runs were searched.' },
    searched_runs: { type: 'integer' },
    searched_back: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'When the oldest run was made that was searched.',
    },
    skipped_runs: {
      type: 'array',
      items: TEXT,
      description: 'Runs whose logs are too large to be searched in that time.',
    },
  },
};
