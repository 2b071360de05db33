/**
 * What predictions turn out to be, told days later by the id of the request. A batch is recorded whole or not at all, and every row that cannot
 * be is named. Told again it changes nothing; told otherwise, the last word counts and the earlier ones stay readable.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonValue } from '../lib/json.ts';
import { pause } from '../lib/pause.ts';
import { didYouMean } from '../lib/suggest.ts';
import { durationMs } from '../lib/units.ts';
import type { FeedbackSpec } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeedbackCount, FeedbackStore, NewFeedback, RecordedFeedback } from '../stores/control/feedback.ts';

/** As a client tells it. */
export interface ToldOutcome {
  readonly requestId: string;
  /** Position of the row within its request. Default 0. */
  readonly row?: number | undefined;
  readonly outcome: unknown;
  /** ISO 8601. */
  readonly at?: string | undefined;
}

export interface TellOptions {
  readonly who: string;
  /** Rows whose prediction is not known: `refuse` the batch (default), or leave them out and count them. */
  readonly unknown?: 'refuse' | 'skip' | undefined;
}

export interface FeedbackReport extends FeedbackCount {
  /** Left out: their predictions are not known. */
  readonly unknown: number;
}

export interface Feedback {
  /** EP201, EP221, EP222, EP223. */
  tell(endpoint: string, outcomes: readonly ToldOutcome[], options: TellOptions): Promise<FeedbackReport>;
  /** All that was told of a request, the first first. */
  history(endpoint: string, requestId: string): Promise<readonly RecordedFeedback[]>;
}

export interface FeedbackParts {
  readonly catalog: Pick<Catalog, 'get' | 'list'>;
  readonly store: FeedbackStore;
  readonly now: () => number;
  /** How long a prediction that is not known may still be on its way into the log. Default 1000. */
  readonly awaitLogMs?: number;
}

interface Refused {
  readonly row: number;
  readonly code: 'EP222' | 'EP223';
  readonly detail: string;
}

const MOST_NAMED = 100;

export function createFeedback({ catalog, store, now, awaitLogMs = 1_000 }: FeedbackParts): Feedback {
  const specOf = (name: string): { readonly endpoint: string; readonly spec: FeedbackSpec } => {
    const endpoint = catalog.get('endpoint', name);
    if (endpoint === undefined)
      throw new MlopsError('EP201', {
        detail: `No endpoint "${name}" is applied.`,
        hint: didYouMean(
          name,
          catalog.list('endpoint').map((one) => one.name),
        ),
        status: 404,
      });
    if (endpoint.spec.feedback === undefined)
      throw new MlopsError('EP221', {
        detail: `Endpoint ${endpoint.name} takes no feedback: its spec does not say what the outcome is.`,
        hint: 'for example: feedback: { outcome: died_1y, type: binary, within: 400d }',
        address: `endpoint.${endpoint.name}`,
        status: 409,
      });
    return { endpoint: endpoint.name, spec: endpoint.spec.feedback };
  };

  /** Predictions are written some milliseconds after their answers: what is not known is looked for once more. */
  const predicted = async (endpoint: string, rows: readonly NewFeedback[]): Promise<readonly (Date | undefined)[]> => {
    const found = [...(await store.predicted(endpoint, rows))];
    const missing = rows.flatMap((row, at) => (found[at] === undefined ? [{ row, at }] : []));
    if (missing.length === 0) return found;
    await pause(awaitLogMs);
    const later = await store.predicted(
      endpoint,
      missing.map(({ row }) => row),
    );
    for (const [at, date] of later.entries()) found[missing[at]!.at] = date;
    return found;
  };

  return {
    tell: async (name, outcomes, { who, unknown = 'refuse' }) => {
      const { endpoint, spec } = specOf(name);
      const refused: Refused[] = [];
      const rows = outcomes.map((told, row): NewFeedback => {
        const outcome = outcomeOf(told.outcome, spec.type);
        const at = told.at === undefined ? null : new Date(told.at);
        if (outcome === undefined) refused.push({ row, code: 'EP223', detail: notOfType(told.outcome, spec) });
        if (at !== null && Number.isNaN(at.getTime()))
          refused.push({ row, code: 'EP223', detail: `"${told.at}" is no time of ISO 8601` });
        return { requestId: told.requestId, ordinal: told.row ?? 0, outcome: outcome ?? null, at };
      });
      if (refused.length > 0) throw refusal(endpoint, outcomes.length, refused);
      const times = await predicted(endpoint, rows);
      const withinMs = spec.within === undefined ? Number.POSITIVE_INFINITY : durationMs(spec.within);
      /** The last word on a row within the batch too. */
      const known = new Map<string, NewFeedback>();
      let left = 0;
      for (const [row, told] of rows.entries()) {
        const time = times[row];
        if (time === undefined) {
          left += 1;
          if (unknown === 'refuse') refused.push({ row, code: 'EP222', detail: notKnown(told) });
        } else if (now() - time.getTime() > withinMs) {
          const detail = `it was predicted on ${time.toISOString()}, which is more than ${spec.within} ago`;
          refused.push({ row, code: 'EP223', detail });
        } else known.set(`${told.ordinal} ${told.requestId}`, told);
      }
      if (refused.length > 0) throw refusal(endpoint, outcomes.length, refused);
      const counts =
        known.size === 0
          ? { added: 0, corrected: 0, unchanged: 0 }
          : await store.record(endpoint, [...known.values()], who);
      return { ...counts, unknown: left };
    },
    history: (name, requestId) => store.history(specOf(name).endpoint, requestId),
  };
}

/** As it is stored: of `binary` 0 or 1. Undefined where it is not of the type. */
export function outcomeOf(value: unknown, type: FeedbackSpec['type']): JsonValue | undefined {
  switch (type) {
    case 'binary':
      if (value === 0 || value === false) return 0;
      return value === 1 || value === true ? 1 : undefined;
    case 'class':
      return typeof value === 'string' || Number.isSafeInteger(value) ? (value as string | number) : undefined;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  }
}

const TYPES = { binary: '0 or 1', class: 'a text or a whole number', number: 'a number' } as const;

function notOfType(value: unknown, { outcome, type }: FeedbackSpec): string {
  return `${outcome} is ${JSON.stringify(value) ?? 'missing'}, but must be ${TYPES[type]}`;
}

function notKnown({ requestId, ordinal }: NewFeedback): string {
  return `no prediction of request "${requestId}" with the row ${ordinal} is logged`;
}

function refusal(endpoint: string, all: number, refused: readonly Refused[]): MlopsError {
  const [first] = refused;
  const code = refused.find((one) => one.code === 'EP223')?.code ?? 'EP222';
  return new MlopsError(code, {
    address: `endpoint.${endpoint}`,
    detail: `${refused.length} of ${all} ${all === 1 ? 'outcome' : 'outcomes'} cannot be taken, so none is. Row ${first?.row}: ${first?.detail}.`,
    hint:
      code === 'EP222'
        ? 'request_id is what the prediction answered; `unknown: skip` leaves out those that are not known'
        : 'tell the others without these rows',
    status: code === 'EP222' ? 404 : 422,
    data: {
      refused: refused.length,
      errors: refused.slice(0, MOST_NAMED).map(({ row, detail }) => ({ pointer: `/outcomes/${row}`, detail })),
      rows: refused.slice(0, MOST_NAMED).map(({ row, code: its, detail }) => ({ row, code: its, detail })),
    },
  });
}
