import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Rollout as RolloutSpec } from '../../../src/spec/schema-types.ts';
import type { NewPrediction } from '../../../src/stores/control/prediction-log.ts';
import type { Stage } from '../../../src/stores/control/registry.ts';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../../support/memory-artifacts.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { openSite, type Site } from './site.ts';

const SPEC: RolloutSpec = {
  candidate: 'treatment',
  baseline: 'control',
  steps: [
    { share: 10, minSamples: 20 },
    { share: 50, minSamples: 20 },
  ],
  analysis: [{ metric: 'errors', max: 0.1 }],
  // Every look measures.
  interval: '0ms',
};
const ALL = Array.from({ length: 400 }, (_, key) => key);
const fine = (): Partial<NewPrediction> => ({});
const broken = (variant: string): Partial<NewPrediction> =>
  variant === 'treatment' ? { prediction: null, failure: 'EP204' } : {};
const BY = { who: 'ada@host', reason: null };

let database: FreshDatabase;
let db: Database;
let artifacts: MemoryArtifacts;
let site: Site;

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
  artifacts = await memoryArtifacts();
});
afterAll(async () => {
  await db.close();
  await database.drop();
  await artifacts.remove();
});
beforeEach(async () => {
  site = await openSite(db, artifacts);
  site.apply(SPEC);
  await site.version('production');
});

const current = async () => (await site.store.newestOf('mortality'))!;
const stands = async (): Promise<string> => {
  const found = await site.store.newestOf('mortality');
  return found === undefined ? 'none' : `version ${found.version} ${found.status} ${found.step} ${found.share}`;
};
const kinds = async (): Promise<readonly string[]> =>
  (await site.rollouts.show('mortality')).decisions.map(({ kind }) => kind);
const production = async () => (await site.registryStore.atStage('risk', 'production'))?.version;

