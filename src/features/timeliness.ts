/**
 * Whether a feature set keeps the schedule of its own. An instant of the schedule is due; it is met once a materialization of the
 * newest version has ended after it, whoever started that. Overdue is the first instant that is not met, a minute after it, unless its
 * run is under way; and once the next instant has passed as well, in any case.
 */
import { nextInstants } from '../lib/schedule.ts';
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { FeatureState } from '../stores/control/feature-state.ts';
import type { MaterializationStanding } from '../stores/control/materialization-standings.ts';

export interface Timeliness {
  readonly cron: string;
  readonly timezone: string;
  /** When a materialization last ended well; null where none did. */
  readonly materializedAt: Date | null;
  /** The first instant that is not met yet; it may be to come. Null where none comes. */
  readonly dueAt: Date | null;
  readonly isUnderWay: boolean;
  readonly isLate: boolean;
}

/** A scheduler looks every second; a run that finds nothing new takes a few. */
const ALLOWED_MS = 60_000;

/** Of each set with a schedule of its own, by name; one without any version is not materialized by a schedule either. */
export async function timelinessOf(
  all: readonly CanonicalFeatureSet[],
  featureState: Pick<FeatureState, 'standings' | 'scheduledSince' | 'now'>,
): Promise<ReadonlyMap<string, Timeliness>> {
  const found = new Map<string, Timeliness>();
  const sets = all.filter(({ materialize }) => materialize?.cron !== undefined);
  if (sets.length === 0) return found;
  const [standings, now] = await Promise.all([
    featureState.standings(sets.length === 1 ? sets[0]?.name : undefined),
    featureState.now(),
  ]);
  const known = new Map(standings.map((standing) => [standing.set, standing]));
  for (const set of sets) {
    const standing = known.get(set.name);
    const timeliness = standing === undefined ? undefined : judge(set, standing, standing.registeredAt, now);
    if (timeliness !== undefined) found.set(set.name, timeliness);
  }
  // Only what looks late: the history says whether the schedule was another one, or none, when the instant passed.
  const late = sets.filter(({ name }) => found.get(name)?.isLate === true);
  const since = await featureState.scheduledSince(late.map(({ name }) => name));
  for (const set of late) {
    const [standing, from] = [known.get(set.name), since.get(set.name)];
    const timeliness = standing === undefined || from === undefined ? undefined : judge(set, standing, from, now);
    if (timeliness !== undefined) found.set(set.name, timeliness);
  }
  return found;
}

function judge(
  { materialize }: CanonicalFeatureSet,
  { registeredAt, filledAt, isUnderWay }: MaterializationStanding,
  scheduledSince: Date,
  now: Date,
): Timeliness | undefined {
  if (materialize?.cron === undefined) return undefined;
  const { cron, timezone = 'UTC' } = materialize;
  const from = [registeredAt, filledAt, scheduledSince].reduce<Date>(
    (last, one) => (one !== null && one > last ? one : last),
    registeredAt,
  );
  const [due, next] = nextInstants(cron, timezone, from, { limit: 2 });
  const isPast = (instant: Date | undefined): boolean =>
    instant !== undefined && now.getTime() - instant.getTime() > ALLOWED_MS;
  return {
    cron,
    timezone,
    materializedAt: filledAt,
    dueAt: due ?? null,
    isUnderWay,
    isLate: isPast(due) && (!isUnderWay || isPast(next)),
  };
}
