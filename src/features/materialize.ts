/**
 * Materialization of a version of a feature set: pushed rows, then the rows that its sources' newest snapshots give and that are not
 * stored yet, in chunks; then the newest row of each key into the online store; then both watermarks say so.
 *
 * Each chunk is a file, durable before the transaction that makes it readable. Killed anywhere and run again, it finds
 * what is stored and goes on. The online store keeps its own progress, so one that was lost is filled again.
 */

import { canonicallyEqual } from '../lib/canonical.ts';
import { overlapped } from '../lib/overlapped.ts';
import { durationMs } from '../lib/units.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureQuality } from '../stores/control/feature-quality.ts';
import type {
  FeatureSetVersion,
  FeatureState,
  MaterializationClaim,
  RecordedSnapshot,
} from '../stores/control/feature-state.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { RowPlan } from '../stores/offline-rows.ts';
import type { OnlineStore } from '../stores/online.ts';
import { carryOnline } from './carry-online.ts';
import { carryOver } from './carry-over.ts';
import { type FeatureCall, featureSetSpec, isPushed, keyColumns, rowPlan } from './definitions.ts';
import { encodeKey } from './entity-key.ts';
import { rowChecks } from './expectations.ts';
import { digests, locations, type Sources } from './ingest.ts';
import { judgeStaged } from './judge-staged.ts';
import { startPhase } from './materialization-progress.ts';
import { type QueryResult, resultFor, resultPlan } from './query-results.ts';
import { recordStatistics } from './statistics.ts';
import { formatTimestamp, microsOf } from './time.ts';
import { folderOf, onlineTable } from './versions.ts';

export interface VersionReport {
  readonly featureSet: string;
  readonly version: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly onlineWritten: number;
  /** Rows kept aside because they break an expectation. */
  readonly quarantined: number;
  /** Greatest event time materialized, ISO 8601 UTC; null where the set has no rows. */
  readonly watermark: string | null;
}

export interface MaterializeParts {
  readonly catalog: Catalog;
  readonly offline: OfflineStore;
  readonly online: OnlineStore;
  readonly featureState: FeatureState;
  readonly quality: FeatureQuality;
  readonly sources: Sources;
  /** Rows of one chunk. */
  readonly chunkRows: number;
}

export interface MaterializeOptions {
  /** Looks at what is stored first: parts whose files are gone or damaged are computed again, an emptied online store is filled. */
  readonly repair?: boolean;
  /** Results of queries, the nearest first: the first that carries the set is written into it, as of `instant` where it has no times. */
  readonly results?:
    | {
        readonly found: readonly QueryResult[];
        readonly instant: bigint;
        /** They are for this set: one that does not carry it is an error. */
        readonly named?: boolean;
      }
    | undefined;
}

/** From the structure that the version was registered with. */
export async function materializeVersion(
  parts: MaterializeParts,
  working: FeatureSetVersion,
  call: FeatureCall,
  { repair = false, results }: MaterializeOptions = {},
): Promise<VersionReport> {
  const { set, structure, version } = working;
  const report = await parts.featureState.materializing(working.set, version, call.signal, async (claim) => {
    const reads =
      structure.source === null
        ? structure.query === null
          ? []
          : await parts.sources.readBy(structure.query, `feature_set.${set}`)
        : [structure.source];
    // Taken under the claim: older ones than another worker just wrote would undo its corrections.
    return parts.sources.reading(`feature_set.${set}`, reads, call, (snapshots) =>
      fill(parts, claim, working, snapshots, call, { repair, results }),
    );
  });
  const after = await recorded(parts.featureState, set, version);
  const watermark = after?.eventWatermark == null ? null : formatTimestamp(after.eventWatermark);
  call.log(
    `${set}@${version}: ${report.rowsRead} rows read, ${report.rowsWritten} written, ${report.onlineWritten} online`,
  );
  return { featureSet: set, version, ...report, watermark };
}

type Filled = Pick<VersionReport, 'rowsRead' | 'rowsWritten' | 'onlineWritten' | 'quarantined'>;

