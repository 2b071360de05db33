import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDACTED, redactor } from '../../src/lib/redact.ts';
import { AGING_SECONDS, admit } from '../../src/orchestrator/admission.ts';
import { redactingStream } from '../../src/orchestrator/redact.ts';
import { MAX_RECOVERIES, retryDelayMs, retryVerdict } from '../../src/orchestrator/retry.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import { ancestorsOf } from '../../src/orchestrator/upstream.ts';
import type { TaskStatus } from '../../src/stores/control/run-states.ts';
import type { Candidate, Trigger } from '../../src/stores/control/runs.ts';
import { AGING_SECONDS as AGING_IN_STORE } from '../../src/stores/postgres/runs/claims.ts';
import { pipelineOf } from '../support/orchestrator.ts';

const facts = {
  runId: 'r',
  pipeline: 'p',
  params: {},
  cause: { kind: 'manual', who: null, schedule: null, instant: null },
  outputs: {},
} as const;
/** `S` succeeded, `F` failed, `K` skipped, `.` not at its end. */
const settle = (trigger: Trigger, ends: string): string => {
  const count = (end: string): number => [...ends].filter((one) => one === end).length;
  const needs = { total: ends.length, succeeded: count('S'), failed: count('F'), skipped: count('K') };
  return runRules.settle({ name: 't', trigger, when: null, needs }, facts).to;
};

describe('trigger rules', () => {
  const cases: readonly (readonly [Trigger, Readonly<Record<string, string>>])[] = [
    [
      'all_success',
      {
        '': 'ready',
        'S.': 'pending',
        SS: 'ready',
        'F.': 'upstream_failed',
        'K.': 'pending',
        SK: 'skipped',
        KF: 'upstream_failed',
      },
    ],
    ['none_failed', { '': 'ready', 'S.': 'pending', SK: 'ready', KK: 'ready', 'F.': 'upstream_failed' }],
    ['all_done', { '': 'ready', 'F.': 'pending', FF: 'ready', KS: 'ready' }],
    ['always', { '': 'ready', 'F.': 'pending', FF: 'ready', KS: 'ready' }],
    ['one_success', { '': 'ready', 'S.': 'ready', 'F.': 'pending', FK: 'upstream_failed', KK: 'skipped', FS: 'ready' }],
    ['one_failed', { '': 'ready', 'F.': 'ready', 'S.': 'pending', SS: 'skipped', SK: 'skipped' }],
  ];
  it.each(cases)('%s', (trigger, expected) => {
    expect(Object.fromEntries(Object.keys(expected).map((ends) => [ends, settle(trigger, ends)]))).toEqual(expected);
  });
});

it('docs/runs.md has a line for each trigger rule', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/runs.md'), 'utf8');
  const [, table = ''] = /\| `trigger` \|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(page) ?? [];
  const told = table
    .split('\n')
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name));
  const triggers = ['all_success', 'none_failed', 'all_done', 'always', 'one_success', 'one_failed'];
  expect(told).toEqual(triggers);
});

describe('the result of a run', () => {
  const result = (...tasks: [TaskStatus, Trigger, number[]][]): string =>
    runRules.result(tasks.map(([status, trigger, dependents]) => ({ status, trigger, dependents })));
  it('is a failure that a clean-up at the end does not hide', () => {
    expect(result(['failed', 'all_success', [1]], ['succeeded', 'all_done', []])).toBe('failed');
    expect(result(['failed', 'all_success', [1]], ['succeeded', 'one_failed', []])).toBe('failed');
    expect(result(['failed', 'all_success', []], ['succeeded', 'all_success', []])).toBe('failed');
  });
  it('is a success where another way was found, also for what fell on the way', () => {
    expect(
      result(['failed', 'all_success', [1]], ['upstream_failed', 'all_success', [2]], ['succeeded', 'one_success', []]),
    ).toBe('succeeded');
    expect(
      result(
        ['failed', 'all_success', [1, 2]],
        ['succeeded', 'one_success', []],
        ['upstream_failed', 'all_success', []],
      ),
    ).toBe('failed');
    expect(result(['failed', 'all_success', [1]], ['failed', 'one_success', []])).toBe('failed');
  });
  it('is found for a chain of 100,000', () => {
    const length = 100_000;
    const tasks = Array.from({ length }, (_, index): [TaskStatus, Trigger, number[]] =>
      index === 0
        ? ['failed', 'all_success', [1]]
        : index === length - 1
          ? ['succeeded', 'one_success', []]
          : ['upstream_failed', 'all_success', [index + 1]],
    );
    expect(result(...tasks)).toBe('succeeded');
  });
});

