/**
 * What becomes of a materialization whose rows are staged and not written yet: rows that break what quarantines are kept aside, what
 * fails stops it, and what was found is recorded.
 */
import { digestOf } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { CheckFailure, FeatureCheck, FeatureQuality, HeldRow } from '../stores/control/feature-quality.ts';
import type { RejectedRow, StagedRows } from '../stores/offline-rows.ts';
import type { FeatureCall } from './definitions.ts';
import { onFailureOf } from './expectations.ts';
import { formatTimestamp } from './time.ts';

/** More than so many rows that break what quarantines are no exceptions: the data is not what it is taken for. */
export const QUARANTINE_LIMIT = 100_000;

export interface Judged {
  readonly set: string;
  readonly version: number;
  readonly spec: CanonicalFeatureSet;
  readonly staged: StagedRows;
  /** By the control store's clock, in microseconds since 1970. */
  readonly now: bigint;
  /** All that the set's source has was read: what is held of it before and not found again was corrected there. */
  readonly isWhole: boolean;
}

/** Returns how many rows are kept aside. FS203 where an expectation with `onFailure: fail` is not met, FS210 beyond the limit. */
export async function judgeStaged(quality: FeatureQuality, judged: Judged, call: FeatureCall): Promise<number> {
  const { set, version, staged } = judged;
  const failures: readonly CheckFailure[] = [...staged.failures, ...ofSet(judged)];
  const record = (outcome: FeatureCheck['outcome'], quarantined: number): Promise<void> =>
    quality.addCheck({
      set,
      version,
      origin: 'materialization',
      rowsRead: staged.rowsRead,
      rowsNew: staged.rows + staged.rejected,
      rowsSkipped: staged.rowsSkipped,
      duplicates: staged.duplicates,
      quarantined,
      outcome,
      failures,
    });
  for (const failure of failures) call.log(`${set}@${version}: ${sentence(failure)} (${failure.onFailure})`);
  const fatal = failures.filter(({ onFailure }) => onFailure === 'fail');
  if (fatal.length > 0) {
    await record('failed', 0);
    throw new MlopsError('FS203', {
      address: `feature_set.${set}`,
      detail: `${fatal.map(sentence).join('; ')}. Nothing was written.`,
      hint: 'correct the data or the expectation, or set its onFailure to quarantine or warn',
    });
  }
  if (staged.rejected > QUARANTINE_LIMIT) {
    await record('failed', 0);
    throw new MlopsError('FS210', {
      address: `feature_set.${set}`,
      detail: `${staged.rejected} rows break an expectation; at most ${QUARANTINE_LIMIT} are kept aside. Nothing was written.`,
      hint: 'see whether the expectation is meant so, and the source what it was',
    });
  }
  const held: string[] = [];
  for await (const rows of staged.rejectedRows(call.signal)) {
    const batch = rows.map((row) => heldRow(row, judged.isWhole ? 'materialization' : 'push'));
    await quality.hold(set, version, batch);
    held.push(...batch.map(({ fingerprint }) => fingerprint));
  }
  const settled = judged.isWhole ? await quality.settle(set, version, held) : 0;
  await record(held.length > 0 ? 'quarantined' : failures.length > 0 ? 'warned' : 'passed', held.length);
  if (held.length > 0)
    call.log(`${set}@${version}: ${held.length === 1 ? 'one row is' : `${held.length} rows are`} in quarantine`);
  if (settled > 0) call.log(`${set}@${version}: ${settled} rows left the quarantine: they are gone or pass now`);
  return held.length;
}

export function heldRow(
  { key, eventTime, createdTime, values, reasons }: RejectedRow,
  origin: HeldRow['origin'],
): HeldRow {
  const kept = { key: jsonValues(key), values: jsonValues(values) };
  const fingerprint = digestOf({
    ...kept,
    eventTime: String(eventTime),
    createdTime: createdTime === null ? null : String(createdTime),
  });
  return { ...kept, fingerprint, origin, eventTime, createdTime, reasons };
}

/** What JSON has no number for travels as text; the column's type is known. */
function jsonValues(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, jsonValue(value)]));
}

function jsonValue(value: unknown): unknown {
  if (Array.isArray(value) || value instanceof Float32Array) return Array.from<unknown>(value).map(jsonValue);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function ofSet({ spec, staged, now }: Judged): readonly CheckFailure[] {
  const { minRows, unique, freshness } = spec.expect ?? {};
  const failures: CheckFailure[] = [];
  const add = (expectation: string, observed: CheckFailure['observed'], rows: number | null = null): void => {
    failures.push({ feature: null, expectation, onFailure: onFailureOf(spec), observed, rows });
  };
  if (minRows !== undefined && staged.rowsRead < minRows) add(`minRows ${minRows}`, staged.rowsRead);
  if (unique === true && staged.duplicates > 0) add('unique', staged.duplicates, staged.duplicates);
  if (freshness !== undefined) {
    const newest = staged.newestEventTime;
    const oldest = now - BigInt(durationMs(freshness)) * 1000n;
    if (newest === null || newest < oldest)
      add(`freshness ${freshness}`, newest === null ? null : formatTimestamp(newest));
  }
  return failures;
}

function sentence({ feature, expectation, observed, rows }: CheckFailure): string {
  const what = feature === null ? 'the rows are' : `${feature} is`;
  return `${what} not ${expectation}: ${observed ?? 'no value'}${rows === null ? '' : ` in ${rows === 1 ? 'one row' : `${rows} rows`}`}`;
}