async function fill(
  parts: MaterializeParts,
  claim: MaterializationClaim,
  working: FeatureSetVersion,
  snapshots: readonly RecordedSnapshot[],
  call: FeatureCall,
  { repair, results }: MaterializeOptions,
): Promise<Filled> {
  const { set, structure, version } = working;
  const plan = rowPlan(set, structure, locations(snapshots));
  const folder = folderOf(working);
  if (repair) await forgetWhatIsGone(parts, claim, working, call);
  const before = await recorded(parts.featureState, set, version);
  const stored = await parts.featureState.parts(set, version);
  await parts.offline.sweep(folder, [
    ...stored.map((part) => part.location),
    ...(await parts.featureState.trainedFrom(set, version)),
  ]);
  let pushed = await carryOver(parts, claim, working, plan, call);
  pushed += await drainPushed(parts, claim, plan, folder, call);
  const since = await parts.featureState.now();
  const unchanged = canonicallyEqual(before?.inputs, digests(snapshots));
  const fresh =
    unchanged || isPushed(structure)
      ? NOTHING
      : await writeFresh(parts, claim, structure, { ...plan, ...(await sinceOf(parts, claim, before)) }, folder, call);
  const result =
    results === undefined ? undefined : resultFor(results.found, plan, isPushed(structure) || results.named === true);
  const given =
    result === undefined || results === undefined
      ? NOTHING
      : await writeFresh(parts, claim, structure, resultPlan(result, plan, results.instant), folder, call, {
          pushed: true,
        });
  // A push that was under way before may come before the fresh rows: the online store's progress must not pass it by.
  pushed += await drainPushed(parts, claim, plan, folder, call);
  const onlineWritten = await fillOnline(parts, claim, working, call);
  await carryOnline(parts, working, call);
  if (!unchanged) await claim.complete(digests(snapshots), { ...fresh, since });
  await recordStatistics(parts, working, call);
  return {
    rowsRead: fresh.rowsRead + given.rowsRead + pushed,
    rowsWritten: fresh.rowsWritten + given.rowsWritten + pushed,
    onlineWritten,
    quarantined: fresh.quarantined + given.quarantined,
  };
}

async function recorded(
  featureState: FeatureState,
  set: string,
  version: number,
): Promise<FeatureSetVersion | undefined> {
  return (await featureState.versions(set)).find((candidate) => candidate.version === version);
}

/** What is recorded but cannot be read is recorded no more, so that it is made again like what was never there. */
async function forgetWhatIsGone(
  { featureState, offline, online }: MaterializeParts,
  claim: MaterializationClaim,
  working: FeatureSetVersion,
  call: FeatureCall,
): Promise<void> {
  const { set, version } = claim;
  const table = onlineTable(working);
  const recordedParts = await featureState.parts(set, version);
  const found = await offline.inspect(
    recordedParts.map(({ location }) => location),
    call.signal,
  );
  const gone = recordedParts.filter(({ rows }, index) => {
    const is = found[index];
    return is?.state !== 'whole' || is.rows !== rows;
  });
  if (gone.length > 0) {
    await claim.forgetParts(gone.map(({ location }) => location));
    const rows = gone.reduce((sum, part) => sum + part.rows, 0);
    call.log(
      `${set}@${version}: ${gone.length} of ${recordedParts.length} parts, with ${rows} rows, are gone or damaged; ${
        isPushed(working.structure)
          ? 'they came by push and cannot be computed again: push them again'
          : 'they are computed again, but for those that came by push: push these again'
      }`,
    );
  }
  const [filled] = (await online.inspect([table])) ?? [];
  if (filled?.progress !== undefined && filled.empty && recordedParts.length > 0) await online.drop(table);
}

/** Pushed rows become parts before anything is compared with what is stored. Returns how many. */
export async function drainPushed(
  parts: MaterializeParts,
  claim: MaterializationClaim,
  plan: ReturnType<typeof rowPlan>,
  folder: string,
  call: FeatureCall,
): Promise<number> {
  let drained = 0;
  for (;;) {
    const updates = await parts.featureState.pendingUpdates(claim.set, claim.version, parts.chunkRows);
    const last = updates.at(-1);
    if (last === undefined) return drained;
    const part = await parts.offline.writePushed(plan, updates, folder, call.signal);
    await claim.commitPart({ ...part, sequence: last.sequence, pushed: true }, last.sequence);
    drained += updates.length;
  }
}

/** What is kept aside may have been corrected: then all that the source has is looked at again. */
async function sinceOf(
  { quality }: MaterializeParts,
  { set, version }: MaterializationClaim,
  before: FeatureSetVersion | undefined,
): Promise<Pick<RowPlan, 'since'>> {
  if (before?.inputs == null) return {};
  const aside = await quality.held({ set, version, origin: 'materialization', limit: 1 });
  return aside.length > 0 ? {} : { since: before.inputs };
}