describe('the delay of the nth retry', () => {
  it('is min(cap, initial·factor^(n−1)), exactly', () => {
    const delays = (backoff: Parameters<typeof retryDelayMs>[0]) =>
      [1, 2, 3, 4, 5].map((n) => retryDelayMs(backoff, n, () => 0.5));
    expect(delays({ initial: '10s', factor: 3, cap: '4m', jitter: false })).toEqual([
      10_000, 30_000, 90_000, 240_000, 240_000,
    ]);
    expect(delays({ jitter: false })).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(delays(undefined)).toEqual([500, 1000, 2000, 4000, 8000]);
  });
  it('with full jitter is anything from 0 up to that', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (nth, random) => {
          const delay = retryDelayMs({ initial: '2s', factor: 2, cap: '1m' }, nth, () => random);
          return delay >= 0 && delay < Math.min(60_000, 2000 * 2 ** (nth - 1));
        },
      ),
      { seed: 4 },
    );
  });
});

describe('what is tried again', () => {
  const verdict = (
    policy: Parameters<typeof retryVerdict>[0],
    status: 'failed' | 'timed_out' | 'crashed' | 'cancelled',
    spent = { failures: 0, recoveries: 0 },
    exitCode: number | null = null,
    deadline: number | null = null,
  ) => retryVerdict(policy, spent, { status, exitCode }, deadline, () => 1);
  it('depends on the budget of its kind', () => {
    expect(verdict(undefined, 'failed')).toEqual({ retryInMs: null, counts: 'failure' });
    expect(verdict({ limit: 1 }, 'failed')).toEqual({ retryInMs: 1000, counts: 'failure' });
    expect(verdict({ limit: 1 }, 'timed_out', { failures: 1, recoveries: 0 }).retryInMs).toBeNull();
    expect(verdict(undefined, 'crashed', { failures: 9, recoveries: MAX_RECOVERIES - 1 })).toEqual({
      retryInMs: 4000,
      counts: 'recovery',
    });
    expect(verdict({ limit: 50 }, 'crashed', { failures: 0, recoveries: MAX_RECOVERIES }).retryInMs).toBeNull();
    expect(verdict({ limit: 1 }, 'cancelled')).toEqual({ retryInMs: null, counts: 'nothing' });
  });
  it('is only what `on` names', () => {
    expect(verdict({ limit: 1, on: [75] }, 'failed', undefined, 75).retryInMs).toBe(1000);
    expect(verdict({ limit: 1, on: [75] }, 'failed', undefined, 1).retryInMs).toBeNull();
    expect(verdict({ limit: 1, on: ['failed'] }, 'crashed').retryInMs).toBeNull();
  });
  it('never begins after the deadline', () => {
    expect(verdict({ limit: 1 }, 'failed', undefined, null, 1000).retryInMs).toBeNull();
    expect(verdict({ limit: 1 }, 'failed', undefined, null, 1001).retryInMs).toBe(1000);
  });
});

