import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOnnxRuntime, type OnnxRuntime } from '../../../src/serving/onnx-runtime.ts';
import { createLoadedVersions, type LoadedVersions } from '../../../src/serving/runtime/loaded-versions.ts';
import type { RawTensors } from '../../../src/serving/runtime/tensors.ts';
import type { ModelSignature, ModelVersion } from '../../../src/stores/control/registry.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../../support/memory-artifacts.ts';
import { memoryCatalog, newVersion } from '../../support/models.ts';
import { constantModel, perceptron } from '../../support/onnx-models.ts';

let artifacts: MemoryArtifacts;
let stored: ModelVersion[];
/** Versions by id whose session was released, in order. */
let opened: number;
let released: number;

const real = createOnnxRuntime();
const runtime: OnnxRuntime = {
  ...real,
  open: async (content) => {
    const session = await real.open(content);
    opened += 1;
    return {
      ...session,
      release: () => {
        released += 1;
        return session.release();
      },
    };
  },
};

beforeEach(async () => {
  artifacts = await memoryArtifacts();
  stored = [];
  opened = 0;
  released = 0;
});
afterEach(() => artifacts.remove());

async function register(
  content: Uint8Array | Promise<Uint8Array>,
  signature: Partial<ModelSignature> = {},
): Promise<ModelVersion> {
  const bytes = await content;
  const { digest } = await artifacts.put(bytes);
  const version = stored.length + 1;
  const now = new Date(0);
  const made: ModelVersion = {
    ...newVersion({
      artifacts: [{ path: 'model.onnx', digest, bytes: bytes.length, uri: null }],
      signature: { features: ['a.x', 'a.y'], inputs: [], outputs: [], label: null, task: 'regression', ...signature },
    }),
    id: `id-${version}`,
    version,
    stage: 'development',
    createdAt: now,
    createdBy: 'ada',
    stageChangedAt: now,
    runId: null,
    flavour: null,
    source: null,
    aliases: [],
    updatedAt: now,
  };
  stored.push(made);
  return made;
}

function create(budgetBytes?: number, nativeBytes: () => number = () => 0): LoadedVersions {
  const registry = { version: async (_: string, number: number) => stored[number - 1] };
  return createLoadedVersions({ registry, artifacts, catalog: memoryCatalog(), runtime, budgetBytes, nativeBytes });
}

const X: RawTensors = { x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } };
const inMemory = (versions: LoadedVersions): number[] => versions.status().loaded.map(({ version }) => version.version);

describe('a version in memory', () => {
  it('is loaded once for all who ask at the same time, and answers tensors and features', async () => {
    await register(constantModel(7));
    const versions = create();
    const leases = await Promise.all([1, 2, 3].map(() => versions.acquire('risk', 1)));
    expect(opened).toBe(1);
    const { loaded } = leases[0]!;
    expect(Array.from((await loaded.session.run(X, ['y']))['y']!.data as Float32Array)).toEqual([7]);
    expect((await loaded.forFeatures().model.answer([[1], [2]], 1)).values[0]).toBe(7);
    for (const lease of leases) lease.release();
    await versions.close();
    expect(released).toBe(1);
  });

  it('goes with whom it was pinned for, and stays for who asked on demand', async () => {
    const [pinned, asked] = [await register(constantModel(1)), await register(constantModel(2))];
    const versions = create();
    const pin = await versions.hold(pinned, { pinned: true });
    (await versions.acquire('risk', 2)).release();
    expect(inMemory(versions)).toEqual([1, 2]);
    pin.release();
    pin.release();
    expect(inMemory(versions)).toEqual([2]);
    versions.unload(asked.id);
    expect(inMemory(versions)).toEqual([]);
    expect(released).toBe(2);
  });

  it('is released when the last request that uses it has its answer, and no earlier', async () => {
    const version = await register(constantModel(1));
    const versions = create();
    const pin = await versions.hold(version, { pinned: true });
    let end = (): void => {};
    const use = pin.loaded.use(() => new Promise<void>((resolve) => (end = resolve)));
    pin.release();
    await versions.close();
    expect(released).toBe(0);
    end();
    await use;
    expect(released).toBe(1);
  });

  it('is MD201 where it is not registered', async () => {
    await expect(create().acquire('risk', 4)).rejects.toMatchObject({ code: 'MD201' });
  });
});

