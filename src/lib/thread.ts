/** Starts a module of this package on a thread of its own; from the sources (tests, development) and from the build alike. */
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** `moduleUrl` is the caller's `import.meta.url`; `entry` the thread's module beside it, without its ending. */
export function startThread(moduleUrl: string, entry: string, options: WorkerOptions = {}): Worker {
  const fromSources = moduleUrl.endsWith('.ts');
  const url = new URL(`./${entry}.${fromSources ? 'ts' : 'js'}`, moduleUrl);
  // Node 20 reads no TypeScript by itself; jiti, which loads people's configurations, does it for our own sources.
  const loader = fromSources ? { execArgv: ['--import', import.meta.resolve('jiti/register')] } : {};
  return new Worker(url, { ...loader, ...options });
}
