/** Why a value that was served is not what the offline store answers for that moment. */

export const CAUSES = {
  late: 'the row became known after the answer',
  correction: 'a row of the same key and event time corrected it after the answer',
  not_materialized: 'the row was known, and written online after the answer',
  pending: 'it was pushed, and is not materialized offline yet',
  online_only: 'it was pushed to the online store alone',
  ttl: "the set's ttl is another one now",
  clock: 'the row came within the second of the answer',
  lost: 'the online store had lost its records, and was filled again after the answer',
  version: 'the version that was read is retired or dropped',
  vanished: 'the record that was served is nowhere offline',
  missing: 'the row was online by then, and was not served',
  value: 'the same row holds another value',
  unaccounted: 'the offline answer is none that its rows give',
} as const;

export type Cause = keyof typeof CAUSES;

/** Nobody needs to act on these; the others are a mistake of ours, or of a hand that changed the stores. */
export const EXPLAINED: ReadonlySet<Cause> = new Set([
  'late',
  'correction',
  'not_materialized',
  'pending',
  'online_only',
  'ttl',
  'clock',
  'lost',
  'version',
]);

/** What was served. */
export interface ServedRecord {
  readonly sequence: number;
  readonly eventTime: bigint;
}

/** A row that could have answered. */
export interface KnownRow {
  readonly sequence: number;
  readonly eventTime: bigint;
  readonly createdTime: bigint | null;
  readonly values: Readonly<Record<string, unknown>>;
  /** Not in a part yet. */
  readonly pending: boolean;
}

export interface Evidence {
  /** The served record; null where there was none. */
  readonly served: ServedRecord | null;
  /** The record was there, and older than the ttl. */
  readonly expired: boolean;
  /** What the rows of the key answer at that moment, whenever they came; null for none, the ttl left aside. */
  readonly winner: KnownRow | null;
  /** Whether the winner is within the ttl as it is now. */
  readonly winnerCounts: boolean;
  /** Whether the served record is among the rows. */
  readonly servedIsKnown: boolean;
  /** The answer, in milliseconds of the control store's clock: it lies between. */
  readonly from: number;
  readonly until: number;
  /** When the winner became known, likewise; null where that is not recorded. */
  readonly known: { readonly from: number; readonly until: number } | null;
  /** Where a pushed winner or served record was sent to. */
  readonly winnerPushed: 'online' | 'offline' | 'both' | null;
  readonly servedPushed: 'online' | 'offline' | 'both' | null;
  /** When a materialization had written the winner online; null where none has. */
  readonly onlineSince: number | null;
  /** Whether the online store was found empty and filled again after the answer. */
  readonly refilledAfter: boolean;
}

/** A clock, a transaction and a write online take a moment: rows within it may be on either side. */
const MOMENT_MS = 1_000;

export function causeOf(evidence: Evidence): Cause {
  const { served, winner } = evidence;
  if (
    served !== null &&
    winner !== null &&
    served.sequence === winner.sequence &&
    served.eventTime === winner.eventTime
  ) {
    if (winner.pending) return 'pending';
    if (evidence.expired === evidence.winnerCounts) return 'ttl';
    return evidence.winnerCounts ? 'value' : 'unaccounted';
  }
  if (served !== null && (winner === null || older(winner, served))) {
    if (evidence.servedPushed === 'online') return 'online_only';
    return evidence.servedIsKnown ? 'unaccounted' : 'vanished';
  }
  if (winner === null) return 'unaccounted';
  if (evidence.servedPushed === 'online' && served !== null && served.eventTime >= winner.eventTime)
    return 'online_only';
  return whyNotServed(evidence, winner, served);
}

/** The winner is the better row, and was not served. */
function whyNotServed(evidence: Evidence, winner: KnownRow, served: ServedRecord | null): Cause {
  const { known, from, until, onlineSince } = evidence;
  if (known !== null && known.from > until + MOMENT_MS)
    return served !== null && served.eventTime === winner.eventTime ? 'correction' : 'late';
  if (known !== null && known.until >= from - MOMENT_MS) return 'clock';
  const atOnce = evidence.winnerPushed === 'both';
  if (!atOnce && (onlineSince === null || onlineSince >= from - MOMENT_MS)) return 'not_materialized';
  return evidence.refilledAfter ? 'lost' : 'missing';
}

function older(row: KnownRow, than: ServedRecord): boolean {
  return row.eventTime !== than.eventTime ? row.eventTime < than.eventTime : row.sequence < than.sequence;
}
