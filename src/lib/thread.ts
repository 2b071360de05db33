/** Starts a module of this package on a thread or in a process of its own; from the sources (tests, development) and from the build alike. */
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** `moduleUrl` is the caller's `import.meta.url`; `entry` the thread's module beside it, without its ending. */
export function startThread(moduleUrl: string, entry: string, options: WorkerOptions = {}): Worker {
  const { url, loader } = moduleBeside(moduleUrl, entry);
  return new Worker(url, { ...(loader.length > 0 && { execArgv: [...loader] }), ...options });
}

/** Likewise as the arguments of Node that run it in a process. */
export function processArguments(moduleUrl: string, entry: string): readonly string[] {
  const { url, loader } = moduleBeside(moduleUrl, entry);
  return [...loader, fileURLToPath(url)];
}

function moduleBeside(moduleUrl: string, entry: string): { readonly url: URL; readonly loader: readonly string[] } {
  const fromSources = moduleUrl.endsWith('.ts');
  const url = new URL(`./${entry}.${fromSources ? 'ts' : 'js'}`, moduleUrl);
  // Node 20 reads no TypeScript by itself; jiti, which loads people's configurations, does it for our own sources.
  return { url, loader: fromSources ? ['--import', import.meta.resolve('jiti/register')] : [] };
}
