/** What every RolloutStore promises. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RolloutStanding, RolloutStore, RolloutSubject } from '../../src/stores/control/rollouts.ts';
import { createPostgresRollouts } from '../../src/stores/postgres/rollouts/postgres-rollouts.ts';
import { postgresBackend } from '../support/contract-database.ts';

const postgres = postgresBackend((db, scopeId) => Object.assign(createPostgresRollouts(db, scopeId), { scopeId }));

const subject = (change: Partial<RolloutSubject> = {}): RolloutSubject => ({
  endpoint: 'mortality',
  candidate: 'treatment',
  baseline: 'control',
  model: 'risk',
  version: 2,
  versionId: randomUUID(),
  stagedAt: new Date('2026-01-31T00:00:00.123Z'),
  ...change,
});
const standing = (change: Partial<RolloutStanding> = {}): RolloutStanding => ({
  status: 'running',
  step: 0,
  share: 5,
  stepStartedAt: new Date('2026-01-31T01:00:00Z'),
  pausedAt: null,
  pausedMs: 0,
  measuredAt: null,
  failures: {},
  reason: 'version 2 came',
  plan: { steps: [{ share: 5 }], analysis: [{ metric: 'errors', max: 0.1 }] },
  checks: [],
  ...change,
});
const by = { key: 'a', who: 'rollout', replaces: null };

describe.each([postgres])('rollouts on $name', (backend) => {
  let store: RolloutStore & { readonly scopeId: number };
  beforeAll(() => backend.open());
  afterAll(() => backend.close());
  beforeEach(async () => {
    store = await backend.store();
  });

  it('begin once for what made them begin, also at once', async () => {
    const what = subject();
    const begun = await Promise.all(Array.from({ length: 5 }, () => store.begin(what, standing(), by)));
    expect(begun.filter((one) => one !== undefined)).toHaveLength(1);
    const [rollout] = begun.filter((one) => one !== undefined);
    expect(rollout).toMatchObject({ ...what, ...standing(), revision: 1, startedBy: 'rollout', endedAt: null });
    expect(await store.newestOf('mortality')).toEqual(rollout);
    expect(await store.byId(rollout!.id)).toEqual(rollout);
    expect(await store.decisions(rollout!.id, 10)).toMatchObject([
      { kind: 'begun', who: 'rollout', status: 'running', step: 0, share: 5, reason: 'version 2 came' },
    ]);
    expect(await store.begin(what, standing(), by)).toBeUndefined();
    expect(await store.begin(what, standing(), { ...by, key: 'b' })).toBeDefined();
  });

  it('end what they replace with it, or do not begin', async () => {
    const first = (await store.begin(subject(), standing(), by))!;
    const second = await store.begin(subject({ version: 3 }), standing(), { ...by, key: 'b', replaces: first });
    expect(await store.byId(first.id)).toMatchObject({ status: 'superseded', share: 0, endedAt: expect.any(Date) });
    expect((await store.decisions(first.id, 10)).at(-1)).toMatchObject({
      kind: 'superseded',
      reason: 'version 3 of risk took its place',
    });
    // It has moved since: what was decided on the older revision changes nothing.
    expect(
      await store.begin(subject({ version: 4 }), standing(), { ...by, key: 'c', replaces: first }),
    ).toBeUndefined();
    // It has begun already: what it would have replaced goes on.
    expect(
      await store.begin(subject({ version: 3 }), standing(), { ...by, key: 'a', replaces: second! }),
    ).toBeUndefined();
    expect(await store.newestOf('mortality')).toMatchObject({ id: second!.id, status: 'running', revision: 1 });
  });

  it('are written on the revision that was decided on, each decision with its numbers, and nobody rewrites one', async () => {
    const rollout = (await store.begin(subject(), standing(), by))!;
    const checks = [
      {
        check: 'errors max',
        metric: 'errors',
        verdict: 'failed' as const,
        observed: 0.2,
        baseline: null,
        required: 0.1,
        rows: 500,
        detail: 'errors is 0.2, at most 0.1 is required',
      },
    ];
    const next = standing({
      status: 'rolled_back',
      share: 0,
      reason: 'errors is 0.2',
      checks,
      failures: { 'errors max': 1 },
    });
    const decision = { kind: 'rolled_back' as const, reason: next.reason, checks };
    const written = await Promise.all(Array.from({ length: 4 }, () => store.write(rollout, next, decision, 'rollout')));
    expect(written.filter(Boolean)).toHaveLength(1);
    expect(await store.byId(rollout.id)).toMatchObject({ ...next, revision: 2, endedAt: expect.any(Date) });
    const decisions = await store.decisions(rollout.id, 10);
    expect(decisions.map(({ kind }) => kind)).toEqual(['begun', 'rolled_back']);
    expect(decisions[1]).toMatchObject({ checks, share: 0, at: expect.any(Date) });
    expect(await store.write(rollout, next, decision, 'rollout')).toBe(false);
    await expect(backend.db().query("update mlops.rollout_decisions set reason = 'x'")).rejects.toThrow('append-only');
    const audit = await backend
      .db()
      .query<{ action: string; who: string }>(
        'select action, who from mlops.audit_log where scope_id = $1 order by entry_id',
        [store.scopeId],
      );
    expect(audit).toEqual([
      { action: 'rollout.begin', who: 'rollout' },
      { action: 'rollout.rolled_back', who: 'rollout' },
    ]);
  });

  it('keep where they stand without a decision', async () => {
    const rollout = (await store.begin(subject(), standing(), by))!;
    expect(await store.write(rollout, standing({ reason: '10 of 100' }), null, 'rollout')).toBe(true);
    expect(await store.byId(rollout.id)).toMatchObject({ reason: '10 of 100', revision: 2, endedAt: null });
    expect(await store.decisions(rollout.id, 10)).toHaveLength(1);
  });

  it('are led by one daemon at a time, until it is silent or resigns', async () => {
    expect(await store.lead('a', 60_000)).toBeInstanceOf(Date);
    expect(await store.lead('b', 60_000)).toBeUndefined();
    expect(await store.lead('a', 1)).toBeInstanceOf(Date);
    await vi.waitFor(async () => expect(await store.lead('b', 60_000)).toBeInstanceOf(Date));
    await store.resign('a');
    expect(await store.lead('a', 1)).toBeUndefined();
    await store.resign('b');
    expect(await store.lead('a', 1)).toBeInstanceOf(Date);
  });

  it('tell the newest of each endpoint, the traffic, and lists that page', async () => {
    const old = (await store.begin(subject(), standing(), by))!;
    const other = (await store.begin(subject({ endpoint: 'other' }), standing({ share: 20 }), by))!;
    const newer = (await store.begin(subject({ version: 3 }), standing({ share: 1 }), {
      ...by,
      key: 'b',
      replaces: old,
    }))!;
    expect((await store.newest()).map(({ id }) => id)).toEqual([newer.id, other.id]);
    expect(await store.traffic()).toEqual([
      { endpoint: 'mortality', candidate: 'treatment', version: 3, share: 1 },
      { endpoint: 'other', candidate: 'treatment', version: 2, share: 20 },
    ]);
    const page = await store.list({ limit: 2 });
    expect(page.items.map(({ id }) => id)).toEqual([newer.id, other.id]);
    const rest = await store.list({ limit: 2, cursor: page.nextCursor! });
    expect(rest).toEqual({ items: [await store.byId(old.id)], nextCursor: null });
    expect((await store.list({ endpoint: 'mortality', status: 'superseded', limit: 9 })).items).toHaveLength(1);
    await expect(store.list({ limit: 1, cursor: 'x' })).rejects.toMatchObject({ code: 'API400' });
    expect(await store.byId('no id')).toBeUndefined();
  });

  it('call back when traffic moves', async () => {
    const called = vi.fn();
    const end = await store.onChange(called);
    const rollout = (await store.begin(subject(), standing(), by))!;
    await vi.waitFor(() => expect(called).toHaveBeenCalledTimes(1));
    await store.write(rollout, standing({ share: 50 }), null, 'rollout');
    await vi.waitFor(() => expect(called).toHaveBeenCalledTimes(2));
    await end();
  });
});
