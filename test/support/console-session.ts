/**
 * Documentation that is run: every ```console block of a page, in order, in one folder. A line that starts with `$ ` is a command, the
 * lines after it are its output; a command that ends in ` &` stays in the background until the session ends; `…` alone on a line stands
 * for any lines. What differs from run to run (ids, times, durations, sizes, who) is compared as `<…>`, JSON without its white space.
 * The ports 8000 to 8002 stand for one free port of the session; where `curl` is missing, curl.mjs takes its place.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CURL = fileURLToPath(new URL('./curl.mjs', import.meta.url));

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
    .replace(/\b[\d,.]+ rows\/s on \d{4}-\d{2}-\d{2}\b/g, '<speed>')
    .replace(/(?:\/[\w.-]+)+(?=\/(?:mlops\.config\.ts|\.mlops)\b)/g, '<folder>')
    .replace(/\bStopped \d+/g, 'Stopped <pid>')
    .replace(/^\d+(?=\s+\w+\s+scheduler)/gm, '<pid>')
    .replace(/"seq":\d+/g, '"seq":<number>')
    .replace(/(127\.0\.0\.1|localhost):\d+/g, '$1:<port>')
    .replace(/"(latency_ms|pid|uptime|bytes)": ?[\d.]+/g, '"$1":<amount>')
    .replace(/-?\d+\.\d{6,}/g, (number) => String(Number(Number(number).toPrecision(5))))
    .replace(/\b[\w.-]+@[A-Za-z][\w.-]*/g, '<who>')
    .replace(/[ \t]+/g, ' ')
    .trim();
}

/** Undefined where the documented output fits the real one, else the first documented line that does not come. */
export function firstMismatch(documented: readonly string[], real: string): string | undefined {
  if (parsedJson(real) !== undefined) return firstJsonMismatch(documented, real);
  const lines = real
    .split('\n')
    .map(masked)
    .filter((line) => line !== '');
  let at = 0;
  for (const [index, part] of partsOf(documented).entries()) {
    const found = index === 0 ? (startsWith(lines, part, 0) ? 0 : -1) : indexOfPart(lines, part, at);
    if (found < 0) return part.find((line) => !lines.includes(line, at)) ?? part.join('\n');
    at = found + part.length;
  }
  return undefined;
}

/** Documented lines, split where `…` stands. */
function partsOf(documented: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  for (const line of documented.map(masked)) {
    if (line === '…') parts.push([]);
    else if (line !== '') parts.at(-1)?.push(line);
  }
  return parts;
}

const startsWith = (lines: readonly string[], part: readonly string[], at: number): boolean =>
  part.every((line, offset) => lines[at + offset] === line);

function indexOfPart(lines: readonly string[], part: readonly string[], from: number): number {
  for (let at = from; at + part.length <= lines.length; at += 1) if (startsWith(lines, part, at)) return at;
  return -1;
}

/** How JSON is laid out is the page's own affair; the parts between `…` must come in their order. */
function firstJsonMismatch(documented: readonly string[], real: string): string | undefined {
  const squeezed = (text: string): string => masked(text).replace(/\s+/g, '');
  const parts = documented
    .join('\n')
    .split(/^\s*…\s*$/m)
    .map(squeezed);
  let rest = squeezed(real);
  for (const [index, part] of parts.entries()) {
    if (part === '') continue;
    const found = rest.indexOf(part);
    if (found < 0 || (index === 0 && found > 0)) return part;
    rest = rest.slice(found + part.length);
  }
  const open = parts.length === 1 && parts[0] === '';
  return open || parts.at(-1) === '' || rest === '' ? undefined : `the end, but went on with ${rest.slice(0, 200)}`;
}

function parsedJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const WIDTH = 120;

/** What UPDATE=1 writes: JSON wrapped for readers, anything else as it came. */
export function presentable(real: string): string {
  const value = parsedJson(real);
  return value === undefined ? real.trimEnd() : wrapped(value, '', 0);
}

function wrapped(value: unknown, indent: string, used: number): string {
  const inline = spaced(value);
  if (indent.length + used + inline.length <= WIDTH || typeof value !== 'object' || value === null) return inline;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => `${inner}${wrapped(member, inner, 1)}`)
    : Object.entries(value).map(([name, member]) => {
        const label = `${JSON.stringify(name)}: `;
        return `${inner}${label}${wrapped(member, inner, label.length + 1)}`;
      });
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${spaced(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

export interface ConsoleSession {
  /** Standard output and standard error as a terminal would mix them. Throws when the command exits other than 0. */
  run(command: string): Promise<string>;
  end(): Promise<void>;
}

/** Commands run by bash in `cwd`; `mlops` and `npx mlops` are this checkout's. */
export async function openConsole(
  cwd: string,
  mlopsBin: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ConsoleSession> {
  const shims = join(cwd, '.shims');
  mkdirSync(shims, { recursive: true });
  const node = `exec ${JSON.stringify(process.execPath)}`;
  const shim = (name: string, text: string): void =>
    writeFileSync(join(shims, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  shim('mlops', `${node} ${JSON.stringify(mlopsBin)} "$@"`);
  shim('npx', `shift\n${node} ${JSON.stringify(mlopsBin)} "$@"`);
  if (spawnSync('curl', ['--version'], { stdio: 'ignore' }).status !== 0 || process.env['MLOPS_TEST_CURL'] === 'shim')
    shim('curl', `${node} ${JSON.stringify(CURL)} "$@"`);
  writeFileSync(join(shims, 'variables'), '');
  const port = await freePort();
  const documented = (text: string): string => text.replaceAll(`:${port}`, ':8000');
  const background: ChildProcess[] = [];
  const start = (command: string): ChildProcess =>
    spawn('bash', ['-c', `exec 2>&1\n. .shims/variables\n${onPort(command, port)}${keeping(command)}`], {
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
          if (/ready/.test(text)) resolve(documented(text));
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
    return documented(text);
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

/** `$ RUN=…` holds for the commands after it. */
function keeping(command: string): string {
  const name = /^([A-Z_]+)=\S/.exec(command)?.[1];
  return name === undefined ? '' : `\nprintf '%s=%q\\n' ${name} "$${name}" >>.shims/variables`;
}

/** The session's port in the place of the documented ones; a daemon that names none gets it too. */
export function onPort(command: string, port: number): string {
  const serves = /\bmlops (daemon|up)\b(?! (status|stop))/.test(command) && !command.includes('--port');
  return command
    .replace(/\b(127\.0\.0\.1|localhost):800[012]\b/g, `$1:${port}`)
    .replace(/(--port[ =])800[012]\b/g, `$1${port}`)
    .replace(/^.*$/s, (text) => (serves ? text.replace(/\bmlops (daemon|up)\b/, `mlops $1 --port ${port}`) : text));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
