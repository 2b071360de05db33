/**
 * Triton's client from PyPI, in a Python environment of its own. In CI a missing environment is a failure; elsewhere the tests are left out,
 * and say what is missing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../inference');
const wanted = readFileSync(join(folder, 'requirements.txt'), 'utf8').trim();
const cache =
  process.env['MLOPS_CI_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mlops-ci');
/** `scripts/tritonclient-environment.sh` makes it. */
const python = join(cache, wanted.replace('[http]', '').replace('==', '-'), 'bin/python');

/** False where the environment was not made and that is no failure. */
export const withTriton: boolean = (() => {
  if (spawnSync(python, ['-c', 'import tritonclient.http']).status === 0) return true;
  const missing = `${wanted} is missing in ${dirname(dirname(python))}: run scripts/tritonclient-environment.sh`;
  if (process.env['CI'] !== undefined) throw new Error(missing);
  process.stderr.write(`\ntests with Triton's client are LEFT OUT: ${missing}\n\n`);
  return false;
})();

export interface TritonClient {
  /** Rejects with the status and message that the client raised. */
  call(name: string, args?: readonly unknown[], more?: object): Promise<unknown>;
  stop(): Promise<void>;
}

export async function tritonClient(url: string, key: string): Promise<TritonClient> {
  const child = spawn(python, [join(folder, 'client.py'), url.replace('http://', ''), key]);
  let problems = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    problems += chunk;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`Triton's client ended:\n${problems}`);
    return JSON.parse(line.value) as Record<string, unknown>;
  };
  await next();
  return {
    call: async (name, args = [], more = {}) => {
      child.stdin.write(`${JSON.stringify({ call: name, args, more })}\n`);
      const { answer, raised } = await next();
      if (raised !== undefined) throw new Error((raised as string[]).join(' '));
      return answer;
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.end();
      await ended;
    },
  };
}
