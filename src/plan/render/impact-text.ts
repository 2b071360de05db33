/** What a change touches and costs, in words. What is not known is called unknown. */
import type { AffectedEndpoint, Change, Impact } from '../change.ts';
import type { RecomputeTotal } from '../plan.ts';
import type { SnapshotOutlook } from '../snapshots-to-go.ts';

/** `recompute 1,945 rows over 5,184 days, 120 kB, about 1 s`; undefined where nothing has to be. */
export function recomputeText({ rows, days, bytes, estimatedSeconds, basis }: Impact): string | undefined {
  if (rows === 0 || (rows === null && basis === null)) return undefined;
  if (rows === null) return 'recompute an unknown number of rows';
  const over = days === null ? 'an unknown number of days' : counted(days, 'day');
  return `recompute ${[`${counted(rows, 'row')} over ${over}`, ...costTexts(bytes, estimatedSeconds)].join(', ')}`;
}

/** Over the whole plan, each feature set once. */
export function totalText({ featureSets, rows, bytes, estimatedSeconds, unknown }: RecomputeTotal): string {
  const of = `of ${counted(featureSets.length, 'feature set')}`;
  const parts =
    rows === null ? [`unknown rows ${of}`] : [`${counted(rows, 'row')} ${of}`, ...costTexts(bytes, estimatedSeconds)];
  const shown = unknown.length > 3 ? [...unknown.slice(0, 3), `${unknown.length - 3} more`] : unknown;
  return `${parts.join(', ')}${unknown.length === 0 ? '' : ` (not measured: ${shown.join(', ')})`}`;
}

function costTexts(bytes: number | null, seconds: number | null): readonly string[] {
  return [
    ...(bytes === null ? [] : [sizeText(bytes)]),
    seconds === null ? 'in an unknown time' : durationText(seconds),
  ];
}

/** `hepatology, 1,240 predictions a day`; undefined where neither is known. */
export function endpointText({ owner, requestsPerDay }: AffectedEndpoint): string | undefined {
  const parts = [
    ...(owner === null ? [] : [owner]),
    ...(requestsPerDay === null ? [] : [requestsText(requestsPerDay)]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

export function requestsText(perDay: number): string {
  if (perDay === 0) return 'no predictions in 7 days';
  return perDay < 1 ? 'less than one prediction a day' : counted(Math.round(perDay), 'prediction', ' a day');
}

/** What lies below a change, the endpoints first, without what goes in the same plan. */
export function affectedNames(change: Change, gone: ReadonlySet<string>): readonly string[] {
  if (change.class === 'safe') return [];
  const { downstream, endpoints } = change.impact;
  const serving = new Map(endpoints.map((endpoint) => [endpoint.address, endpointText(endpoint)]));
  const itself = endpoints.some(({ address }) => address === change.address) ? [change.address] : [];
  const others = downstream.filter((address) => !gone.has(address));
  return [...itself, ...others.filter((address) => serving.has(address)), ...others.filter((one) => !serving.has(one))]
    .map((address) => ({ address, text: serving.get(address) }))
    .filter(({ address, text }) => address !== change.address || text !== undefined)
    .map(({ address, text }) => (text === undefined ? address : `${address} (${text})`));
}

/** Features whose values a change of something else gives them. */
export function changedFeatures({ kind, class: found, impact }: Change): readonly string[] {
  return kind === 'feature_set' || found === 'safe' ? [] : (impact.features ?? []);
}

const SOURCES_SHOWN = 5;

/** `3 of visits, 120 kB, from 2026-12-25 on; 1 of labs, 4 kB, 30d after this is applied (snapshots.keep 30d)`; undefined where there are none. */
export function snapshotsText(
  { keep, goes }: SnapshotOutlook,
  name: (source: string) => string = (source) => source,
): string | undefined {
  if (goes.length === 0) return undefined;
  const shown = goes
    .slice(0, SOURCES_SHOWN)
    .map(
      ({ source, snapshots, bytes, from }) =>
        `${snapshots.toLocaleString('en-US')} of ${name(source)}, ${sizeText(bytes)}, ${from === null ? `${keep} after this is applied` : `from ${from.slice(0, 10)} on`}`,
    );
  const more = goes.length > SOURCES_SHOWN ? `; and of ${goes.length - SOURCES_SHOWN} more sources` : '';
  return `${shown.join('; ')}${more} (snapshots.keep ${keep})`;
}

const READERS_SHOWN = 3;

/** `read online 12,000 times by key:svc-triage, once by http in the last 30 days`; undefined where nobody did, or it is not known. */
export function readersText(
  { readers }: Impact,
  name: (reader: string) => string = (reader) => reader,
): string | undefined {
  const [first] = readers ?? [];
  if (readers === null || first === undefined) return undefined;
  const shown = readers.slice(0, READERS_SHOWN).map(({ reader, reads }) => `${timesText(reads)} by ${name(reader)}`);
  const more = readers.length - shown.length;
  const others = more > 0 ? ` and by ${more} more` : '';
  return `read online ${shown.join(', ')}${others} in the last ${first.days === 1 ? 'day' : `${first.days} days`}`;
}

const timesText = (times: number): string => (times === 1 ? 'once' : `${times.toLocaleString('en-US')} times`);

export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function durationText(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.ceil(seconds))} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `about ${Math.round(minutes)} min` : `about ${Math.round(minutes / 60)} h`;
}

const counted = (count: number, noun: string, after = ''): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}${after}`;
