import { describe, expect, it } from 'vitest';
import type { ApplyEvent } from '../../src/apply/events.ts';
import { createProgress } from '../../src/apply/progress.ts';
import { sha256 } from '../../src/lib/canonical.ts';
import { MlopsError } from '../../src/lib/error.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { applyProject, memoryArtifacts, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare } from '../support/specs.ts';

const statuses = async (state: StateStore): Promise<Record<string, string>> =>
  Object.fromEntries((await state.read()).resources.map(({ address, status }) => [address, status]));

describe('applying a plan', () => {
  it('journals intent before and outcome after each effect, between lock and release', async () => {
    const state = memoryStateStore();
    const effects = memoryEffects();
    const result = await applyProject(healthcare(), state, { effects });
    expect(result.outcome).toBe('succeeded');
    expect(result.done).toHaveLength(9);
    expect(state.log.slice(0, 2)).toEqual(['lock', 'begin']);
    expect(state.log.slice(-2)).toEqual(['end succeeded', 'release']);
    for (const address of result.done) {
      expect(state.log.indexOf(`intent create ${address}`)).toBeGreaterThan(0);
      expect(state.log.indexOf(`intent create ${address}`)).toBeLessThan(state.log.indexOf(`done ${address}`));
    }
    expect(state.log.indexOf('done source.visits')).toBeLessThan(
      state.log.indexOf('intent create feature_set.patient_labs'),
    );
    expect([...effects.registered.keys()].sort()).toEqual(['patient_labs', 'patient_trend']);
  });

  it('records the version, and the plan after it is empty', async () => {
    const state = memoryStateStore();
    const effects = memoryEffects();
    await applyProject(healthcare(), state, { effects });
    await applyProject(healthcare({ labs: { eventTime: 'seen_at' } }), state, { effects });
    const labs = (await state.read()).resources.find(({ address }) => address === 'feature_set.patient_labs');
    expect(labs?.outputs).toMatchObject({ version: 2, keys: { id: 'int64' } });
    expect((await planOf(healthcare({ labs: { eventTime: 'seen_at' } }), state)).applyable).toBe(false);
  });

  it('does nothing at all for an empty plan', async () => {
    const state = memoryStateStore();
    await applyProject(healthcare(), state);
    const before = state.log.length;
    expect(await applyProject(healthcare(), state)).toMatchObject({ outcome: 'succeeded', applyId: null });
    expect(state.log).toHaveLength(before);
    expect((await state.read()).serial).toBe(1);
  });

  it('drops feature sets and leaves an empty state on destroy', async () => {
    const state = memoryStateStore();
    const effects = memoryEffects();
    await applyProject(healthcare(), state, { effects });
    const result = await applyProject(healthcare(), state, {
      effects,
      plan: await planOf(healthcare(), state, { mode: 'destroy' }),
    });
    expect(result.outcome).toBe('succeeded');
    expect((await state.read()).resources).toEqual([]);
    expect(effects.registered.size).toBe(0);
  });

  it('skips what depends on a failure, names it, goes on elsewhere and takes it up the next time', async () => {
    const state = memoryStateStore();
    const events: ApplyEvent[] = [];
    const broken = memoryEffects({
      registerFeatureSet: async ({ name }) => {
        if (name === 'patient_labs') throw new MlopsError('ST104', { detail: 'The offline store is full.' });
        return { version: 1 };
      },
    });
    const result = await applyProject(healthcare(), state, { effects: broken, onEvent: (event) => events.push(event) });
    expect(result.outcome).toBe('failed');
    expect(result.failed).toEqual([
      { address: 'feature_set.patient_labs', code: 'ST104', message: 'The offline store is full.', hint: null },
    ]);
    expect(result.skipped.map(({ address, because }) => `${address} ${because}`).sort()).toEqual([
      'endpoint.mortality feature_set.patient_labs',
      'feature_service.mortality_inputs feature_set.patient_labs',
      'model.pbc_mortality feature_set.patient_labs',
      'pipeline.weekly_retraining feature_set.patient_labs',
    ]);
    expect(await statuses(state)).toMatchObject({
      'feature_set.patient_labs': 'creating',
      'feature_set.patient_trend': 'ready',
    });
    expect(state.log.slice(-2)).toEqual(['end failed', 'release']);
    expect(events.filter(({ type }) => type === 'step_skipped')).toHaveLength(4);

    expect((await applyProject(healthcare(), state)).outcome).toBe('succeeded');
    expect((await planOf(healthcare(), state)).applyable).toBe(false);
  });

  it('never records the credentials of a connection string', async () => {
    const state = memoryStateStore();
    const effects = memoryEffects({
      registerFeatureSet: async () => {
        throw new Error('cannot reach postgres://admin:hunter2@db.example.org/mlops');
      },
    });
    const result = await applyProject(healthcare(), state, { effects });
    expect(result.failed[0]?.message).toBe('cannot reach postgres://***@db.example.org/mlops');
    expect(JSON.stringify(state.log)).not.toContain('hunter2');
  });

  it('finishes the steps in hand when interrupted, releases the lock and goes on the next time', async () => {
    const state = memoryStateStore();
    const abort = new AbortController();
    const events: ApplyEvent[] = [];
    const effects = memoryEffects({
      registerFeatureSet: async () => {
        abort.abort();
        return { version: 1 };
      },
    });
    const result = await applyProject(healthcare(), state, {
      effects,
      signal: abort.signal,
      concurrency: 1,
      onEvent: (event) => events.push(event),
    });
    expect(result.outcome).toBe('interrupted');
    expect(result.done).toEqual([
      'entity.patient',
      'policy.keep_patient_rows',
      'source.visits',
      'feature_set.patient_labs',
    ]);
    expect(result.remaining).toHaveLength(5);
    expect(events.filter(({ type }) => type === 'interrupting')).toEqual([{ type: 'interrupting', cause: 'signal' }]);
    expect(Object.values(await statuses(state))).toEqual(['ready', 'ready', 'ready', 'ready']);
    expect(await state.lockHolder()).toBeNull();
    expect((await applyProject(healthcare(), state)).outcome).toBe('succeeded');
  });

  it('stops when the lock is lost, and says so', async () => {
    const inner = memoryStateStore();
    const lost = new AbortController();
    const state: StateStore = {
      ...inner,
      lock: async (who, operation) => ({
        ...(await inner.lock(who, operation)),
        lost: lost.signal,
        assertHeld: () => lost.signal.throwIfAborted(),
      }),
    };
    const events: ApplyEvent[] = [];
    const effects = memoryEffects({
      registerFeatureSet: async () => {
        lost.abort(new MlopsError('AP101', { detail: 'The lock of the state was lost.' }));
        return { version: 1 };
      },
    });
    await expect(
      applyProject(healthcare(), state, { effects, concurrency: 1, onEvent: (event) => events.push(event) }),
    ).rejects.toMatchObject({ code: 'AP101' });
    expect(events).toContainEqual({ type: 'interrupting', cause: 'lock_lost' });
    expect(events.at(-1)).toMatchObject({ type: 'apply_ended', outcome: 'interrupted', done: 4, remaining: 5 });
    expect(await inner.lockHolder()).toBeNull();
  });

  it('starts no effect once the lock is lost, also where that came out while the intent was written', async () => {
    const inner = memoryStateStore();
    const effects = memoryEffects();
    let held = true;
    const state: StateStore = {
      ...inner,
      lock: async (who, operation) => ({
        ...(await inner.lock(who, operation)),
        assertHeld: () => {
          if (!held) throw new MlopsError('AP101', { detail: 'this process stood still' });
        },
      }),
      beginApply: async (head) => {
        const journal = await inner.beginApply(head);
        return {
          ...journal,
          intent: async (step) => {
            await journal.intent(step);
            if (step.kind === 'feature_set') held = false;
          },
        };
      },
    };
    await expect(applyProject(healthcare(), state, { effects, concurrency: 1 })).rejects.toMatchObject({
      code: 'AP101',
    });
    expect(effects.calls).toEqual([]);
    expect(await statuses(state)).toMatchObject({ 'feature_set.patient_labs': 'creating' });
  });

  it('ends at once when the journal cannot be written, and gives the lock back', async () => {
    const inner = memoryStateStore();
    const effects = memoryEffects();
    const state: StateStore = {
      ...inner,
      beginApply: async (head) => ({
        ...(await inner.beginApply(head)),
        intent: async () => {
          throw new MlopsError('ST101', { detail: 'gone' });
        },
      }),
    };
    const events: ApplyEvent[] = [];
    await expect(
      applyProject(healthcare(), state, { effects, onEvent: (event) => events.push(event) }),
    ).rejects.toMatchObject({ code: 'ST101' });
    expect(effects.calls).toEqual([]);
    expect(events).toContainEqual({ type: 'interrupting', cause: 'journal' });
    expect(events.at(-1)).toMatchObject({ type: 'apply_ended', outcome: 'failed', done: 0, remaining: 9, skipped: 0 });
    expect(await inner.lockHolder()).toBeNull();
  });

  it('refuses a stale plan and a locked state, and leaves the lock as it was', async () => {
    const state = memoryStateStore();
    const stale = await planOf(healthcare(), state);
    await applyProject(healthcare(), state);
    await expect(applyProject(healthcare(), state, { plan: stale })).rejects.toMatchObject({ code: 'AP102' });
    expect(await state.lockHolder()).toBeNull();
    const held = await state.lock('somebody', 'apply');
    await expect(applyProject(healthcare({ labs: { ttl: '1d' } }), state)).rejects.toMatchObject({ code: 'AP101' });
    expect((await state.lockHolder())?.id).toBe(held.id);
  });

  it('refuses a plan with errors before it locks anything', async () => {
    const state = memoryStateStore();
    await applyProject(healthcare({ labs: { protect: true } }), state);
    const before = state.log.length;
    const plan = await planOf(healthcare(), state, { mode: 'destroy' });
    await expect(applyProject(healthcare(), state, { plan })).rejects.toMatchObject({
      code: 'AP105',
      address: 'feature_set.patient_labs',
    });
    expect(state.log).toHaveLength(before);
  });

  it('finishes an interrupted delete before it makes the resource again', async () => {
    const state = memoryStateStore();
    const effects = memoryEffects();
    await applyProject(healthcare(), state, { effects });
    const dying = memoryEffects({
      dropFeatureSet: async () => {
        throw new Error('killed');
      },
    });
    const without = healthcare({
      without: ['feature_set.patient_trend'],
      service: { features: ['patient_labs.bili'] },
      pipeline: { tasks: {} },
    });
    expect((await applyProject(without, state, { effects: dying })).outcome).toBe('failed');
    await applyProject(healthcare(), state, { effects });
    expect(effects.calls.slice(-2)).toEqual(['drop patient_trend', 'register patient_trend']);
    expect((await planOf(healthcare(), state)).applyable).toBe(false);
  });

  it('refuses to destroy a pipeline with live runs, and destroys it once they ended', async () => {
    const state = memoryStateStore();
    await applyProject(healthcare(), state);
    const plan = await planOf(healthcare(), state, { mode: 'destroy' });
    const busy = await applyProject(healthcare(), state, { plan, effects: memoryEffects({ liveRuns: async () => 1 }) });
    expect(busy.failed[0]).toMatchObject({ address: 'pipeline.weekly_retraining', code: 'PL101' });
    const again = await planOf(healthcare(), state, { mode: 'destroy' });
    expect((await applyProject(healthcare(), state, { plan: again })).outcome).toBe('succeeded');
  });

  it('stores the files of code bundles, and refuses a file that changed since the plan', async () => {
    const code = 'echo train';
    const bundle = { digest: sha256('bundle'), files: { 'scripts/train.sh': sha256(code) } };
    const tasks = {
      train: { operator: 'command', command: 'sh scripts/train.sh', needs: [], bundle },
    } as unknown as CanonicalSpecs['pipeline']['tasks'];
    const project = {
      ...healthcare({ pipeline: { tasks } }),
      bundleFiles: new Map([[sha256(code), '/project/scripts/train.sh']]),
    };
    const artifacts = memoryArtifacts(new Map([['/project/scripts/train.sh', code]]));
    await applyProject(project, memoryStateStore(), { artifacts });
    expect(artifacts.stored.has(sha256(code))).toBe(true);

    const edited = memoryArtifacts(new Map([['/project/scripts/train.sh', 'echo something else']]));
    const result = await applyProject(project, memoryStateStore(), { artifacts: edited });
    expect(result.failed).toEqual([expect.objectContaining({ address: 'pipeline.weekly_retraining', code: 'ST105' })]);
  });

  it('counts what is done and what is left with every step, a skipped one too', async () => {
    const events: ApplyEvent[] = [];
    const effects = memoryEffects({
      registerFeatureSet: async () => {
        throw new Error('no room');
      },
    });
    await applyProject(healthcare(), memoryStateStore(), { effects, onEvent: (event) => events.push(event) });
    const counted = events.filter((event) => 'etaSeconds' in event && event.type !== 'step_started');
    expect(counted.map((event) => 'total' in event && [event.done, event.total])).toEqual(
      Array.from({ length: 9 }, (_, index) => [index + 1, 9]),
    );
    expect(counted.at(-1)).toMatchObject({ etaSeconds: 0 });
  });

  it('tells what it does in lines for people', async () => {
    const progress = createProgress({ color: false });
    const lines: string[] = [];
    let now = 0;
    const clock = {
      now: () => {
        now += 1;
        return new Date(now);
      },
    };
    await applyProject(healthcare(), memoryStateStore(), {
      clock,
      concurrency: 1,
      effects: memoryEffects({
        registerFeatureSet: async ({ name }) => {
          if (name === 'patient_trend') throw new Error('no room');
          return { version: 1 };
        },
      }),
      onEvent: (event) => {
        const line = progress(event);
        if (line !== undefined) lines.push(line);
      },
    });
    expect(lines).toEqual([
      '[1/9] + entity.patient created in 1 ms',
      '[2/9] + policy.keep_patient_rows created in 1 ms',
      '[3/9] + source.visits created in 1 ms',
      '[4/9] + feature_set.patient_labs created (version 1) in 1 ms',
      '[5/9] ! feature_set.patient_trend failed: no room',
      '[6/9] · feature_service.mortality_inputs skipped because feature_set.patient_trend failed',
      '[7/9] · pipeline.weekly_retraining skipped because feature_set.patient_trend failed',
      '[8/9] · model.pbc_mortality skipped because feature_set.patient_trend failed',
      '[9/9] · endpoint.mortality skipped because feature_set.patient_trend failed',
      'Apply failed in part: 4 done, 1 failed, 4 skipped. Apply again to go on from here.',
    ]);
  });
});
