/** Logged predictions as the rows of a table, the same for every endpoint: what differs from one to the next is JSON. */
import type { JsonValue } from '../lib/json.ts';
import type { Column } from '../spec/column.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { LoggedPrediction } from '../stores/control/prediction-log.ts';

export const PREDICTION_TYPES = {
  prediction_id: 'string',
  request_id: 'string',
  row: 'int64',
  at: 'timestamp',
  endpoint: 'string',
  variant: 'string',
  role: 'string',
  member: 'string',
  model: 'string',
  version: 'int64',
  routed: 'string',
  entity: 'string',
  features: 'string',
  reads: 'string',
  prediction: 'string',
  label: 'string',
  probability: 'float64',
  value: 'float64',
  failure: 'string',
  latency_ms: 'float64',
} as const satisfies Readonly<Record<string, Dtype>>;

export const OUTCOME_TYPES = {
  request_id: 'string',
  row: 'int64',
  outcome: 'string',
  outcome_at: 'timestamp',
  outcome_recorded_at: 'timestamp',
} as const satisfies Readonly<Record<string, Dtype>>;

/** Of the table with outcomes, as a source that reads predictions has them. */
export function predictionColumns(): readonly Column[] {
  const { request_id: _, row: __, ...outcomes } = OUTCOME_TYPES;
  const types = { string: 'VARCHAR', int64: 'BIGINT', float64: 'DOUBLE', timestamp: 'TIMESTAMP' } as const;
  return Object.entries({ ...PREDICTION_TYPES, ...outcomes }).map(([name, dtype]) => ({ name, type: types[dtype] }));
}

/** A line of JSON, every column named. */
export function predictionLine(item: LoggedPrediction): string {
  const { prediction } = item;
  return line({
    prediction_id: item.id,
    request_id: item.requestId,
    row: item.ordinal,
    at: item.at.toISOString(),
    endpoint: item.endpoint,
    variant: item.variant,
    role: item.role,
    member: item.member ?? null,
    model: item.model,
    version: item.version,
    routed: item.routed ?? null,
    entity: textOf(item.entity),
    features: textOf(item.features),
    reads: textOf(item.reads ?? null),
    prediction: textOf(prediction),
    label: wordAt(prediction, 'label'),
    probability: numberAt(prediction, 'probability'),
    value: numberAt(prediction, 'value'),
    failure: item.failure ?? null,
    latency_ms: item.latencyMs,
  });
}

export function outcomeLine(told: {
  readonly requestId: string;
  readonly ordinal: number;
  readonly outcome: unknown;
  readonly at: Date | null;
  readonly recordedAt: Date;
}): string {
  return line({
    request_id: told.requestId,
    row: told.ordinal,
    outcome: typeof told.outcome === 'string' ? told.outcome : textOf(told.outcome as JsonValue),
    outcome_at: told.at?.toISOString() ?? null,
    outcome_recorded_at: told.recordedAt.toISOString(),
  });
}

const line = (row: object): string => `${jsonText(row)}\n`;

const textOf = (value: JsonValue): string | null => (value === null ? null : jsonText(value));

/** Tables cannot hold a NUL: texts lose theirs. */
function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (!text.includes('\\u0000')) return text;
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'string' ? member.replaceAll('\0', '') : member,
  );
}

function wordAt(prediction: JsonValue, name: string): string | null {
  const value = memberOf(prediction, name);
  return value === undefined || value === null ? null : String(value);
}

function numberAt(prediction: JsonValue, name: string): number | null {
  const value = memberOf(prediction, name);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function memberOf(prediction: JsonValue, name: string): unknown {
  return typeof prediction === 'object' && prediction !== null && !Array.isArray(prediction)
    ? (prediction as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
