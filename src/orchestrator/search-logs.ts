/**
 * Looks for a text in the logs of a pipeline's runs, the newest first, for a limited time: however many runs there are, it
 * answers what it found so far and where to go on. The store names attempts whose log may hold it; their lines are read here.
 */
import { MlopsError } from '../lib/error.ts';
import type { LogPlace, RunStore } from '../stores/control/runs.ts';
import type { LogPart } from './follow.ts';
import { linesOf } from './follow-lines.ts';
import { foldsCase, type LineFilter, type LogLine, levelPattern } from './log-lines.ts';

export interface LogSearch extends LineFilter {
  readonly pipeline: string;
  /** Lines at most; a run whose lines were begun is finished. Default 100. */
  readonly limit?: number | undefined;
  /** Opaque, from the answer before. */
  readonly cursor?: string | undefined;
  /** Default 5 s. */
  readonly withinMs?: number | undefined;
  readonly signal: AbortSignal;
}

export interface FoundLine extends LogLine {
  readonly runId: string;
  readonly task: string;
  readonly attempt: number;
}

export interface LogSearchResult {
  readonly items: readonly FoundLine[];
  /** Null: all runs were searched. */
  readonly nextCursor: string | null;
  readonly searchedRuns: number;
  /** The oldest run that was looked at, by when it was made. */
  readonly searchedBack: Date | null;
  /** Runs whose logs are too large to be searched in that time. */
  readonly skippedRuns: readonly string[];
}

const DEFAULT_LIMIT = 100;
const DEFAULT_WITHIN_MS = 5_000;
const RUNS_AT_ONCE = 50;
/** Of one attempt: a log that repeats itself does not fill the answer. */
const LINES_OF_ATTEMPT = 20;
const CHUNKS_AT_ONCE = 50;

export async function searchLogs(
  runs: Pick<RunStore, 'logCandidates' | 'readLog'>,
  search: LogSearch,
): Promise<LogSearchResult> {
  const { grep, level, limit = DEFAULT_LIMIT, signal } = search;
  if ((grep === undefined || grep === '') && level === undefined) {
    throw new MlopsError('API400', {
      detail: 'A search of logs names a text, a level, or both.',
      hint: 'grep=TEXT, level=error',
    });
  }
  const until = performance.now() + (search.withinMs ?? DEFAULT_WITHIN_MS);
  const items: FoundLine[] = [];
  const skipped: string[] = [];
  let cursor = search.cursor ?? null;
  let [searchedRuns, atOnce] = [0, RUNS_AT_ONCE];
  let searchedBack: Date | null = null;
  for (;;) {
    const answer = await runs.logCandidates({
      pipeline: search.pipeline,
      text:
        grep === undefined || grep === ''
          ? null
          : { needle: foldsCase(grep) ? grep.toLowerCase() : grep, foldsCase: foldsCase(grep) },
      pattern: level === undefined ? null : (levelPattern(level) ?? null),
      since: search.since ?? null,
      cursor,
      runs: atOnce,
      withinMs: Math.max(500, until - performance.now()),
    });
    if (answer === 'timeout') {
      // Fewer at a time; a single one that takes too long is passed over.
      if (atOnce > 1) {
        atOnce = 1;
        if (performance.now() < until) continue;
        break;
      }
      const passed = await runs.logCandidates({
        pipeline: search.pipeline,
        text: null,
        pattern: null,
        since: search.since ?? null,
        cursor,
        runs: 1,
        withinMs: null,
      });
      if (passed === 'timeout' || passed.runs === 0) break;
      if (passed.lastRun !== null) skipped.push(passed.lastRun);
      cursor = passed.nextCursor;
    } else {
      searchedRuns += answer.runs;
      searchedBack = answer.oldest ?? searchedBack;
      for (const place of answer.places) items.push(...(await foundIn(runs, place, search)));
      cursor = answer.nextCursor;
    }
    if (cursor === null || items.length >= limit || performance.now() >= until || signal.aborted) break;
  }
  return { items, nextCursor: cursor, searchedRuns, searchedBack, skippedRuns: skipped };
}

async function foundIn(
  runs: Pick<RunStore, 'readLog'>,
  place: LogPlace,
  search: LogSearch,
): Promise<readonly FoundLine[]> {
  const found: FoundLine[] = [];
  for await (const line of linesOf(partsOf(runs, place), search)) {
    // What the orchestrator itself says is found by its text alone.
    if (line.level === 'system' && search.grep === undefined) continue;
    found.push({ ...line, runId: place.runId, task: place.task });
    if (found.length === LINES_OF_ATTEMPT || search.signal.aborted) break;
  }
  return found;
}

async function* partsOf(
  runs: Pick<RunStore, 'readLog'>,
  { runId, task, attempt }: LogPlace,
): AsyncGenerator<LogPart, void, undefined> {
  for (let after = 0; ; ) {
    const part = await runs.readLog(runId, task, attempt, after, CHUNKS_AT_ONCE);
    for (const chunk of part?.chunks ?? []) {
      after = chunk.seq;
      yield { attempt, chunk };
    }
    if ((part?.chunks.length ?? 0) < CHUNKS_AT_ONCE) return;
  }
}