describe('a rollout over the stores', () => {
  it('begins with a version in staging, goes step by step, and promotes it by itself', async () => {
    await site.rollouts.look();
    expect(await stands()).toBe('none');
    await site.version('staging');
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 0 10');
    const first = await site.traffic(ALL, fine);
    expect(first.get('treatment')).toBeGreaterThan(20);
    expect(first.get('treatment')).toBeLessThan(60);
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 1 50');
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 1 50');
    const second = await site.traffic(ALL, fine);
    expect(second.get('treatment')).toBeGreaterThan(160);
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 promoted 1 50');
    expect(await production()).toBe(2);
    const { rollout, decisions } = await site.rollouts.show('mortality');
    expect(decisions.map(({ kind }) => kind)).toEqual(['begun', 'advanced', 'stayed', 'promoting', 'promoted']);
    expect(decisions[3]!.checks).toMatchObject([
      { check: 'errors max', verdict: 'passed', observed: 0, required: 0.1 },
    ]);
    const [move] = await site.registry.history('risk');
    expect(move).toMatchObject({ version: 2, to: 'production', who: `rollout ${rollout.id}` });
    expect(move!.reason).toContain('every step passed');
    // Nothing begins anew of what is in production.
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 promoted 1 50');
  });

  it('rolls a bad one back by itself, and keeps it out until another version comes', async () => {
    await site.version('staging');
    await site.rollouts.look();
    await site.traffic(ALL, broken);
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 rolled_back 0 0');
    expect(await production()).toBe(1);
    expect([...(await site.traffic(ALL, fine)).keys()]).toEqual(['control']);
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 rolled_back 0 0');
    await site.version('staging');
    await site.rollouts.look();
    expect(await stands()).toBe('version 3 running 0 10');
  });

  it('waits without data, never promotes and never fails', async () => {
    await site.version('staging');
    for (let look = 0; look < 5; look += 1) await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 0 10');
    expect((await current()).reason).toBe('0 of 20 rows are there');
    expect(await kinds()).toEqual(['begun', 'stayed']);
  });

  it('takes rows that a rule or a caller chose for no measurement', async () => {
    await site.version('staging');
    await site.rollouts.look();
    await site.traffic(ALL, (variant) => ({ ...broken(variant), routed: 'rule 0' }));
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 0 10');
  });

  it('waits for outcomes that come late, and judges by them', async () => {
    site.apply({
      ...SPEC,
      steps: [{ share: 50, minSamples: 50 }],
      analysis: [{ metric: 'brier', atLeast: 'baseline', margin: 0.05 }],
    });
    await site.version('staging');
    await site.rollouts.look();
    const answered: { requestId: string; outcome: number }[] = [];
    await site.traffic(ALL, (variant, key) => {
      const requestId = randomUUID();
      const outcome = key % 2;
      answered.push({ requestId, outcome });
      // The candidate is sure, and wrong as often as right.
      const probability = variant === 'treatment' ? (key % 4 < 2 ? 0.9 : 0.1) : outcome === 1 ? 0.8 : 0.2;
      return { requestId, prediction: { probability } };
    });
    await site.rollouts.look();
    expect((await current()).reason).toBe('brier is not known yet');
    await site.outcomes(answered.slice(0, 60));
    await site.rollouts.look();
    expect((await current()).reason).toMatch(/^brier has \d+ of 50 rows$/);
    await site.outcomes(answered.slice(60));
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 rolled_back 0 0');
    expect((await current()).checks[0]).toMatchObject({
      metric: 'brier',
      verdict: 'failed',
      baseline: expect.closeTo(0.04, 6),
    });
  });

  it('rolls back at once where a daemon cannot load the version', async () => {
    const { version } = await site.version('staging');
    await site.rollouts.look();
    const failure = { version, code: 'MD204', detail: 'the file is no ONNX model' };
    const serves = [{ endpoint: 'mortality', variant: 'treatment', model: 'risk', version: null, failure }];
    site.reports.push({ name: 'host', serves });
    await site.rollouts.look();
    expect(await current()).toMatchObject({
      status: 'rolled_back',
      reason: 'the version does not load: the file is no ONNX model',
    });
  });

  it('gives its place to a newer version, and an older one that shows again begins nothing', async () => {
    await site.version('staging');
    await site.rollouts.look();
    await site.version('staging');
    await site.rollouts.look();
    expect(await stands()).toBe('version 3 running 0 10');
    const { items } = await site.rollouts.list({ limit: 9 });
    expect(items.map(({ version, status, share }) => `${version} ${status} ${share}`)).toEqual([
      '3 running 10',
      '2 superseded 0',
    ]);
    await site.rollouts.command('mortality', 'promote', BY);
    expect(await production()).toBe(3);
    // Version 2 is in staging still.
    await site.rollouts.look();
    expect(await stands()).toBe('version 3 promoted 0 10');
    // Brought there anew, it begins.
    const two = await site.registry.version('risk', 2);
    for (const to of ['archived', 'staging'] as const) await site.registry.promote({ versionId: two.id, to }, 'ada');
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 0 10');
  });

  it('is paused where a gate refuses the promotion, with what the gate said', async () => {
    site.apply({ ...SPEC, steps: [{ share: 100, minSamples: 1 }] }, {}, { gates: [{ metric: 'auc', min: 0.8 }] });
    await site.version('staging', { auc: 0.7 });
    await site.rollouts.look();
    await site.traffic(ALL, fine);
    await site.rollouts.look();
    expect(await current()).toMatchObject({ status: 'paused', reason: expect.stringContaining('auc is 0.7') });
    expect(await production()).toBe(1);
    await expect(site.rollouts.command('mortality', 'pause', BY)).rejects.toMatchObject({ code: 'EP212' });
    await site.rollouts.command('mortality', 'abort', { who: 'ada@host', reason: 'not good enough' });
    expect(await current()).toMatchObject({ status: 'aborted', share: 0, reason: 'aborted by hand: not good enough' });
    expect((await site.rollouts.show('mortality')).decisions.at(-1)).toMatchObject({
      kind: 'aborted',
      who: 'ada@host',
    });
  });

  it('is held at its last share where that is asked for, until somebody promotes it', async () => {
    site.apply({ ...SPEC, steps: [{ share: 50, minSamples: 10 }], onSuccess: 'hold' });
    await site.version('staging');
    await site.rollouts.look();
    await site.traffic(ALL, fine);
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 held 0 50');
    expect((await site.traffic(ALL, fine)).get('treatment')).toBeGreaterThan(150);
    expect(await site.rollouts.command('mortality', 'promote', BY)).toMatchObject({ status: 'promoted' });
    expect(await production()).toBe(2);
  });

  it('begins anew by hand, and not while it is open', async () => {
    await expect(site.rollouts.retry('mortality', BY)).rejects.toMatchObject({ code: 'EP211' });
    await expect(site.rollouts.show('mortalty')).rejects.toMatchObject({ code: 'EP201' });
    await site.version('staging');
    await site.rollouts.look();
    await expect(site.rollouts.retry('mortality', BY)).rejects.toMatchObject({ code: 'EP212' });
    await site.rollouts.command('mortality', 'abort', BY);
    const again = await site.rollouts.retry('mortality', { who: 'ada@host', reason: 'mended the feature' });
    expect(again).toMatchObject({ version: 2, status: 'running', share: 10, startedBy: 'ada@host' });
    expect(again.reason).toContain('begun anew by hand: mended the feature');
  });

  it('ends where the spec asks for none any more, and goes on where its steps are edited', async () => {
    await site.version('staging');
    await site.rollouts.look();
    site.apply({ ...SPEC, steps: [{ share: 25, minSamples: 20 }] });
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 running 0 25');
    site.apply(undefined);
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 superseded 0 0');
    expect(await kinds()).toEqual(['begun', 'adapted', 'superseded']);
  });
});

