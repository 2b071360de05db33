/** The entry of the worker thread that fits a model. One request, by workerData; then it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../lib/assert.ts';
import { MlopsError } from '../lib/error.ts';
import { type FitRequest, fitAndWrite } from './fit.ts';
import type { FromWorker } from './worker-protocol.ts';

const port = parentPort;
invariant(port !== null, 'train-worker runs in a worker thread');
const say = (message: FromWorker): void => port.postMessage(message);

try {
  say({ type: 'done', result: await fitAndWrite(workerData as FitRequest, (line) => say({ type: 'progress', line })) });
} catch (error) {
  const known = error instanceof MlopsError ? error : undefined;
  say({
    type: 'failed',
    failure: {
      code: known?.code,
      detail: known?.detail ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)),
      hint: known?.hint,
      status: known?.status,
      data: undefined,
    },
  });
}
