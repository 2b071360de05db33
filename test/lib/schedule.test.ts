import { describe, expect, it } from 'vitest';
import { checkCron, nextInstant, nextInstants } from '../../src/lib/schedule.ts';

const chicago = 'America/Chicago';
const from = (cron: string, timezone: string | undefined, after: string, limit: number): string[] =>
  nextInstants(cron, timezone, new Date(after), { limit }).map((at) => at.toISOString());

describe('schedules', () => {
  it('run a daily time in the gap of daylight saving at the first valid instant', () => {
    expect(from('30 2 * * *', chicago, '2026-03-07T12:00:00Z', 2)).toEqual([
      '2026-03-08T08:00:00.000Z',
      '2026-03-09T07:30:00.000Z',
    ]);
    expect(from('30 2,14 * * *', chicago, '2026-03-08T00:00:00Z', 2)).toEqual([
      '2026-03-08T08:00:00.000Z',
      '2026-03-08T19:30:00.000Z',
    ]);
  });

  it('run a daily time in the overlap once', () => {
    expect(from('30 1 * * *', chicago, '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T06:30:00.000Z',
      '2026-11-02T07:30:00.000Z',
    ]);
  });

  it('follow elapsed time where they are hourly or finer', () => {
    expect(from('0 * * * *', chicago, '2026-11-01T05:30:00Z', 3)).toEqual([
      '2026-11-01T06:00:00.000Z',
      '2026-11-01T07:00:00.000Z',
      '2026-11-01T08:00:00.000Z',
    ]);
    expect(from('*/30 * * * *', chicago, '2026-03-08T07:15:00Z', 3)).toEqual([
      '2026-03-08T07:30:00.000Z',
      '2026-03-08T08:00:00.000Z',
      '2026-03-08T08:30:00.000Z',
    ]);
  });

  it('are in UTC unless told otherwise', () => {
    expect(nextInstant('0 2 * * *', undefined, new Date('2026-03-07T12:00:00Z'))?.toISOString()).toBe(
      '2026-03-08T02:00:00.000Z',
    );
  });

  it('end where asked, the end included', () => {
    const until = new Date('2026-01-01T00:02:00Z');
    expect(nextInstants('* * * * *', 'UTC', new Date('2026-01-01T00:00:00Z'), { until })).toHaveLength(2);
  });

  it('take six fields with the seconds first', () => {
    expect(from('*/20 0 0 * * *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-01-01T00:00:20.000Z',
      '2026-01-01T00:00:40.000Z',
    ]);
  });

  it('are refused with a reason where they cannot be read or never come', () => {
    expect(checkCron('0 0 * * 0', chicago)).toBeUndefined();
    expect(checkCron('61 * * * *')).toContain('minute');
    expect(checkCron('@daily')).toContain('five fields');
    expect(checkCron('0 0 30 2 *')).toContain('never');
    expect(checkCron('0 0 * * 0', 'Mars/Olympus')).toContain('time zone');
  });
});
