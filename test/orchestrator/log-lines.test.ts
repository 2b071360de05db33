import { describe, expect, it } from 'vitest';
import {
  createLineReader,
  LOG_LEVELS,
  type LogLine,
  levelOf,
  levelPattern,
  lineFilter,
} from '../../src/orchestrator/log-lines.ts';

const AT = new Date('2026-01-31T02:00:00Z');
const chunk = (text: string, stream: LogLine['stream'] = 'out', seq = 1) => ({ seq, stream, text, at: AT });

/** As programs of many kinds write them. */
const LINES: readonly (readonly [string, LogLine['level']])[] = [
  ['ERROR: disk full', 'error'],
  ['[ERROR] disk full', 'error'],
  ['error: disk full', 'error'],
  ['npm warn deprecated x', null],
  ['WARNING:root:careful', 'warn'],
  ['warning: unused variable', 'warn'],
  ['2026-01-31 02:03:04,123 - root - ERROR - disk full', 'error'],
  ['2026-01-31 02:03:04,123 INFO my.module: done', 'info'],
  ['2026-01-31T02:03:04.123Z warn slow', 'warn'],
  ['[2026-01-31 02:03:04] [my.logger] DEBUG details', 'debug'],
  ['26/01/31 02:03:04 WARN NativeCodeLoader: Unable to load', 'warn'],
  ['INFO:     Started server process', 'info'],
  ['level=error msg="disk full"', 'error'],
  ['time="2026-01-31T02:03:04Z" level=fatal msg=no', 'fatal'],
  ['E0131 02:03:04.123456 12 file.cc:7] disk full', 'error'],
  ['W0131 02:03:04.123456 12 file.cc:7] careful', 'warn'],
  ['{"level":"warn","msg":"slow"}', 'warn'],
  ['{"level":50,"time":1,"msg":"disk full"}', 'error'],
  ['{"level":60,"msg":"gone"}', 'fatal'],
  ['{"severity":"CRITICAL","message":"gone"}', 'fatal'],
  ['{"levelname":"DEBUG","message":"x"}', 'debug'],
  ['{"rows": 3}', null],
  ['{not json', null],
  ['Traceback (most recent call last):', 'error'],
  ['ValueError: Input contains NaN', 'error'],
  ["TypeError: Cannot read properties of undefined (reading 'x')", 'error'],
  ['Exception in thread "main" java.lang.IllegalStateException: no', 'error'],
  ['epoch 3 of 40, error 0.31', null],
  ['0 errors, 3 warnings', null],
  ['mean absolute error: 0.3', null],
  ['visits: 1945 rows, snapshot 00541d538486', null],
  ['information about the model', null],
  ['', null],
];

it.each(LINES)('%s', (line, level) => {
  expect(levelOf(line, 'out')).toBe(level);
});

it('what the orchestrator says is told as that', () => {
  expect(levelOf('failed: exit code 1', 'system')).toBe('system');
});

describe('lines', () => {
  it('are whole however the text comes in pieces, each stream for itself', () => {
    const text = 'one\ntwo\r\n\nERROR three\n  at x\nfour';
    for (let size = 1; size < text.length; size += 1) {
      const reader = createLineReader();
      const lines: LogLine[] = [];
      for (let at = 0; at < text.length; at += size) {
        lines.push(...reader.take(chunk(text.slice(at, at + size))));
        lines.push(...reader.take(chunk('e', 'err')));
      }
      lines.push(...reader.rest());
      expect(lines.filter(({ stream }) => stream === 'out').map(({ text: line }) => line)).toEqual([
        'one',
        'two',
        '',
        'ERROR three',
        '  at x',
        'four',
      ]);
      expect(lines.filter(({ stream }) => stream === 'err').map(({ text: line }) => line)).toEqual([
        'e'.repeat(Math.ceil(text.length / size)),
      ]);
    }
  });

  it('that are indented have the level of the line before', () => {
    const reader = createLineReader();
    const lines = reader.take(chunk('ERROR no\n  at a\n\tat b\nplain\n  indented\n'));
    expect(lines.map(({ level }) => level)).toEqual(['error', 'error', 'error', null, null]);
  });

  it('without an end are given in pieces', () => {
    const reader = createLineReader();
    expect(reader.take(chunk('x'.repeat(300_000)))).toHaveLength(1);
    expect(reader.rest()).toEqual([]);
  });

  it('are chosen by level, text and time', () => {
    const lines: LogLine[] = LINES.map(([text, level]) => ({ at: AT, level, stream: 'out', text }));
    const count = (filter: Parameters<typeof lineFilter>[0]): number => lines.filter(lineFilter(filter)).length;
    expect(count({ level: 'error' })).toBe(LINES.filter(([, level]) => level === 'error' || level === 'fatal').length);
    expect(count({ level: 'info' })).toBe(LINES.filter(([, level]) => level !== 'debug').length);
    expect(count({ grep: 'disk full' })).toBe(LINES.filter(([text]) => text.includes('disk full')).length);
    expect(count({ grep: 'ERROR' })).toBe(LINES.filter(([text]) => text.includes('ERROR')).length);
    expect(count({ grep: 'error' })).toBe(LINES.filter(([text]) => text.toLowerCase().includes('error')).length);
    expect(count({ since: new Date(AT.getTime() + 1) })).toBe(0);
    expect(lineFilter({ level: 'fatal' })({ at: AT, level: 'system', stream: 'system', text: 'x' })).toBe(true);
  });
});

it('the first look for a level leaves out no line of it', () => {
  for (const level of LOG_LEVELS) {
    const pattern = levelPattern(level);
    if (pattern === undefined) continue;
    const passes = lineFilter({ level });
    const seen = new RegExp(pattern, 'i');
    for (const [text, own] of LINES) {
      if (own === null || !passes({ at: AT, level: own, stream: 'out', text })) continue;
      expect(seen.test(text), `${level}: ${text}`).toBe(true);
    }
  }
});
