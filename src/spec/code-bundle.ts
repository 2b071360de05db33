/**
 * The files that a task's process finds in its directory: those of the project that its command's words name, and those that
 * the globs of `code` match. Hashed into the spec, so that a changed script shows in the plan.
 */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { digestOf, sha256 } from '../lib/canonical.ts';
import type { BundleSource } from './bundle-source.ts';
import type { CanonicalTask, CodeBundle } from './canonical-specs.ts';
import { globFiles, isGlob } from './glob.ts';
import type { Problem } from './problem.ts';

const SCRIPT = /\.(py|R|r|jl|sh|js|mjs|cjs|ts|mts|ipynb|rb|pl)$/;

export interface Bundled {
  /** Undefined where no file of the project is named. */
  readonly bundle: CodeBundle | undefined;
  /** SHA-256 of the content → where it comes from. */
  readonly files: ReadonlyMap<string, BundleSource>;
  readonly problems: readonly Problem[];
}

/** Where a task names files of the project. */
export interface NamedFiles {
  /** Words, some of which may be files; the first two, where they look like scripts, must be. */
  readonly words: readonly string[];
  /** Must be a file; with the pointer of the field below the task's. */
  readonly script?: { readonly path: string; readonly at: string };
  readonly globs: readonly string[];
}

/** Undefined for a task that runs no program. */
export function namedFiles(task: CanonicalTask): NamedFiles | undefined {
  switch (task.operator) {
    case 'command':
      return { words: wordsOf(task.command), globs: task.code ?? [] };
    case 'python':
      return scriptFiles(task, '/script', task.code);
    case 'typescript':
      return { words: [], globs: task.code ?? [] };
    case 'model_training':
      return task.python === undefined
        ? { words: wordsOf(task.command), globs: task.code ?? [] }
        : scriptFiles(task.python, '/python/script', task.code);
    default:
      return undefined;
  }
}

function scriptFiles(
  { script, args = [] }: { readonly script: string; readonly args?: readonly string[] },
  at: string,
  globs: readonly string[] = [],
): NamedFiles {
  // Two words that are no files keep arguments from being taken for scripts that must be there.
  return { words: ['', '', ...args], script: { path: script, at }, globs };
}

/** `pointer` is the task's; `more`: further files, by path below the root. */
export function bundleOf(
  { words, script, globs }: NamedFiles,
  pointer: string,
  root: string,
  more: ReadonlyMap<string, BundleSource> = new Map(),
): Bundled {
  const problems: Problem[] = [];
  const paths = new Set<string>();
  if (script !== undefined) {
    const path = insideProject(script.path);
    if (path !== undefined && kindOf(join(root, path)) === 'file') paths.add(path);
    else {
      problems.push({
        code: 'SP112',
        pointer: `${pointer}${script.at}`,
        detail: `The project has no file "${script.path}".`,
      });
    }
  }
  for (const [index, word] of words.entries()) {
    const path = insideProject(word.slice(word.indexOf('=') + 1));
    const kind = path === undefined ? undefined : kindOf(join(root, path));
    if (path !== undefined && kind === 'file') paths.add(path);
    else if (path !== undefined && kind === 'folder') for (const file of globFiles(root, `${path}/**`)) paths.add(file);
    else if (path !== undefined && index < 2 && SCRIPT.test(path) && !/[$`*?<>|;&]/.test(word)) {
      problems.push({
        code: 'SP112',
        pointer: `${pointer}/command`,
        detail: `The project has no file "${path}", which the command names.`,
      });
    }
  }
  for (const [index, glob] of globs.entries()) {
    const at = `${pointer}/code/${index}`;
    if (isAbsolute(glob) || normalize(glob).startsWith('..')) {
      problems.push({
        code: 'SP112',
        pointer: at,
        detail: `"${glob}" leaves the project; code is taken from below its root only.`,
      });
      continue;
    }
    const found = isGlob(glob)
      ? globFiles(root, glob)
      : kindOf(join(root, glob)) === 'folder'
        ? globFiles(root, `${glob.replace(/\/$/, '')}/**`)
        : kindOf(join(root, glob)) === 'file'
          ? [normalize(glob).split(sep).join('/')]
          : [];
    if (found.length === 0)
      problems.push({ code: 'SP112', pointer: at, detail: `No file of the project matches "${glob}".` });
    for (const path of found) paths.add(path);
  }
  const files = new Map<string, BundleSource>();
  const digests: Record<string, string> = {};
  for (const path of [...new Set([...paths, ...more.keys()])].sort()) {
    const source = more.get(path) ?? join(root, path);
    const digest = sha256(typeof source === 'string' ? readFileSync(source) : source.text);
    digests[path] = digest;
    files.set(digest, source);
  }
  const bundle = files.size === 0 ? undefined : { digest: digestOf(digests), files: digests };
  return { bundle, files, problems };
}

/** The words of a command as a shell would split it; quotes are taken off, nothing is expanded. */
export function wordsOf(command: string | readonly string[] | undefined): string[] {
  if (command === undefined) return [];
  if (typeof command !== 'string') return [...command];
  const words = command.match(/(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\;|&<>()])+/g) ?? [];
  return words.map((word) =>
    word.replace(
      /"([^"]*)"|'([^']*)'|\\(.)/g,
      (_, double?: string, single?: string, char?: string) => double ?? single ?? char ?? '',
    ),
  );
}

function insideProject(word: string): string | undefined {
  if (word === '' || word.includes('://') || isAbsolute(word) || word.startsWith('-')) return undefined;
  const path = normalize(word).split(sep).join('/').replace(/\/$/, '');
  return path === '.' ||
    path.startsWith('..') ||
    path.split('/').some((part) => part === 'node_modules' || part === '.mlops' || part === '.git')
    ? undefined
    : path;
}

function kindOf(path: string): 'file' | 'folder' | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? 'file' : stat?.isDirectory() === true ? 'folder' : undefined;
}
