/**
 * Instants of cron schedules in a time zone. Daylight saving: a fixed time (`30 2 * * *`, `0 1,13 * * *`) that the clock
 * skips runs at the first valid instant after the gap, one that it shows twice runs once; hourly and finer patterns
 * follow elapsed time. Five fields, or six with seconds first.
 */
import { Cron } from 'croner';

export interface InstantRange {
  /** The last instant that counts, itself included. Default: no end. */
  readonly until?: Date;
  /** At most so many. Default 1,000. */
  readonly limit?: number;
}

/** Answers given so far: a project of thousands of feature sets has few schedules. */
const checked = new Map<string, string | undefined>();

/** What is wrong with it, as a sentence for the user, or undefined where it can be scheduled. */
export function checkCron(cron: string, timezone = 'UTC'): string | undefined {
  const key = `${timezone} ${cron}`;
  if (checked.has(key)) return checked.get(key);
  if (checked.size > 1000) checked.clear();
  const answer = problemOf(cron, timezone);
  checked.set(key, answer);
  return answer;
}

function problemOf(cron: string, timezone: string): string | undefined {
  if (!isTimezone(timezone)) return `${JSON.stringify(timezone)} is not an IANA time zone such as "America/Chicago".`;
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) {
    return `A schedule has five fields (minute hour day month weekday) or six (seconds first); ${JSON.stringify(cron)} has ${fields.length}.`;
  }
  try {
    const schedule = parse(cron, timezone);
    return schedule.nextRun(new Date('2024-01-01T00:00:00Z')) === null
      ? `${JSON.stringify(cron)} never comes.`
      : undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return `${message.replace(/^CronPattern: /, '').replace(/^./, (first) => first.toUpperCase())}.`;
  }
}

export function isTimezone(name: string): boolean {
  if (name === 'UTC') return true;
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The instants after `after` (itself not included), in order. The pattern was checked with {@link checkCron}. */
export function nextInstants(
  cron: string,
  timezone: string | undefined,
  after: Date,
  range: InstantRange = {},
): Date[] {
  const schedule = parse(cron, timezone ?? 'UTC');
  const limit = range.limit ?? 1000;
  const instants: Date[] = [];
  let at: Date | null = after;
  while (instants.length < limit) {
    at = schedule.nextRun(at);
    if (at === null || (range.until !== undefined && at > range.until)) break;
    instants.push(at);
  }
  return instants;
}

/** The first instant after `after`, or undefined where none comes. */
export function nextInstant(cron: string, timezone: string | undefined, after: Date): Date | undefined {
  return nextInstants(cron, timezone, after, { limit: 1 })[0];
}

function parse(cron: string, timezone: string): Cron {
  return new Cron(cron, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true });
}
