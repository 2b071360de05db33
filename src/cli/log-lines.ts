/** Lines of logs: the flags that choose them, and how they are shown. */
import { integer, string } from '@oclif/core/flags';
import { LOG_LEVELS, type LogLevel } from '../compose/views.ts';
import { systemClock } from '../lib/clock.ts';
import { sinceOf } from '../lib/since.ts';
import type { Colors } from './run-view.ts';

export const lineFlags = {
  level: string({ description: 'Only lines of this level and graver ones.', options: [...LOG_LEVELS] }),
  grep: string({ description: 'Only lines that hold this text; without upper-case letters case is no matter.' }),
  since: string({ description: 'Only what came since then: a time, or 10m, 2h, 7d ago.' }),
};

export const tailFlag = integer({ description: 'Only the last so many lines of each task.', min: 0 });

export function lineFilterOf(flags: {
  readonly level: string | undefined;
  readonly grep: string | undefined;
  readonly since: string | undefined;
}) {
  return {
    level: flags.level as LogLevel | undefined,
    grep: flags.grep,
    since: flags.since === undefined ? undefined : sinceOf(flags.since, systemClock.now()),
  };
}

export function linePainter(
  colors: Colors,
): (line: { readonly level: string | null; readonly text: string }) => string {
  return ({ level, text }) => {
    if (level === 'error' || level === 'fatal') return colors.red(text);
    if (level === 'warn') return colors.yellow(text);
    return level === 'debug' || level === 'trace' || level === 'system' ? colors.dim(text) : text;
  };
}
