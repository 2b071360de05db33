/** The live view of a run, from recorded events: golden frames at several widths, and what must hold of every frame. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/cli/follow/layout.ts';
import { startLiveBlock } from '../../src/cli/follow/live-block.ts';
import { createPlainLines } from '../../src/cli/follow/plain-lines.ts';
import { createRunLines } from '../../src/cli/follow/run-lines.ts';
import { applyEvent, type RunModel, runModel } from '../../src/cli/follow/run-model.ts';
import { criticalPath, runSummary } from '../../src/cli/follow/run-summary.ts';
import { columnsOf, fitted, plainLine } from '../../src/cli/follow/text-width.ts';
import type { RunEvent, RunRecord } from '../../src/compose/views.ts';
import { expectGolden } from '../support/golden.ts';
import { screen } from '../support/screen.ts';

const cases = join(import.meta.dirname, '../cases/follow');
const plain = (text: string): string => text;
const COLORS = { green: plain, red: plain, yellow: plain, dim: plain, bold: plain };

interface Recorded {
  readonly run: {
    readonly run_id: string;
    readonly pipeline: string;
    readonly created_at: string;
    readonly tasks: readonly { readonly name: string; readonly needs: readonly string[] }[];
  };
  readonly known_ms: Readonly<Record<string, number>>;
  readonly progress: readonly {
    readonly ms: number;
    readonly task: string;
    readonly progress: NonNullable<RunRecord['tasks'][number]['progress']>;
  }[];
  readonly frames_ms: readonly number[];
  readonly events: readonly (Omit<RunEvent, 'at'> & { readonly at: string })[];
}

const recorded = (name: string): Recorded => JSON.parse(readFileSync(join(cases, `${name}.json`), 'utf8')) as Recorded;
const names = readdirSync(cases).flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? []);

function modelOf({ run }: Recorded): RunModel {
  return runModel({
    runId: run.run_id,
    pipeline: run.pipeline,
    createdAt: new Date(run.created_at),
    tasks: run.tasks as unknown as RunRecord['tasks'],
  });
}

const eventsOf = ({ events }: Recorded): RunEvent[] => events.map((event) => ({ ...event, at: new Date(event.at) }));

function* framesOf(record: Recorded, options: { readonly width: number; readonly height: number | undefined }) {
  const model = modelOf(record);
  const lines = createRunLines(model);
  const rest = eventsOf(record);
  const begin = Date.parse(record.run.created_at);
  for (const ms of record.frames_ms) {
    while (rest[0] !== undefined && rest[0].at.getTime() <= begin + ms) applyEvent(model, rest.shift() as RunEvent);
    for (const { ms: at, task, progress } of record.progress) {
      const found = model.tasks.get(task);
      if (found !== undefined) found.progress = at <= ms && found.status === 'running' ? progress : null;
    }
    yield {
      ms,
      lines: lines({ nowMs: begin + ms, colors: COLORS, known: new Map(Object.entries(record.known_ms)), ...options }),
    };
  }
}

function finished(record: Recorded): RunModel {
  const model = modelOf(record);
  for (const event of eventsOf(record)) applyEvent(model, event);
  return model;
}

describe.each(names)('%s', (name) => {
  const record = recorded(name);

  it.each([60, 100, 140])('is drawn at %i columns', (width) => {
    const frames = [...framesOf(record, { width, height: 24 })];
    for (const { lines } of frames) {
      expect(lines.length).toBeLessThanOrEqual(24);
      expect(lines.filter((line) => columnsOf(line) > width)).toEqual([]);
    }
    const summary = runSummary(finished(record), {
      width,
      colors: COLORS,
      logs: new Map([
        [
          'train',
          [
            'epoch 12 of 40, loss 0.31',
            "ValueError: Input contains NaN, infinity or a value too large for dtype('float64')",
          ],
        ],
      ]),
    });
    expect(summary.filter((line) => columnsOf(line) > width)).toEqual([]);
    const text = frames.map(({ ms, lines }) => `── ${ms} ms\n${lines.join('\n')}`).join('\n\n');
    expectGolden(join(cases, `${name}-${width}.golden.txt`), `${text}\n\n── the end\n${summary.join('\n')}\n`);
  });

  it('is told in lines where there is no terminal', () => {
    const model = modelOf(record);
    const line = createPlainLines(model, COLORS);
    const told = eventsOf(record).flatMap((event) => {
      applyEvent(model, event);
      return line(event) ?? [];
    });
    expectGolden(join(cases, `${name}-plain.golden.txt`), `${told.join('\n')}\n`);
  });

  it('fits any window, however small', () => {
    for (const width of [20, 33, 60]) {
      for (const height of [4, 7, 12]) {
        for (const { lines } of framesOf(record, { width, height })) {
          expect(lines.length).toBeLessThanOrEqual(height);
          expect(lines.filter((line) => columnsOf(line) > width)).toEqual([]);
        }
      }
    }
  });
});

it('what fails or runs is shown before what is done or to come', () => {
  const [, frame] = framesOf(recorded('wide'), { width: 100, height: 12 });
  const text = frame?.lines.join('\n') ?? '';
  expect(text).toContain('✗ region_07');
  for (const running of ['region_16', 'region_17', 'region_18', 'region_19']) expect(text).toContain(`▸ ${running}`);
});

it('the critical path is what the run waited for', () => {
  const steps = criticalPath(finished(recorded('training')));
  expect(steps.map(({ task }) => task)).toEqual(['ingest_visits', 'validate', 'labs', 'dataset', 'train']);
  expect(steps.find(({ task }) => task === 'labs')?.tookMs).toBe(32_490);
  const sum = steps.reduce((total, { waitedMs, tookMs }) => total + waitedMs + tookMs, 0);
  expect(sum).toBe(102_010 - 5);
});

it('the time left is the longest way through what is left, by what it took before', () => {
  const frames = [...framesOf(recorded('training'), { width: 140, height: 24 })];
  // At 60 s train has run for 18 s of 60; evaluate, promote and telling come after it.
  expect(frames.find(({ ms }) => ms === 60_000)?.lines[0]).toContain('about 43 s left');
});

it('a chain goes straight down, branches to the side, and what joins them on below', () => {
  const drawn = layoutOf([
    { name: 'a', needs: [] },
    { name: 'b', needs: ['a'] },
    { name: 'c', needs: ['b'] },
    { name: 'd', needs: ['b'] },
    { name: 'd2', needs: ['d'] },
    { name: 'e', needs: ['c', 'd2'] },
    { name: 'f', needs: ['e'] },
  ]);
  expect(
    drawn.map(({ prefix, name, after }) => `${prefix}${name}${after.length > 0 ? ` after ${after.join(' ')}` : ''}`),
  ).toEqual(['a', 'b', '├─c', '└─d', '  d2', 'e after c d2', 'f']);
});

it('a long chain of many tasks is no matter', () => {
  const tasks = Array.from({ length: 50_000 }, (_, index) => ({
    name: `t${index}`,
    needs: index === 0 ? [] : [`t${index - 1}`],
  }));
  const model = runModel({
    runId: 'r',
    pipeline: 'p',
    createdAt: new Date(0),
    tasks: tasks as unknown as RunRecord['tasks'],
  });
  const lines = createRunLines(model)({ nowMs: 1, width: 80, height: 10, colors: COLORS, known: new Map() });
  expect(lines.length).toBeLessThanOrEqual(10);
});

describe('text', () => {
  it('is measured as a terminal shows it', () => {
    expect(columnsOf('abc')).toBe(3);
    expect(columnsOf('日本')).toBe(4);
    expect(columnsOf('e\u0301')).toBe(1);
    expect(columnsOf('😀')).toBe(2);
    expect(fitted('日本語', 4)).toBe('日…');
    expect(fitted('abc', 0)).toBe('');
  });

  it('of a task cannot move the cursor or change colours', () => {
    expect(plainLine('a\u001b[31mred\u001b[0m\r\nb\u001b]0;title\u0007c\u001b[2Jd\u0000')).toBe('ared bcd');
  });
});

describe('the block at the foot of the terminal', () => {
  it('ends in what it shows, with what is printed above it, whatever the size, one write a frame', () => {
    const terminal = screen({ columns: 40, rows: 10 });
    let lines = ['a 1', 'b 1'];
    const block = startLiveBlock(terminal, () => lines, 1_000_000);
    expect(terminal.text()).toBe('a 1\nb 1');
    lines = ['a 1', 'b 2', 'c 1'];
    const writes = terminal.writes;
    block.redraw();
    expect(terminal.writes).toBe(writes + 1);
    expect(terminal.text()).toBe('a 1\nb 2\nc 1');
    block.redraw();
    expect(terminal.writes).toBe(writes + 1);
    block.print('a line that stays');
    expect(terminal.text()).toBe('a line that stays\na 1\nb 2\nc 1');
    lines = ['a 2'];
    block.redraw();
    expect(terminal.text()).toBe('a line that stays\na 2');
    for (let index = 0; index < 20; index += 1) block.print(`line ${index}`);
    expect(terminal.text().split('\n').slice(-3)).toEqual(['line 18', 'line 19', 'a 2']);
    expect(terminal.scrollback().filter((line) => line === 'a 2')).toEqual([]);
    block.stop(['the end']);
    expect(terminal.text().split('\n').slice(-2)).toEqual(['line 19', 'the end']);
    expect(terminal.cursorShown()).toBe(true);
    expect(terminal.cleared()).toBe(false);
  });

  it('is redrawn in place in a window that is too small for its lines', () => {
    const terminal = screen({ columns: 12, rows: 10 });
    let lines = ['nineteen characters', 'b 1'];
    const block = startLiveBlock(terminal, () => lines, 1_000_000);
    expect(terminal.text()).toBe('nineteen cha\nracters\nb 1');
    lines = ['nineteen characters', 'b 2'];
    block.redraw();
    expect(terminal.text()).toBe('nineteen cha\nracters\nb 2');
    block.stop(['the end']);
    expect(terminal.text()).toBe('the end');
  });
});
