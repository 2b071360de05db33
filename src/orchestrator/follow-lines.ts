/** Lines of a task's log as they come, chosen by level, text and time. */
import type { LogPart } from './follow.ts';
import { createLineReader, type LineFilter, type LogLine, lineFilter } from './log-lines.ts';

export interface LinesOptions extends LineFilter {
  /** Only the last so many of what is there; what comes then follows. */
  readonly tail?: number | undefined;
}

export interface AttemptLine extends LogLine {
  readonly attempt: number;
}

/** `parts`: chunks of the log; `undefined` once all that was there has been given. */
export async function* linesOf(
  parts: AsyncIterable<LogPart | undefined>,
  options: LinesOptions,
): AsyncGenerator<AttemptLine, void, undefined> {
  const passes = lineFilter(options);
  let held: AttemptLine[] | undefined = options.tail === undefined ? undefined : [];
  let attempt = 0;
  let reader = createLineReader();

  const chosen = (lines: readonly LogLine[]): readonly AttemptLine[] =>
    lines.filter(passes).map((line) => ({ ...line, attempt }));

  function* give(lines: readonly AttemptLine[]): Generator<AttemptLine, void, undefined> {
    if (held === undefined) yield* lines;
    else {
      held.push(...lines);
      const tail = options.tail ?? 0;
      if (held.length > tail * 2 + 1000) held = held.slice(held.length - tail);
    }
  }

  function* release(): Generator<AttemptLine, void, undefined> {
    const last = held ?? [];
    held = undefined;
    yield* last.slice(Math.max(0, last.length - (options.tail ?? 0)));
  }

  for await (const part of parts) {
    if (part === undefined) {
      yield* release();
      continue;
    }
    if (part.attempt !== attempt) {
      yield* give(chosen(reader.rest()));
      reader = createLineReader();
      attempt = part.attempt;
    }
    yield* give(chosen(reader.take(part.chunk)));
  }
  yield* give(chosen(reader.rest()));
  yield* release();
}

/** As it was written, in pieces. */
export async function* textOf(parts: AsyncIterable<LogPart | undefined>): AsyncGenerator<string, void, undefined> {
  for await (const part of parts) if (part !== undefined) yield part.chunk.text;
}
