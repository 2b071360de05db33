import { describe, expect, it } from 'vitest';
import type { ApplyEvent } from '../../src/apply/events.ts';
import { createPace } from '../../src/apply/pace.ts';
import { createProgress } from '../../src/apply/progress.ts';
import { createStatusLine } from '../../src/apply/status-line.ts';
import { startLiveLine } from '../../src/cli/live-line.ts';
import type { Address } from '../../src/spec/address.ts';

const set = (index: number): Address => `feature_set.s${index}`;

describe('the time left', () => {
  it('is not known before a step has ended, and nothing once all have', () => {
    const pace = createPace(2, 0);
    pace.started(set(1), 0);
    expect(pace.at(5_000)).toEqual({ done: 0, total: 2, etaSeconds: null });
    pace.ended(set(1), 6_000);
    pace.dropped(1);
    expect(pace.at(9_000)).toEqual({ done: 2, total: 2, etaSeconds: 0 });
  });

  it('follows from the pace so far, whatever is made at once', () => {
    const pace = createPace(100, 0);
    for (let index = 0; index < 10; index += 1) pace.started(set(index), 0);
    for (let index = 0; index < 10; index += 1) pace.ended(set(index), 2_000);
    expect(pace.at(2_000)).toEqual({ done: 10, total: 100, etaSeconds: 18 });
  });

  it('counts what the steps in hand are through, but never as done', () => {
    const pace = createPace(3, 0);
    pace.started(set(1), 0);
    pace.ended(set(1), 10_000);
    pace.started(set(2), 10_000);
    expect(pace.at(10_000).etaSeconds).toBe(20);
    expect(pace.at(15_000).etaSeconds).toBe(15);
    // Longer than the mean: nine tenths, and the pace gets slower.
    expect(pace.at(40_000).etaSeconds).toBe(24);
  });

  it('leaves out what is skipped', () => {
    const pace = createPace(10, 0);
    pace.started(set(1), 0);
    pace.ended(set(1), 1_000);
    pace.dropped(8);
    expect(pace.at(1_000)).toEqual({ done: 9, total: 10, etaSeconds: 1 });
  });
});

const done = (index: number, total: number, etaSeconds: number | null): ApplyEvent => ({
  type: 'step_done',
  address: set(index),
  action: 'create',
  outputs: {},
  elapsedMs: 5,
  done: index,
  total,
  etaSeconds,
});

describe('the line of a rename', () => {
  const line = (edited: boolean): string | undefined =>
    createProgress({ color: false })({
      ...done(1, 1, 0),
      type: 'step_done',
      action: 'update',
      outputs: { version: 3 },
      elapsedMs: 5,
      address: 'feature_set.labs',
      previousAddress: 'feature_set.patient_labs',
      edited,
    } as ApplyEvent);

  it('says that it is one, and whether more came with it', () => {
    expect(line(false)).toBe('[1/1] ~ feature_set.labs renamed from feature_set.patient_labs (version 3) in 5 ms');
    expect(line(true)).toContain('renamed from feature_set.patient_labs and updated (version 3)');
  });
});

describe('lines without a terminal', () => {
  it('say now and then how far it is, by count, and not at the end', () => {
    const progress = createProgress({ color: false });
    const milestones = Array.from({ length: 60 }, (_, index) => progress(done(index + 1, 60, 60 - index))).flatMap(
      (text) => text?.split('\n').slice(1) ?? [],
    );
    expect(milestones).toEqual(['20 of 60 steps done, about 41 s left', '40 of 60 steps done, about 21 s left']);
  });

  it('are no more than twenty of these, however many steps there are', () => {
    const progress = createProgress({ color: false });
    const texts = Array.from({ length: 5_000 }, (_, index) => progress(done(index + 1, 5_000, 1)));
    expect(texts.filter((text) => text?.includes('\n'))).toHaveLength(19);
  });

  it('are none of these for a small apply, or where a live line says it', () => {
    const small = createProgress({ color: false });
    expect(Array.from({ length: 19 }, (_, index) => small(done(index + 1, 19, 1))).join()).not.toContain('left');
    const live = createProgress({ color: false, milestones: false });
    expect(Array.from({ length: 60 }, (_, index) => live(done(index + 1, 60, 1))).join()).not.toContain('left');
  });
});

describe('the status line', () => {
  const started = {
    type: 'step_started',
    address: set(1),
    action: 'create',
    reason: 'not in the state yet',
    done: 0,
    total: 40,
    etaSeconds: null,
  } as const;

  it('says how far it is, what is left, and what takes longest', () => {
    const status = createStatusLine();
    expect(status.text(0, 80)).toBeUndefined();
    status.follow({ type: 'apply_started', applyId: 'a', steps: 40 }, 0);
    status.follow(started, 0);
    status.follow({ ...started, address: set(2) }, 1_000);
    expect(status.text(3_000, 120)).toBe('0/40 · time left not known yet · 3 s so far · feature_set.s1 3 s and 1 more');
    status.follow(done(2, 40, 90), 4_000);
    expect(status.text(34_000, 120)).toBe('2/40 · about 1 min left · 34 s so far · feature_set.s1 34 s');
    status.follow({ type: 'apply_ended', outcome: 'failed', done: 1, failed: 1, skipped: 0, remaining: 0 }, 35_000);
    expect(status.text(35_000, 120)).toBeUndefined();
  });

  it('is never wider than the terminal', () => {
    const status = createStatusLine();
    status.follow({ type: 'apply_started', applyId: 'a', steps: 40 }, 0);
    status.follow(started, 0);
    for (const width of [1, 2, 10, 30, 79, 80, 200]) {
      expect(status.text(9_000, width)?.length).toBeLessThanOrEqual(Math.max(1, width - 1));
    }
    expect(status.text(9_000, 30)).toBe('0/40 · time left not known y…');
  });

  it('tells whose lock is waited for', () => {
    const status = createStatusLine();
    const wait = { lockId: 'l', operation: 'apply', heldSeconds: 5, leaseEndsAt: '', timeoutSeconds: 60 };
    status.follow({ type: 'waiting_for_lock', who: 'ann@host', ...wait }, 0);
    expect(status.text(12_000, 80)).toBe('waiting for the lock of ann@host · 12 s');
  });
});

describe('a live line', () => {
  /** What a terminal of one row that scrolls shows: the lines that stay, and the last one. */
  function screen(): { readonly columns: number; write(text: string): void; lines(): readonly string[] } {
    const lines = [''];
    return {
      columns: 40,
      write: (text) => {
        for (const [index, cleared] of text.split('\r\u001b[2K').entries()) {
          if (index > 0) lines[lines.length - 1] = '';
          for (const [row, part] of cleared.split('\n').entries()) {
            if (row > 0) lines.push('');
            lines[lines.length - 1] += part;
          }
        }
      },
      lines: () => lines,
    };
  }

  it('stays under the lines that are printed, is redrawn, and is gone at the end', () => {
    const terminal = screen();
    let now: string | undefined = '1/3';
    const live = startLiveLine(terminal, (width) => `${now} of ${width}`);
    live.print('first');
    expect(terminal.lines()).toEqual(['first', '1/3 of 40']);
    now = '2/3';
    live.redraw();
    expect(terminal.lines()).toEqual(['first', '2/3 of 40']);
    live.print('second');
    expect(terminal.lines()).toEqual(['first', 'second', '2/3 of 40']);
    live.stop();
    expect(terminal.lines()).toEqual(['first', 'second', '']);
    live.print('after');
    expect(terminal.lines()).toEqual(['first', 'second', 'after', '']);
  });
});
