/** Fits in a worker thread, so that a daemon goes on serving and renewing leases while it trains. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { assertNever } from '../lib/assert.ts';
import { MlopsError } from '../lib/error.ts';
import type { FitRequest, FitResult } from './fit.ts';
import type { FromWorker, WorkerFailure } from './worker-protocol.ts';

/** MD205 where training fails; the signal's reason where it is aborted, the thread then ended at once. */
export async function fitInWorker(
  request: FitRequest,
  options: { readonly signal: AbortSignal; readonly progress: (line: string) => void },
): Promise<FitResult> {
  const { signal, progress } = options;
  signal.throwIfAborted();
  const worker = startWorker(request);
  let onAbort = (): void => {};
  try {
    return await new Promise<FitResult>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      worker.on('message', (message: FromWorker) => {
        switch (message.type) {
          case 'progress':
            return progress(message.line);
          case 'done':
            return resolve(message.result);
          case 'failed':
            return reject(failureOf(message.failure));
          default:
            return assertNever(message, 'message');
        }
      });
      worker.on('error', (cause) =>
        reject(new MlopsError('MD205', { detail: `The training thread failed: ${cause.message}`, cause })),
      );
      worker.on('exit', (code) =>
        reject(new MlopsError('MD205', { detail: `The training thread ended with code ${code} and no result.` })),
      );
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

/** Compiled, the entry lies beside this file as JavaScript; run from source, it is TypeScript, which Node 20 needs jiti to read. */
function startWorker(request: FitRequest): Worker {
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./train-worker.js', import.meta.url), { workerData: request });
  const jiti = pathToFileURL(createRequire(import.meta.url).resolve('jiti')).href;
  const entry = new URL('./train-worker.ts', import.meta.url).href;
  const bootstrap = `import(${JSON.stringify(jiti)}).then(({ createJiti }) => createJiti(${JSON.stringify(import.meta.url)}).import(${JSON.stringify(entry)}));`;
  return new Worker(bootstrap, { eval: true, workerData: request, execArgv: [] });
}

function failureOf(failure: WorkerFailure): MlopsError {
  return new MlopsError('MD205', { detail: failure.detail, hint: failure.hint, status: failure.status });
}
