/** Starts embedded-postgres-client.ts as a process of its own and talks to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ChildClient {
  readonly pid: number;
  ask(word: 'acquire'): Promise<{ readonly started: boolean; readonly pid: number; readonly port: number }>;
  ask(word: 'count'): Promise<{ readonly count: number }>;
  ask(word: 'release'): Promise<object>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Ends its input; resolves when the process is gone. */
  end(): Promise<void>;
}

const JITI = fileURLToPath(new URL('../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./embedded-postgres-client.ts', import.meta.url));

export async function startClient(dir: string): Promise<ChildClient> {
  const child: ChildProcess = spawn(process.execPath, [JITI, SCRIPT, dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (child.stdout === null || child.stdin === null) throw new Error('the child has pipes');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the client ended before it answered');
    const parsed = JSON.parse(value) as Record<string, unknown>;
    if (parsed['error'] !== undefined) throw new Error(String(parsed['error']));
    return parsed;
  };
  await answer();
  const { stdin } = child;
  return {
    pid: child.pid ?? 0,
    ask: (async (word: string) => {
      stdin.write(`${word}\n`);
      return answer();
    }) as ChildClient['ask'],
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
    end: async () => {
      stdin.end();
      await gone;
    },
  };
}