describe('admission', () => {
  const machine = { cpu: 8, memoryBytes: 100, gpu: 2 };
  const room = { free: { cpu: 4, memoryBytes: 100, gpu: 2 }, machine, machines: [machine], slots: 10 };
  const candidate = (more: Partial<Candidate>): Candidate => ({
    runId: 'r',
    task: 't',
    priority: 0,
    waitedSeconds: 0,
    cpu: 0,
    memoryBytes: 0,
    gpu: 0,
    ...more,
  });
  it('takes gpu tasks before the cpu tasks that would keep them out', () => {
    const candidates = [
      candidate({ cpu: 2 }),
      candidate({ cpu: 2 }),
      candidate({ cpu: 3, gpu: 1 }),
      candidate({ cpu: 1, gpu: 2 }),
    ];
    expect(admit(candidates, room).admit).toEqual([3, 0]);
  });
  it('takes what waited longest before all, and keeps the room for it', () => {
    const old = candidate({ cpu: 6, waitedSeconds: AGING_SECONDS + 10 });
    const older = candidate({ cpu: 4, waitedSeconds: AGING_SECONDS + 20 });
    expect(admit([candidate({ cpu: 1, priority: 9 }), old], room).admit).toEqual([]);
    expect(admit([old, candidate({ cpu: 1, priority: 9 })], room).admit).toEqual([]);
    expect(admit([candidate({ cpu: 1, priority: 9 }), old, older], room).admit).toEqual([2]);
    expect(AGING_IN_STORE).toBe(AGING_SECONDS);
  });
  it('refuses what no one machine holds, and keeps no room for what only another machine holds', () => {
    const wide = { cpu: 1, memoryBytes: 100, gpu: 4 };
    const two = { ...room, machines: [machine, wide] };
    const old = candidate({ gpu: 4, waitedSeconds: AGING_SECONDS + 10 });
    const [small, both] = [candidate({ cpu: 1 }), candidate({ cpu: 8, gpu: 4 })];
    expect(admit([old, small, both], two)).toEqual({
      admit: [1],
      refuse: [
        {
          index: 2,
          error: 'it asks for 8 cores, 0 bytes of memory and 4 gpus; no one machine offers all of that together',
        },
      ],
      wait: [{ index: 0, for: 'room on a larger machine' }],
    });
    expect(admit([old], room).refuse).toEqual([
      { index: 0, error: 'it asks for 4 gpus; the largest machine offers 2' },
    ]);
  });
  it('never takes more than there is, and leaves nothing out that fits', () => {
    const any = fc.record({
      cpu: fc.integer({ min: 0, max: 10 }),
      memoryBytes: fc.integer({ min: 0, max: 120 }),
      gpu: fc.integer({ min: 0, max: 3 }),
      priority: fc.integer({ min: -3, max: 3 }),
      waitedSeconds: fc.integer({ min: 0, max: AGING_SECONDS }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), (items) => {
        const candidates = items.map(candidate);
        const { admit: chosen, refuse } = admit(candidates, room);
        const left = { cpu: room.free.cpu, memoryBytes: room.free.memoryBytes, gpu: room.free.gpu };
        for (const index of chosen) {
          left.cpu -= candidates[index]!.cpu;
          left.memoryBytes -= candidates[index]!.memoryBytes;
          left.gpu -= candidates[index]!.gpu;
        }
        const refused = new Set(refuse.map((one) => one.index));
        const fits = (one: Candidate): boolean =>
          one.cpu <= left.cpu && one.memoryBytes <= left.memoryBytes && one.gpu <= left.gpu;
        expect(Math.min(left.cpu, left.memoryBytes, left.gpu)).toBeGreaterThanOrEqual(0);
        expect(chosen.length).toBeLessThanOrEqual(room.slots);
        if (chosen.length < room.slots) {
          expect(
            candidates.filter((one, index) => !chosen.includes(index) && !refused.has(index) && fits(one)),
          ).toEqual([]);
        }
      }),
      { seed: 7 },
    );
  });
});

describe('redaction', () => {
  it('finds a secret however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ab', 'abc', 'a', 'b', 'c', 'x', 'bca'), { maxLength: 40 }), (pieces) => {
        const secrets = ['abcab', 'cc'];
        const stream = redactingStream(secrets);
        const shown = pieces.map((piece) => stream.push(piece)).join('') + stream.end();
        expect(shown.replaceAll(REDACTED, '|')).not.toMatch(/abcab|cc/);
        expect(redactor(secrets)('x abcab cc')).toBe(`x ${REDACTED} ${REDACTED}`);
      }),
      { seed: 1 },
    );
  });
  it('leaves a text without secrets as it is', () => {
    const stream = redactingStream([]);
    expect(stream.push('abc') + stream.end()).toBe('abc');
    expect(redactor([''])('abc')).toBe('abc');
  });
});

describe('the tasks before one', () => {
  it('are named nearest first, each once', () => {
    const spec = pipelineOf({
      a: {},
      b: { needs: ['a'] },
      c: { needs: ['a'] },
      d: { needs: ['c', 'b'] },
      e: { needs: ['d', 'a'] },
      f: {},
    });
    expect(ancestorsOf(spec, 'e')).toEqual(['d', 'a', 'c', 'b']);
    expect(ancestorsOf(spec, 'a')).toEqual([]);
  });
});
