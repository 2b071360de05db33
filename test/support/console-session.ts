/**
 * Documentation that is run: every ```console block of a page, in order, in one folder. A line that starts with `$ ` is a command, the
 * lines after it are its output; a command that ends in ` &` stays in the background until the session ends; `…` alone on a line stands
 * for any lines. What differs from run to run (ids, times, durations, ports, sizes) is compared as `<…>`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface ConsoleCommand {
  /** Line of the page, from 1. */
  readonly line: number;
  readonly command: string;
  readonly output: readonly string[];
}

export function consoleCommands(markdown: string): ConsoleCommand[] {
  const commands: { line: number; command: string; output: string[] }[] = [];
  let inside = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (!inside && line.startsWith('```console')) inside = true;
    else if (inside && line.startsWith('```')) inside = false;
    else if (inside && line.startsWith('$ ')) commands.push({ line: index + 1, command: line.slice(2), output: [] });
    else if (inside) commands.at(-1)?.output.push(line);
  }
  return commands;
}

/** The page with each command's output replaced; commands whose output the page leaves out stay without. */
export function withOutputs(markdown: string, outputs: ReadonlyMap<number, string>): string {
  const result: string[] = [];
  let inside = false;
  let dropping = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = line.startsWith('```');
    if (fence) {
      inside = !inside && line.startsWith('```console');
      dropping = false;
    } else if (inside && line.startsWith('$ ')) {
      dropping = false;
    } else if (dropping) {
      continue;
    }
    result.push(line);
    const output = outputs.get(index + 1);
    if (output !== undefined) {
      result.push(...output.split('\n'));
      dropping = true;
    }
  }
  return result.join('\n');
}

/** One form for what differs from run to run. */
export function masked(text: string): string {
  return text
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<id>')
    .replace(/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}\b/g, '<hash>')
    .replace(/\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?/g, '<time>')
    .replace(/\b\d{2}:\d{2}:\d{2}(\.\d+)?\b/g, '<time>')
    .replace(/\b\d+(\.\d+)? ?(ms|s|min|MB|kB|KB|MiB|KiB)\b/g, '<amount>')
    .replace(/(127\.0\.0\.1|localhost):\d+/g, '$1:<port>')
    .replace(/[ \t]+/g, ' ')
    .trim();
}

/** Undefined where the documented output fits the real one, else the first documented line that does not come. */
export function firstMismatch(documented: readonly string[], real: string): string | undefined {
  const wanted = documented.map(masked).filter((line) => line !== '');
  const lines = real.split('\n').map(masked);
  let at = 0;
  let anywhere = false;
  for (const line of wanted) {
    if (line === '…') {
      anywhere = true;
      continue;
    }
    while (at < lines.length && lines[at] === '') at += 1;
    const found = anywhere ? lines.indexOf(line, at) : lines[at] === line ? at : -1;
    if (found < 0) return line;
    at = found + 1;
    anywhere = false;
  }
  return undefined;
}

export interface ConsoleSession {
  /** Standard output and standard error as a terminal would mix them. Throws when the command exits other than 0. */
  run(command: string): Promise<string>;
  end(): Promise<void>;
}

/** Commands run by bash in `cwd`; `mlops` and `npx mlops` are this checkout's. */
export function openConsole(cwd: string, mlopsBin: string, env: Readonly<Record<string, string>> = {}): ConsoleSession {
  const shims = join(cwd, '.shims');
  mkdirSync(shims, { recursive: true });
  const call = `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(mlopsBin)}`;
  writeFileSync(join(shims, 'mlops'), `#!/bin/sh\n${call} "$@"\n`, { mode: 0o755 });
  writeFileSync(join(shims, 'npx'), `#!/bin/sh\nshift\n${call} "$@"\n`, { mode: 0o755 });
  const background: ChildProcess[] = [];
  const start = (command: string): ChildProcess =>
    spawn('bash', ['-c', `exec 2>&1\n${command}`], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
      env: { ...process.env, ...env, PATH: `${shims}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1', CI: '' },
    });

  async function run(command: string): Promise<string> {
    if (command.endsWith(' &')) {
      const child = start(`exec ${command.slice(0, -2)}`);
      background.push(child);
      return new Promise((resolve, reject) => {
        let text = '';
        child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (/ready/.test(text)) resolve(text);
        });
        child.once('exit', (code) => reject(new Error(`\`${command}\` ended with ${code}:\n${text}`)));
      });
    }
    const child = start(command);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(`\`${command}\` exited with ${code}:\n${text}`);
    return text;
  }

  return {
    run,
    end: async () => {
      for (const child of background) {
        const closed = new Promise((resolve) => child.once('close', resolve));
        if (child.exitCode === null && child.pid !== undefined) {
          process.kill(-child.pid, 'SIGTERM');
          await closed;
        }
      }
    },
  };
}
