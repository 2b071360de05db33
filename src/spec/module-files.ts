/** The files of the project that a module imports, and those that they import. Packages are not followed. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseJavascript, visitNodes } from './javascript-syntax.ts';

export interface ModuleFiles {
  /** Absolute paths, each once. */
  readonly files: readonly string[];
  readonly problems: readonly string[];
}

const ENDINGS = ['', '.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx', '.json'];
/** In TypeScript an import may name the file that the compiler would write. */
const COMPILED: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts', '.cjs': '.cts', '.jsx': '.tsx' };

/** `text` is the module at `path`, which need not exist. `names`: absolute paths as people see them. */
export function moduleFiles(path: string, text: string, root: string): ModuleFiles {
  const files = new Set<string>();
  const problems: string[] = [];
  const follow = (from: string, code: string): void => {
    for (const specifier of specifiersOf(code, from)) {
      if (!/^\.{1,2}(\/|$)/.test(specifier)) continue;
      const file = resolved(resolve(dirname(from), specifier));
      if (file === undefined) {
        problems.push(`There is no file "${specifier}", which ${shown(from, root)} imports.`);
      } else if (!file.startsWith(root + sep)) {
        problems.push(`"${specifier}", which ${shown(from, root)} imports, is outside of the project.`);
      } else if (!files.has(file)) {
        files.add(file);
        if (!file.endsWith('.json')) follow(file, readFileSync(file, 'utf8'));
      }
    }
  };
  follow(path, text);
  return { files: [...files].sort(), problems: [...new Set(problems)] };
}

const shown = (path: string, root: string): string => relative(root, path).split(sep).join('/');

function specifiersOf(code: string, path: string): string[] {
  const program = parseJavascript(code, path);
  const found: string[] = [];
  if (program === undefined) return found;
  visitNodes(program, (node) => {
    switch (node.type) {
      case 'ImportDeclaration':
        if (node.importKind !== 'type') found.push(node.source.value);
        break;
      case 'ExportAllDeclaration':
      case 'ExportNamedDeclaration':
        if (node.source != null && node.exportKind !== 'type') found.push(node.source.value);
        break;
      case 'CallExpression': {
        const [first] = node.arguments;
        const imports =
          node.callee.type === 'Import' || (node.callee.type === 'Identifier' && node.callee.name === 'require');
        if (imports && first?.type === 'StringLiteral') found.push(first.value);
        break;
      }
    }
  });
  return found;
}

function resolved(path: string): string | undefined {
  const ending = /\.[cm]?jsx?$/.exec(path)?.[0] ?? '';
  const source = COMPILED[ending];
  const candidates = [
    ...ENDINGS.map((one) => path + one),
    ...(source === undefined ? [] : [path.slice(0, -ending.length) + source]),
    ...ENDINGS.slice(1).map((one) => join(path, `index${one}`)),
  ];
  return candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() === true);
}