interface Fresh {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly quarantined: number;
}

const NOTHING: Fresh = { rowsRead: 0, rowsWritten: 0, quarantined: 0 };

async function writeFresh(
  parts: MaterializeParts,
  claim: MaterializationClaim,
  structure: FeatureSetStructure,
  plan: ReturnType<typeof rowPlan>,
  folder: string,
  call: FeatureCall,
  as: { readonly pushed?: boolean } = {},
): Promise<Fresh> {
  const { set, version } = claim;
  const spec = featureSetSpec(parts.catalog, set);
  const stored = await parts.featureState.parts(claim.set, claim.version);
  const of = { featureSet: claim.set, version: claim.version };
  startPhase(call.progress, { ...of, phase: 'reading' }, null);
  const staged = await parts.offline.stage(
    { ...plan, checks: rowChecks(set, spec, structure) },
    stored.map((part) => part.location),
    folder,
    call.signal,
  );
  try {
    if (staged.rowsSkipped > 0)
      call.log(`${claim.set}@${claim.version}: ${staged.rowsSkipped} rows without key or event time left out`);
    const now = microsOf(await parts.featureState.now());
    const quarantined = await judgeStaged(
      parts.quality,
      { set, version, spec, staged, now, isWhole: as.pushed !== true },
      call,
    );
    const writing = startPhase(call.progress, { ...of, phase: 'writing' }, staged.rows);
    for (let from = 0; from < staged.rows; from += parts.chunkRows) {
      call.signal.throwIfAborted();
      const sequence = await claim.nextSequence();
      const part = await staged.write(
        { from, to: Math.min(staged.rows, from + parts.chunkRows), sequence },
        call.signal,
      );
      await claim.commitPart({ ...part, sequence, ...as });
      writing.add(part.rows);
    }
    return { rowsRead: staged.rowsRead, rowsWritten: staged.rows, quarantined };
  } finally {
    await staged.discard();
  }
}

/** Rows that came or became visible since the online store's progress, and those within the lookback. */
async function fillOnline(
  parts: MaterializeParts,
  claim: MaterializationClaim,
  working: FeatureSetVersion,
  call: FeatureCall,
): Promise<number> {
  const { featureState, offline, online } = parts;
  const spec = featureSetSpec(parts.catalog, claim.set);
  const table = onlineTable(working);
  const { structure } = working;
  const [stored, version, progress, clock] = await Promise.all([
    featureState.parts(claim.set, claim.version),
    recorded(featureState, claim.set, claim.version),
    online.progress(table),
    featureState.now(),
  ]);
  const now = microsOf(clock);
  const sequence = progress?.sequence ?? -1;
  const after = progress?.visibleAt ?? null;
  const lookback = spec.materialize?.lookback;
  const again =
    lookback === undefined || version?.eventWatermark == null
      ? null
      : version.eventWatermark - BigInt(durationMs(lookback)) * 1000n;
  const wanted = stored.filter(
    (part) =>
      part.sequence > sequence ||
      (after !== null && part.maxVisibleTime > after) ||
      (again !== null && part.maxEventTime >= again),
  );
  const keys = keyColumns(structure);
  const types = keys.map((key) => key.type);
  const of = { featureSet: claim.set, version: claim.version, phase: 'online' } as const;
  const writing = startPhase(call.progress, of, wanted.length === 0 ? 0 : null);
  const rows = offline.latest(
    {
      plan: rowPlan(claim.set, structure, {}),
      parts: wanted.map((part) => part.location),
      sequence,
      after,
      again,
      now,
      asKnownNow: structure.asKnownAt === 'now',
      counted: (count) => writing.total(count),
    },
    call.signal,
  );
  let written = 0;
  await overlapped(rows, async (batch) => {
    written += await online.write(
      table,
      batch.map((record) => ({ key: encodeKey(types, record.key), record })),
    );
    writing.add(batch.length);
  });
  const newest = stored.reduce((greatest, part) => Math.max(greatest, part.sequence), sequence);
  await online.setProgress(table, { sequence: newest, visibleAt: now });
  await featureState.noteFill(claim.set, claim.version, {
    sequence: newest,
    visibleAt: now,
    anew: progress === undefined,
  });
  return written;
}
