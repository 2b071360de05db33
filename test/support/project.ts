/** A copy of the healthcare project in a folder of its own, and the compiled command line on it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const bin = join(root, 'bin/mlops.js');

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestProject {
  readonly folder: string;
  mlops(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: NodeJS.ProcessEnv },
  ): Promise<CommandResult>;
  /** Started, and left to the test. `terminal`: on a terminal of its own (by util-linux' script), which also takes what is typed. */
  start(
    args: readonly string[],
    options?: { readonly env?: NodeJS.ProcessEnv; readonly terminal?: boolean | TerminalSize },
  ): RunningCommand;
  /** Started, and ready: its address. */
  daemon(args?: readonly string[], options?: { readonly env?: NodeJS.ProcessEnv }): Promise<TestDaemon>;
  /** Kills what still runs and removes the folder. */
  remove(): Promise<void>;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface RunningCommand {
  readonly pid: number;
  /** What it wrote so far; on a terminal both streams are in `stdout`. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** Resolves once the text was written to either stream; rejects where it ends before. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  type(text: string): void;
  readonly ended: Promise<CommandResult>;
}

export interface TestDaemon {
  readonly url: string;
  readonly pid: number;
  log(): string;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** `name` may hold spaces. */
export function healthcareProject(name = 'healthcare project'): TestProject {
  const folder = join(passableDirectory(), name);
  mkdirSync(join(folder, 'examples/healthcare'), { recursive: true });
  cpSync(join(root, 'mlops.config.ts'), join(folder, 'mlops.config.ts'));
  cpSync(join(root, 'examples/healthcare/data'), join(folder, 'examples/healthcare/data'), { recursive: true });
  return projectIn(folder);
}

export function emptyProject(name = 'empty'): TestProject {
  const folder = join(passableDirectory(), name);
  mkdirSync(folder, { recursive: true });
  return projectIn(folder);
}

/** A copy of a complete project of this repository, e.g. `examples/healthcare`. */
export function projectFrom(path: string): TestProject {
  const folder = join(passableDirectory(), 'project');
  cpSync(join(root, path), folder, { recursive: true, filter: (source) => !source.includes('.mlops') });
  return projectIn(folder);
}

/** Others may pass through it: as root the embedded server runs as an account of its own, and finds its data inside. */
function passableDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mlops-test-'));
  chmodSync(directory, 0o711);
  return directory;
}

function projectIn(folder: string): TestProject {
  const children = new Set<ChildProcess>();
  const environment = (extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    ...process.env,
    NO_COLOR: '1',
    MLOPS_ENV: undefined,
    ...extra,
  });

  function launch(args: readonly string[], env: NodeJS.ProcessEnv | undefined): ChildProcess {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: environment(env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  }

  function start(
    args: readonly string[],
    { env, terminal = false }: { readonly env?: NodeJS.ProcessEnv; readonly terminal?: boolean | TerminalSize } = {},
  ): RunningCommand {
    const child =
      terminal === false ? launch(args, env) : onTerminal(args, env, terminal === true ? undefined : terminal);
    let [stdout, stderr] = ['', ''];
    const waiting = new Set<() => void>();
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      for (const look of waiting) look();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      for (const look of waiting) look();
    });
    const ended = new Promise<CommandResult>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
    return {
      pid: child.pid ?? 0,
      output: () => ({ stdout, stderr }),
      says: (text) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (!`${stdout}\n${stderr}`.includes(text)) return;
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          void ended.then(({ code }) =>
            reject(new Error(`it ended with ${code} and did not say ${text}:\n${stdout}\n${stderr}`)),
          );
          look();
        }),
      kill: (signal) => void child.kill(signal),
      type: (text) => void child.stdin?.write(text),
      ended,
    };
  }

  /** `script` passes the exit code on. */
  function onTerminal(
    args: readonly string[],
    env: NodeJS.ProcessEnv | undefined,
    size: TerminalSize | undefined,
  ): ChildProcess {
    const resize = size === undefined ? '' : `stty columns ${size.columns} rows ${size.rows}; `;
    const command = [process.execPath, bin, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const child = spawn('script', ['-qefc', `${resize}exec ${command}`, '/dev/null'], {
      cwd: folder,
      env: environment({ ...env, TERM: 'xterm', SHELL: '/bin/sh' }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  }

  return {
    folder,
    start,
    mlops: (args, options = {}) =>
      new Promise((resolve, reject) => {
        const child = launch(args, options.env);
        let stdout = '';
        let stderr = '';
        child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          stdout += text;
        });
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          stderr += text;
        });
        child.once('error', reject);
        child.once('close', (code) => resolve({ code, stdout, stderr }));
        child.stdin?.end(options.input ?? '');
      }),
    daemon: (args = ['--port', '0'], options = {}) =>
      new Promise((resolve, reject) => {
        const child = launch(['daemon', ...args], options.env);
        let log = '';
        const ended = new Promise<number | null>((done) => child.once('close', done));
        child.stdout?.resume();
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          log += text;
          const url = /ready on (http:\S+)/.exec(log)?.[1];
          if (url !== undefined)
            resolve({ url, pid: child.pid ?? 0, log: () => log, ended, kill: (signal) => void child.kill(signal) });
        });
        void ended.then((code) => reject(new Error(`the daemon ended with ${code}:\n${log}`)));
      }),
    remove: async () => {
      const gone = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(gone);
      await stopEmbeddedPostgres(folder);
      rmSync(dirname(folder), { recursive: true, force: true });
    },
  };
}

/** A command that opens and leaves the control store stops the server that killed processes left behind. */
async function stopEmbeddedPostgres(folder: string): Promise<void> {
  const { acquireEmbeddedPostgres } = await import('../../src/stores/postgres/server/embedded.ts');
  const dir = join(folder, '.mlops');
  if (!existsSync(join(dir, 'postgres'))) return;
  await (await acquireEmbeddedPostgres({ dir })).release();
}

/** Waits until `condition` answers something other than undefined or false. */
export async function until<T>(condition: () => Promise<T | undefined | false>, limitMs = 30_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
