import { expect, it } from 'vitest';
import { parseInstant } from '../../src/lib/instant.ts';

it('reads times as UTC unless they name a zone', () => {
  expect(parseInstant('2026-01-31T12:00:00Z')?.toISOString()).toBe('2026-01-31T12:00:00.000Z');
  expect(parseInstant('2026-01-31 12:00')?.toISOString()).toBe('2026-01-31T12:00:00.000Z');
  expect(parseInstant('2026-01-31T12:00:00.123456+02:00')?.toISOString()).toBe('2026-01-31T10:00:00.123Z');
  expect(parseInstant('2026-01-31')?.toISOString()).toBe('2026-01-31T00:00:00.000Z');
});

it('refuses what is no time', () => {
  for (const text of ['', 'yesterday', '2026', '2026-13-01', '2026-01-31T25:00', '1'])
    expect(parseInstant(text), text).toBeUndefined();
});