describe('who decides', () => {
  it('is one daemon at a time', async () => {
    await site.version('staging');
    const second = site.daemon({ daemon: 'second' });
    await Promise.all([site.rollouts.look(), second.look()]);
    const { items } = await site.rollouts.list({ limit: 9 });
    expect(items).toHaveLength(1);
    await site.traffic(ALL, fine);
    await Promise.all([site.rollouts.look(), second.look(), site.rollouts.look()]);
    expect((await kinds()).filter((kind) => kind === 'advanced')).toEqual(['advanced']);
  });

  /** A daemon that ends right before or right after the effect, and another one that comes after it. */
  it.each([
    ['before the promotion', false],
    ['after the promotion', true],
  ])('may be killed %s that it decided: the next one ends the same, and promotes once', async (_, effect) => {
    site.apply({ ...SPEC, steps: [{ share: 100, minSamples: 1 }] });
    await site.version('staging');
    await site.rollouts.look();
    await site.traffic(ALL, fine);
    const killed = site.daemon({
      daemon: 'first',
      report: () => {},
      promote: async (request: { versionId: string; to: Stage; reason: string }, who: string) => {
        if (effect) await site.registry.promote(request, who);
        throw new Error('killed');
      },
    });
    await killed.look();
    expect((await current()).status).toBe('promoting');
    if (effect) await site.registry.rollback('risk', 'ada', 'I saw something');
    await site.rollouts.look();
    expect((await current()).status).toBe('promoted');
    // Whoever moved production since has the last word.
    expect(await production()).toBe(effect ? 1 : 2);
    const moves = await site.registry.history('risk');
    expect(moves.filter(({ who, to }) => who.startsWith('rollout ') && to === 'production')).toHaveLength(1);
  });

  it('brings no version back that was archived after its promotion was decided', async () => {
    const { id } = await site.version('staging');
    await site.rollouts.look();
    const rollout = await current();
    const promoting = { ...rollout, status: 'promoting' as const };
    await site.store.write(rollout, promoting, { kind: 'promoting', reason: '', checks: [] }, 'rollout');
    await site.registry.promote({ versionId: id, to: 'archived' }, 'ada');
    await site.rollouts.look();
    expect(await stands()).toBe('version 2 superseded 0 0');
    expect(await production()).toBe(1);
  });
});

describe('candidates at random', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'seed %d: the good one is promoted, the bad one is rolled back, and no key goes back and forth',
    async (seed) => {
      const random = seededRandom(seed);
      const good = seed % 2 === 0;
      const [healthy, sick] = [0.02, 0.25 + random.next() * 0.5];
      const steps = [5, 20, 60].map((share) => ({ share: share + random.below(4), minSamples: 60 }));
      site.apply({
        ...SPEC,
        steps,
        analysis: [{ metric: 'errors', atLeast: 'baseline', margin: 0.03, confidence: 0.99 }],
      });
      await site.version('staging');
      const candidates = new Set<number>();
      let looks = 0;
      for (; looks < 400; looks += 1) {
        await site.rollouts.look();
        const { status, share } = await current();
        if (status !== 'running') break;
        const keys = Array.from({ length: 500 }, () => random.below(5_000));
        const seen = new Set<number>();
        await site.traffic(keys, (variant, key) => {
          if (variant === 'treatment') seen.add(key);
          // A key that the candidate had is the candidate's for as long as the rollout goes on.
          else expect(candidates.has(key), `key ${key} at ${share} %`).toBe(false);
          const rate = variant === 'treatment' && !good ? sick : healthy;
          return random.next() < rate ? { prediction: null, failure: 'EP204' } : {};
        });
        for (const key of seen) candidates.add(key);
      }
      expect(looks).toBeLessThan(400);
      expect((await current()).status).toBe(good ? 'promoted' : 'rolled_back');
      expect(await production()).toBe(good ? 2 : 1);
      const { decisions } = await site.rollouts.show('mortality');
      const shares = decisions.map(({ share }) => share);
      const rising = good ? shares : shares.slice(0, -1);
      expect(rising).toEqual([...rising].sort((a, b) => a - b));
    },
  );
});
