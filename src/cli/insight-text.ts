/** Quality, freshness, lineage and readers for people. */
import type { insightView, SetInsight } from '../compose/views.ts';
import { elapsed, instant, table } from './output.ts';

type FeatureView = ReturnType<typeof insightView>['features'][number];

type Schedule = NonNullable<SetInsight['schedule']>;

const DAY_MS = 86_400_000;

export function insightText(insight: SetInsight): string {
  const { quality, freshness, schedule, quarantined, check, ingestedAt } = insight;
  const parts = Object.entries(quality.parts).flatMap(([name, part]) =>
    part === null ? [] : [`${name} ${(part * 100).toFixed(1)} %`],
  );
  const age = freshness.ageMs === null ? [] : [`newest event ${ageText(freshness.ageMs)} old`];
  const limit =
    freshness.limitMs === null
      ? []
      : [`${freshness.isFresh === false ? 'stale: ' : ''}${ageText(freshness.limitMs)} are allowed`];
  return [
    `quality  ${quality.score ?? 'not known yet'}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`,
    `fresh    ${[...age, ...limit, ...(ingestedAt === null ? [] : [`last rows came ${instant(ingestedAt)}`])].join(', ') || 'no rows yet'}`,
    ...(schedule === null ? [] : [`planned  ${scheduleText(schedule)}`]),
    ...(check === null || check.failures.length === 0
      ? []
      : [
          `checks   ${check.failures
            .map(
              ({ feature, expectation, rows }) =>
                `${feature === null ? '' : `${feature} `}${expectation}${rows === null ? '' : ` in ${rowsText(rows)}`}`,
            )
            .join(', ')} not met at ${instant(check.checkedAt)}: ${check.outcome}`,
        ]),
    ...(quarantined === 0 ? [] : [`aside    ${rowsText(quarantined)}: mlops features quarantine list ${insight.set}`]),
  ].join('\n');
}

const rowsText = (rows: number): string => `${rows} ${rows === 1 ? 'row' : 'rows'}`;

/** `0 2 * * * UTC, LATE: due 2026-01-02 02:00:00, last materialized 2026-01-01 02:00:04`. */
function scheduleText({ cron, timezone, isLate, isUnderWay, dueAt, materializedAt }: Schedule): string {
  const state = isLate
    ? `LATE: due ${instant(dueAt)}${isUnderWay ? ', under way' : ''}`
    : isUnderWay
      ? 'under way'
      : dueAt === null
        ? 'no instant to come'
        : `next ${instant(dueAt)}`;
  return `${cron} ${timezone}, ${state}, ${materializedAt === null ? 'never materialized' : `last materialized ${instant(materializedAt)}`}`;
}

/** In one word: `late` by its own schedule, else by the age that is allowed. */
export function freshnessWord({ schedule, freshness }: Pick<SetInsight, 'schedule' | 'freshness'>): string {
  if (schedule?.isLate === true) return 'late';
  if (freshness.isFresh !== null) return freshness.isFresh ? 'fresh' : 'stale';
  return schedule === null ? '-' : 'on time';
}

export function featureText(
  spec: {
    readonly dtype: string;
    readonly unit?: string | undefined;
    readonly description?: string | undefined;
    readonly expr?: string | undefined;
  },
  feature: FeatureView,
  owner: string | null,
): string {
  const list = (items: readonly string[] | null, none: string): string =>
    items === null ? 'not known: it may be any column' : items.length === 0 ? none : items.join(', ');
  return [
    `${feature.name}${spec.description === undefined ? '' : `: ${spec.description}`}`,
    [spec.dtype, spec.unit, owner === null ? undefined : `owner ${owner}`].filter(Boolean).join(', '),
    ...(spec.expr === undefined ? [] : [`= ${spec.expr}`]),
    '',
    `made from  ${list(feature.sources, 'no column')}`,
    ...(feature.reads.length === 0 ? [] : [`computed from  ${feature.reads.join(', ')}`]),
    `declared to be read by  ${list(feature.read_by, 'nothing')}`,
    '',
    feature.last_read_at === null
      ? 'Nobody ever read it.'
      : table(
          ['READER', 'READS', 'ENTITIES', 'FIRST (UTC)', 'LAST (UTC)'],
          (feature.use as readonly UseView[]).map((use) => [
            use.reader,
            String(use.reads),
            String(use.entities),
            instant(use.first_at),
            instant(use.last_at),
          ]),
        ),
  ].join('\n');
}

interface UseView {
  readonly reader: string;
  readonly reads: number;
  readonly entities: number;
  readonly first_at: Date;
  readonly last_at: Date;
}

function ageText(ms: number): string {
  if (ms < 60 * 60_000) return elapsed(ms);
  return ms < 2 * DAY_MS ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / DAY_MS)} days`;
}