describe('a version whose file is not what was registered', () => {
  it('is refused where its bytes have another digest', async () => {
    const version = await register(constantModel(1));
    artifacts.corrupt(version.artifacts[0]!.digest!);
    await expect(create().acquire('risk', 1)).rejects.toMatchObject({ code: 'MD203' });
  });

  const input = { name: 'x', dtype: 'float32', shape: [-1, 2] };
  it.each([
    ['another input', { inputs: [{ ...input, name: 'z' }] }],
    ['an input of another type', { inputs: [{ ...input, dtype: 'int64' }] }],
    ['an input of another width', { inputs: [{ ...input, shape: [-1, 3] }] }],
    ['an input of other dimensions', { inputs: [{ ...input, shape: [-1, 2, 1] }] }],
    ['another output', { outputs: [{ name: 'label', dtype: 'int64', shape: [-1] }] }],
    ['an output of another width', { outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 4] }] }],
  ])('is refused where its signature says %s, and its session is given back', async (_, signature) => {
    await register(constantModel(1), signature);
    await expect(create().acquire('risk', 1)).rejects.toMatchObject({
      code: 'MD204',
      detail: expect.stringContaining('its signature says'),
    });
    expect(released).toBe(opened);
  });

  it('serves where its signature speaks of its tensors in other words', async () => {
    await register(constantModel(1), {
      inputs: [{ type: 'tensor' } as never, { name: 'x', dtype: 'float32' } as never],
    });
    await register(constantModel(1), { inputs: [{ ...input, dtype: 'float' }] });
    const versions = create();
    for (const number of [1, 2]) (await versions.acquire('risk', number)).release();
  });

  it('serves where its signature says the same', async () => {
    await register(constantModel(1), { inputs: [input], outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 1] }] });
    const lease = await create().acquire('risk', 1);
    lease.release();
  });
});

describe('the memory for versions', () => {
  const size = async (content: Promise<Uint8Array>): Promise<number> => (await content).length;

  it('is given to what is asked for, taken from what was not used for the longest time', async () => {
    for (let bias = 1; bias <= 4; bias += 1) await register(constantModel(bias));
    const versions = create(2.5 * (await size(constantModel(1))));
    const ask = async (number: number): Promise<void> => (await versions.acquire('risk', number)).release();
    await ask(1);
    await ask(2);
    await ask(1);
    await ask(3);
    expect(inMemory(versions)).toEqual([1, 3]);
    versions.peek('id-1');
    await ask(4);
    expect(inMemory(versions)).toEqual([1, 4]);
    expect(versions.status().usedBytes).toBeLessThanOrEqual(versions.status().budgetBytes);
  });

  it('is never taken from what an endpoint pins, a lease holds or a request uses: who comes is refused, and told why', async () => {
    const first = await register(constantModel(1));
    await register(constantModel(2));
    await register(constantModel(3));
    const versions = create(2.5 * (await size(constantModel(1))));
    const pin = await versions.hold(first, { pinned: true });
    const lease = await versions.acquire('risk', 2);
    await expect(versions.acquire('risk', 3)).rejects.toMatchObject({
      code: 'MD215',
      retryable: true,
      detail: expect.stringMatching(/^Version 3 of risk takes \d+ B; of \d+ B for models, \d+ B are taken/),
    });
    lease.release();
    (await versions.acquire('risk', 3)).release();
    expect(inMemory(versions)).toEqual([1, 3]);
    pin.release();
  });

  it('refuses a version that is larger than all of it, without opening it', async () => {
    await register(perceptron([8, 300]));
    await expect(create(1000).acquire('risk', 1)).rejects.toMatchObject({ code: 'MD215' });
    expect(opened).toBe(0);
  });

  it('is counted as what loading was measured to take, where that is more than the file', async () => {
    await register(constantModel(1));
    await register(constantModel(2));
    let native = 0;
    const versions = create(3e6, () => {
      native += 2e6;
      return native;
    });
    (await versions.acquire('risk', 1)).release();
    expect(versions.status().usedBytes).toBe(2e6);
    (await versions.acquire('risk', 2)).release();
    expect(inMemory(versions)).toEqual([2]);
  });
});

describe('1,000 swaps under load', () => {
  it('lose no request and no memory, and release each session once', { timeout: 120_000 }, async () => {
    const made: ModelVersion[] = [];
    for (let seed = 1; seed <= 4; seed += 1) made.push(await register(perceptron([2, 400, 400], seed)));
    const versions = create(undefined, undefined);
    let current = await versions.hold(made[0]!, { pinned: true });
    let asked = 0;
    let answered = 0;
    let swapping = true;
    const client = async (): Promise<void> => {
      while (swapping) {
        asked += 1;
        const { loaded } = current;
        const answer = await loaded.use(() => loaded.session.run(X, ['y']));
        if (answer['y']!.dims[0] === 1) answered += 1;
      }
    };
    const clients = [1, 2, 3, 4].map(client);
    const swap = async (at: number): Promise<void> => {
      const next = await versions.hold(made[at % 4]!, { pinned: true });
      const before = current;
      current = next;
      before.release();
    };
    for (let at = 1; at <= 100; at += 1) await swap(at);
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    for (let at = 101; at <= 1000; at += 1) await swap(at);
    swapping = false;
    await Promise.all(clients);
    globalThis.gc?.();
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    current.release();
    expect({ lost: asked - answered, opened, left: opened - released }).toEqual({ lost: 0, opened: 1001, left: 0 });
    // One session is 0.7 MB of weights: a leak of each would be 600 MB.
    expect(grown).toBeLessThan(60);
    expect(asked).toBeGreaterThan(1000);
  });
});
