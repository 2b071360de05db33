/** What a request came to, row by row, as it goes into the log: answers, what members said, and what failed on the way. */
import { MlopsError } from '../lib/error.ts';
import type { NewPrediction } from '../stores/control/prediction-log.ts';
import type { RowAnswer } from './answer-variant.ts';
import { loggedEntity } from './logged-values.ts';
import type { ServedModel } from './predict-answer.ts';
import type { RequestRow } from './predict-request.ts';

type Entry = Omit<NewPrediction, 'ageMs'>;

export interface RequestLog {
  answered(byRow: readonly RowAnswer[], why: (position: number) => string): void;
  /** A variant did not answer these rows, whoever does instead. */
  failed(
    why: readonly string[],
  ): (variant: string, model: ServedModel | null, positions: readonly number[], error: unknown) => void;
}

export function createRequestLog({
  name,
  requestId,
  rows,
  add,
  newId,
  monotonicMs,
  startMs,
}: {
  /** The endpoint, as it was asked for. */
  readonly name: string;
  readonly requestId: string;
  readonly rows: readonly RequestRow[];
  readonly add: (entry: Entry) => void;
  readonly newId: () => string;
  readonly monotonicMs: () => number;
  readonly startMs: number;
}): RequestLog {
  const row = (ordinal: number, model: ServedModel | null) => ({
    id: newId(),
    requestId,
    ordinal,
    endpoint: name,
    model: model?.name ?? null,
    version: model?.version ?? null,
    entity: loggedEntity(rows[ordinal]!),
  });
  return {
    answered: (byRow, why) => {
      const latencyMs = monotonicMs() - startMs;
      byRow.forEach(
        ({ servedBy: { variant, model }, why: own, features, prediction, reads, members = [] }, position) => {
          add({
            ...row(position, model),
            variant,
            routed: own ?? why(position),
            features,
            prediction,
            latencyMs,
            reads,
          });
          for (const one of members)
            add({
              ...row(position, one.model),
              variant,
              role: 'member',
              member: one.member,
              latencyMs: one.latencyMs,
              ...(one.said === undefined
                ? { features: {}, prediction: null, failure: one.failure ?? 'internal' }
                : { features: one.said.features, prediction: one.said.prediction, reads: one.said.reads }),
            });
        },
      );
    },
    failed: (why) => (variant, model, positions, error) => {
      const latencyMs = monotonicMs() - startMs;
      const failure = error instanceof MlopsError ? error.code : 'internal';
      for (const position of positions)
        add({
          ...row(position, model),
          variant,
          routed: why[position]!,
          features: {},
          prediction: null,
          failure,
          latencyMs,
        });
    },
  };
}
