// Versions of a model with a file of 20 MB are swapped a thousand times while four clients ask it without a pause: no request is lost, each session is
// released, and the memory of the process stays. Argument: how many swaps (1000).
import { join } from 'node:path';
import { perceptronFile } from '../inference/perceptron.mjs';
import { report, root } from '../support/measure.mjs';

const SWAPS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 1000);
const WARM_UP = SWAPS / 10;
const VERSIONS = 4;
/** A leak of every session would be 20 GB. */
const MOST_GROWTH_MB = 200;
const { createOnnxRuntime } = await import(join(root, 'dist/serving/onnx-runtime.js'));
const { createLoadedVersions } = await import(join(root, 'dist/serving/runtime/loaded-versions.js'));

const file = perceptronFile([64, 1024, 1024, 1024, 1024, 1024, 1024]);
const made = Array.from({ length: VERSIONS }, (_, at) => ({
  id: `version-${at}`,
  name: 'network',
  version: at + 1,
  signature: null,
  lineage: {},
  artifacts: [{ path: 'model.onnx', digest: String(at), bytes: file.length, uri: null }],
}));
const versions = createLoadedVersions({
  registry: {},
  artifacts: { read: async () => Uint8Array.from(file) },
  catalog: {},
  runtime: createOnnxRuntime(),
});
const feeds = { x: { type: 'float32', dims: [1, 64], data: new Float32Array(64) } };
const rssMb = () => process.memoryUsage.rss() / 2 ** 20;
let current = await versions.hold(made[0], { pinned: true });
let isSwapping = true;
let asked = 0;
let answered = 0;

async function client() {
  while (isSwapping) {
    asked += 1;
    const { loaded } = current;
    const { y } = await loaded.use(() => loaded.session.run(feeds, ['y']));
    if (y.dims[0] === 1) answered += 1;
  }
}

const clients = Array.from({ length: 4 }, client);
let before = 0;
const begun = performance.now();
for (let swap = 1; swap <= SWAPS; swap += 1) {
  const next = await versions.hold(made[swap % VERSIONS], { pinned: true });
  current.release();
  current = next;
  if (swap === WARM_UP) before = rssMb();
}
const seconds = (performance.now() - begun) / 1000;
isSwapping = false;
await Promise.all(clients);
report(`${SWAPS} swaps: requests lost of ${asked}`, asked - answered, 'requests', { limit: 0 });
report(`memory beyond that after ${WARM_UP} swaps`, rssMb() - before, 'MB', {
  limit: MOST_GROWTH_MB,
  beside: `${before.toFixed(0)} MB then; ${(SWAPS / seconds).toFixed(1)} swaps a second`,
});
current.release();
await versions.close();
