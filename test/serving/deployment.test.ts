/** A version brought to an endpoint: when that is done, and why it is not. */
import { describe, expect, it } from 'vitest';
import { MlopsError } from '../../src/lib/error.ts';
import { type DeploymentParts, type DeploymentRequest, deploy } from '../../src/serving/deployment.ts';
import type { ModelVersion, Stage } from '../../src/stores/control/registry.ts';
import type { ServingReport } from '../../src/stores/control/serving-reports.ts';
import { memoryCatalog } from '../support/models.ts';

type Served = Omit<ServingReport['serves'][number], 'endpoint' | 'variant' | 'model'>;

const request = (change: Partial<DeploymentRequest> = {}): DeploymentRequest => ({
  endpoint: 'risk',
  variant: 'all',
  model: 'm',
  version: 2,
  stage: null,
  daemons: 1,
  withinMs: 60_000,
  ...change,
});

/** Versions by number with their stages; each look at the daemons takes the next of `looks`, the last again and again. */
function rig(
  stages: Record<number, Stage>,
  looks: readonly (readonly (Served | undefined)[])[],
  target: object = { stage: 'production' },
  onLook: (look: number) => void = () => {},
) {
  const at = { ...stages };
  const moves: string[] = [];
  const lines: string[] = [];
  let look = 0;
  let nowMs = 0;
  const version = (number: number): ModelVersion =>
    ({ id: `id-${number}`, name: 'm', version: number, stage: at[number] }) as ModelVersion;
  const atStage = (stage: Stage): ModelVersion | undefined => {
    const found = Object.keys(at).filter((number) => at[Number(number)] === stage);
    return found.length === 0 ? undefined : version(Number(found.at(-1)));
  };
  const parts: DeploymentParts = {
    catalog: memoryCatalog({
      endpoint: [
        { name: 'risk', key: 'id', split: { all: 100 }, variants: { all: { model: 'm', ...target } } } as never,
      ],
    }),
    registry: { atStage: async (_: string, stage: Stage) => atStage(stage) } as never,
    predictor: {
      open: async ({ version: number, stage }) => {
        const found = number === undefined ? atStage(stage) : version(number);
        if (found === undefined) throw new MlopsError('EP202', { detail: 'none' });
        if (found.version === 9) throw new MlopsError('MD204', { detail: 'it is no ONNX file' });
        return { version: found, close: () => {} } as never;
      },
    },
    reports: {
      list: async () => {
        const there = looks[Math.min(look, looks.length - 1)] ?? [];
        look += 1;
        onLook(look);
        nowMs += 10_000;
        return there.map((served, index) => ({
          name: `host pid ${index}`,
          serves: served === undefined ? [] : [{ endpoint: 'risk', variant: 'all', model: 'm', ...served }],
        }));
      },
    },
    promote: async (id, to) => {
      moves.push(`${id} ${to}`);
      for (const number of Object.keys(at)) if (at[Number(number)] === to) at[Number(number)] = 'archived';
      at[Number(id.slice(3))] = to;
      return { gates: [], archived: null };
    },
    monotonicMs: () => nowMs,
  };
  const run = (change: Partial<DeploymentRequest> = {}) =>
    deploy(parts, request(change), { signal: new AbortController().signal, log: (line) => lines.push(line) });
  return { run, moves, lines, at };
}

const serves = (version: number | null): Served => ({ version, failure: null });

describe('a deployment', () => {
  it('moves the version to the stage that the endpoint follows, and is done once every daemon serves it', async () => {
    const { run, moves, lines } = rig({ 1: 'production', 2: 'staging' }, [
      [serves(1), serves(1)],
      [serves(2), serves(1)],
      [serves(2), serves(2)],
    ]);
    expect(await run()).toMatchObject({ version: 2, stage: 'production', moved: true, daemons: 2 });
    expect(moves).toEqual(['id-2 production']);
    expect(lines.at(-1)).toBe('risk: 2 of 2 daemons serve version 2 of m');
  });

  it('only waits where the version stands there already, or stays where the endpoint stays at it', async () => {
    const there = rig({ 2: 'production' }, [[serves(null)], [serves(2)]]);
    expect(await there.run({ version: null })).toMatchObject({ version: 2, moved: false });
    expect(there.moves).toEqual([]);
    const fixed = rig({ 2: 'development' }, [[serves(2)]], { version: 2 });
    expect(await fixed.run({ version: null })).toMatchObject({ version: 2, moved: false });
    expect(fixed.moves).toEqual([]);
  });

  it('takes what stands at a stage', async () => {
    const { run, moves } = rig({ 1: 'production', 2: 'staging' }, [[serves(2)]]);
    expect(await run({ version: null, stage: 'staging' })).toMatchObject({ version: 2, moved: true });
    expect(moves).toEqual(['id-2 production']);
  });

  it('of a version that does not load moves nothing', async () => {
    const { run, moves } = rig({ 1: 'production', 9: 'staging' }, [[serves(1)]]);
    await expect(run({ version: 9 })).rejects.toMatchObject({ code: 'MD204' });
    expect(moves).toEqual([]);
  });

  it.each([
    ['the endpoint stays at another', { 2: 'staging' }, [[serves(1)]], { version: 1 }, {}, 'stays at version 1'],
    ['no daemon is there', { 2: 'staging' }, [[]], undefined, {}, 'no daemon that answers requests was heard of'],
    ['too few are there', { 2: 'staging' }, [[serves(2)]], undefined, { daemons: 2 }, '1 of 2 daemons were heard of'],
    ['one serves another', { 2: 'staging' }, [[serves(2), serves(1)]], undefined, {}, 'host pid 1 serves version 1'],
    ['one does not know it', { 2: 'staging' }, [[undefined]], undefined, {}, 'host pid 0 does not know the endpoint'],
    [
      'one cannot load it',
      { 2: 'staging' },
      [[{ version: 1, failure: { version: 2, code: 'MD203', detail: 'the file is not there.' } }]],
      undefined,
      {},
      'host pid 0: MD203 the file is not there',
    ],
  ] as const)('fails where %s, and says so', async (_, stages, looks, target, change, reason) => {
    const { run } = rig(stages as never, looks as never, target);
    await expect(run(change)).rejects.toMatchObject({ code: 'EP205', detail: expect.stringContaining(reason) });
  });

  it('fails at once where somebody moved another meanwhile', async () => {
    const made = rig({ 1: 'production', 2: 'staging', 3: 'staging' }, [[serves(1)]], undefined, (look) => {
      if (look !== 2) return;
      made.at[2] = 'archived';
      made.at[3] = 'production';
    });
    const running = made.run();
    await expect(running).rejects.toMatchObject({
      code: 'EP205',
      detail: expect.stringMatching(/version 3 is what production has/),
    });
  });

  it('may do without a daemon where that is asked for', async () => {
    const { run, lines } = rig({ 2: 'staging' }, [[]]);
    expect(await run({ daemons: 0 })).toMatchObject({ daemons: 0, moved: true });
    expect(lines.at(-1)).toBe('risk: no daemon answers requests now; the next one serves version 2 of m');
  });
});
