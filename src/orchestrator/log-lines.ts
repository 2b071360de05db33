/** A task's log as lines with levels, and which of them somebody asks for. Pure, but for what it remembers from line to line. */
import type { StoredLogChunk } from '../stores/control/runs.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  /** When the part of the log came in that holds its end. */
  readonly at: Date;
  /** As the line says itself; `system`: of the orchestrator; null: it says none, and counts as info. */
  readonly level: LogLevel | 'system' | null;
  readonly stream: StoredLogChunk['stream'];
  /** Without its line end. */
  readonly text: string;
}

export interface LineFilter {
  /** This and graver ones, and those of the orchestrator. */
  readonly level?: LogLevel | undefined;
  /** A part of the line. Upper and lower case count where it has an upper-case letter. */
  readonly grep?: string | undefined;
  readonly since?: Date | undefined;
}

export const hasFilter = ({ level, grep, since }: LineFilter): boolean =>
  level !== undefined || grep !== undefined || since !== undefined;

export function lineFilter({ level, grep, since }: LineFilter): (line: LogLine) => boolean {
  const least = level === undefined ? undefined : LOG_LEVELS.indexOf(level);
  const needle = grep === undefined ? undefined : foldsCase(grep) ? grep.toLowerCase() : grep;
  return (line) => {
    if (since !== undefined && line.at < since) return false;
    if (least !== undefined && line.level !== 'system' && LOG_LEVELS.indexOf(line.level ?? 'info') < least)
      return false;
    if (needle === undefined) return true;
    return (foldsCase(grep ?? '') ? line.text.toLowerCase() : line.text).includes(needle);
  };
}

export const foldsCase = (grep: string): boolean => grep === grep.toLowerCase();

/** Lines are put together per stream; what has no end yet is given with `rest`. */
export interface LineReader {
  take(chunk: StoredLogChunk): readonly LogLine[];
  rest(): readonly LogLine[];
}

/** A line longer than this is given in pieces: a program may print no line end at all. */
const LONGEST_LINE = 256 * 1024;

export function createLineReader(): LineReader {
  const open = new Map<LogLine['stream'], { text: string; at: Date }>();
  const before = new Map<LogLine['stream'], LogLine['level']>();
  const lineOf = (stream: LogLine['stream'], at: Date, text: string): LogLine => {
    const own = levelOf(text, stream);
    // What is indented goes on with the line before it: a stack trace, a table.
    const level = own === null && /^[ \t]/.test(text) ? (before.get(stream) ?? null) : own;
    before.set(stream, level);
    return { at, level, stream, text };
  };
  return {
    take: ({ stream, text, at }) => {
      const parts = `${open.get(stream)?.text ?? ''}${text}`.split('\n');
      const last = parts.pop() ?? '';
      const lines = parts.map((part) => lineOf(stream, at, part.replace(/\r$/, '')));
      if (last.length > LONGEST_LINE) {
        lines.push(lineOf(stream, at, last));
        open.delete(stream);
      } else if (last === '') open.delete(stream);
      else open.set(stream, { text: last, at });
      return lines;
    },
    rest: () => {
      const lines = [...open].map(([stream, { text, at }]) => lineOf(stream, at, text));
      open.clear();
      return lines;
    },
  };
}

const WORDS: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  dbg: 'debug',
  info: 'info',
  information: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
  severe: 'error',
  fatal: 'fatal',
  critical: 'fatal',
  crit: 'fatal',
  panic: 'fatal',
  emerg: 'fatal',
  alert: 'fatal',
};
/** `ERROR: x`, `[warn] x`, `2026-01-31 02:03:04,123 - root - ERROR - x`, `2026-01-31T02:03:04Z INFO x`: upper case behind other words, any case in front. */
const FRONT =
  /^\W{0,3}(trace|debug|dbg|info|notice|warn|warning|error|err|severe|fatal|critical|crit|panic|emerg|alert)\b(?=\s*[\]:)>|=-]|\s)/i;
const BEHIND =
  /^(?:\[?\d[\d:.,TZ+/ -]*\]?\s*)?(?:[-|[(\s]*[\w.$/-]{1,60}[\])]?\s*[-|:\s]\s*){0,3}[-|[(<\s]*\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|PANIC)\b/;
/** After a time any case is meant. */
const AFTER_TIME =
  /^\[?\d[\d:.,TZ+/ -]{5,}\]?\s+\W{0,3}(trace|debug|info|notice|warn|warning|error|err|fatal|critical|panic)\b/i;
const LOGFMT = /(?:^|\s)(?:level|lvl|severity)=["']?([a-z]+)/i;
/** Google's logs: `E0131 02:03:04.123456 …`. */
const GLOG = /^([IWEF])\d{4} \d{2}:\d{2}:\d{2}/;
const GLOG_LEVELS: Readonly<Record<string, LogLevel>> = { I: 'info', W: 'warn', E: 'error', F: 'fatal' };
/** How Python, JavaScript and Java begin to tell of an exception. */
const EXCEPTION =
  /^(?:Traceback \(most recent call last\)|(?:Uncaught |Exception in thread "[^"]*" |Caused by: )?[\w.$]*(?:Error|Exception)\b(?::|$| \[))/;
const LOOKED_AT = 400;

export function levelOf(line: string, stream: LogLine['stream']): LogLine['level'] {
  if (stream === 'system') return 'system';
  const trimmed = line.trimStart();
  if (trimmed.startsWith('{')) {
    const found = levelOfJson(trimmed);
    if (found !== undefined) return found;
  }
  const head = line.slice(0, LOOKED_AT);
  const glog = GLOG.exec(head)?.[1];
  if (glog !== undefined) return GLOG_LEVELS[glog] ?? null;
  const word = FRONT.exec(head)?.[1] ?? AFTER_TIME.exec(head)?.[1] ?? BEHIND.exec(head)?.[1] ?? LOGFMT.exec(head)?.[1];
  const level = word === undefined ? undefined : WORDS[word.toLowerCase()];
  return level ?? (EXCEPTION.test(head) ? 'error' : null);
}

/** Keys that loggers write the level under; numbers are those of pino and bunyan. */
function levelOfJson(text: string): LogLevel | null | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const record = value as Record<string, unknown>;
  const told = record['level'] ?? record['severity'] ?? record['levelname'] ?? record['lvl'] ?? record['log.level'];
  if (typeof told === 'string') return WORDS[told.toLowerCase()] ?? null;
  if (typeof told === 'number') return LOG_LEVELS[Math.min(5, Math.max(0, Math.ceil(told / 10) - 1))] ?? null;
  return null;
}

/** What a line of the level, or a graver one, may hold, for a first look by the store: a regular expression, any case. */
export function levelPattern(level: LogLevel): string | undefined {
  const wanted = new Set<LogLevel>(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
  if (wanted.has('info')) return undefined;
  const words = Object.entries(WORDS).flatMap(([word, of]) => (wanted.has(of) ? [word] : []));
  return `${words.join('|')}|exception|traceback|"(level|severity|lvl)": ?[4-6]|(^|\n)[WEF][0-9]{4} `;
}
