/**
 * Both edges of daylight saving, in both hemispheres, against an oracle that walks through every minute of the zone's wall clock: a
 * fixed time that the clock skips comes at the first minute after the gap, one that it shows twice comes the first time, and what
 * has a `*` among hours or minutes comes at every minute of elapsed time whose wall clock fits.
 */
import { describe, expect, it } from 'vitest';
import { nextInstants } from '../../src/lib/schedule.ts';

interface Edge {
  readonly zone: string;
  /** A day before the change, 00:00 UTC. */
  readonly from: string;
  readonly kind: 'gap' | 'overlap';
}

const EDGES: readonly Edge[] = [
  { zone: 'America/Chicago', from: '2026-03-07', kind: 'gap' },
  { zone: 'America/Chicago', from: '2026-10-31', kind: 'overlap' },
  { zone: 'Europe/Berlin', from: '2026-03-28', kind: 'gap' },
  { zone: 'Europe/Berlin', from: '2026-10-24', kind: 'overlap' },
  { zone: 'Australia/Sydney', from: '2026-10-03', kind: 'gap' },
  { zone: 'Australia/Sydney', from: '2026-04-04', kind: 'overlap' },
  // Half an hour.
  { zone: 'Australia/Lord_Howe', from: '2026-10-03', kind: 'gap' },
  { zone: 'Australia/Lord_Howe', from: '2026-04-04', kind: 'overlap' },
  { zone: 'America/Santiago', from: '2026-09-05', kind: 'gap' },
];

const MINUTE = 60_000;
const DAYS = 3;

interface Wall {
  readonly at: number;
  /** Minutes of the day. */
  readonly minute: number;
  readonly date: string;
}

/** What the clock on the wall shows at each minute of elapsed time. */
function wallClock({ zone, from }: Edge): readonly Wall[] {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const begin = Date.parse(`${from}T00:00:00Z`);
  return Array.from({ length: DAYS * 1440 }, (_, index) => {
    const at = begin + index * MINUTE;
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    return {
      at,
      minute: Number(parts['hour']) * 60 + Number(parts['minute']),
      date: `${parts['year']}-${parts['month']}-${parts['day']}`,
    };
  });
}

/** Daily at these minutes of the day. */
function fixedTimes(walls: readonly Wall[], minutes: readonly number[]): readonly number[] {
  const first = walls[0]!;
  const found = new Set<number>();
  for (const date of new Set(walls.map((wall) => wall.date))) {
    const day = walls.filter((wall) => wall.date === date);
    for (const minute of minutes) {
      const shown = day.find((wall) => wall.minute === minute);
      // Skipped: the first minute of that day that is later. Not a day that is seen in part only.
      const whole = date !== first.date && date !== walls.at(-1)!.date;
      const at = shown ?? (whole ? day.find((wall) => wall.minute > minute) : undefined);
      if (at !== undefined) found.add(at.at);
    }
  }
  return [...found].sort((a, b) => a - b);
}

const elapsed = (walls: readonly Wall[], fits: (minute: number) => boolean): readonly number[] =>
  walls.filter(({ minute }) => fits(minute)).map(({ at }) => at);

function instants(cron: string, edge: Edge): readonly number[] {
  const begin = Date.parse(`${edge.from}T00:00:00Z`);
  return nextInstants(cron, edge.zone, new Date(begin - 1), {
    until: new Date(begin + DAYS * 1440 * MINUTE - 1),
    limit: 10_000,
  }).map((at) => at.getTime());
}

describe.each(EDGES)('at the $kind of $zone', (edge) => {
  const walls = wallClock(edge);

  it('the clock changes', () => {
    const jumps = walls.slice(1).filter((wall, index) => {
      const step = (wall.minute - walls[index]!.minute + 1440) % 1440;
      return step !== 1;
    });
    expect(jumps).toHaveLength(1);
  });

  it.each([0, 30, 60, 90, 105, 120, 135, 150, 179, 180, 210, 720])('daily at minute %i comes once a day', (minute) => {
    const cron = `${minute % 60} ${Math.floor(minute / 60)} * * *`;
    expect(instants(cron, edge)).toEqual(fixedTimes(walls, [minute]));
  });

  it('several times a day come each once', () => {
    expect(instants('30 1,2,14 * * *', edge)).toEqual(fixedTimes(walls, [90, 150, 870]));
  });

  it('hourly and finer follow elapsed time', () => {
    expect(instants('0 * * * *', edge)).toEqual(elapsed(walls, (minute) => minute % 60 === 0));
    expect(instants('*/20 * * * *', edge)).toEqual(elapsed(walls, (minute) => minute % 20 === 0));
    expect(instants('* * * * *', edge)).toEqual(walls.map(({ at }) => at));
  });

  it('no instant comes twice, and they come in order', () => {
    for (const cron of ['30 2 * * *', '*/7 * * * *', '0 */3 * * *', '15 1-3 * * *', '0 0 * * *']) {
      const found = instants(cron, edge);
      expect(found, cron).toEqual([...new Set(found)].sort((a, b) => a - b));
    }
  });
});
