/** Globs over the files of a project: `*`, `?`, `**` and `{a,b}`. Hidden files, node_modules and symbolic links are left out. */
import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Paths relative to `root` with `/`, sorted. */
export function globFiles(root: string, pattern: string): string[] {
  const clean = pattern.replace(/^\.\//, '');
  const test = globPattern(clean);
  const fixed = clean.split('/').slice(
    0,
    clean.split('/').findIndex((part) => /[*?{]/.test(part)),
  );
  const found: string[] = [];
  const deep = clean.includes('**');
  const depth = clean.split('/').length;
  const walk = (folder: string, level: number): void => {
    for (const entry of entriesOf(join(root, folder))) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && (deep || level < depth)) walk(path, level + 1);
      else if (entry.isFile() && test.test(path)) found.push(path);
    }
  };
  walk(fixed.join('/'), fixed.length + 1);
  return found.sort();
}

export function isGlob(text: string): boolean {
  return /[*?{]/.test(text);
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // A folder that is not there holds no files; the caller reports a glob that matches nothing.
    return [];
  }
}

export function globPattern(glob: string): RegExp {
  let source = '';
  for (let index = 0; index < glob.length; index++) {
    const char = glob[index] ?? '';
    if (glob.startsWith('**/', index)) {
      source += '(?:[^/]+/)*';
      index += 2;
    } else if (glob.startsWith('**', index)) {
      source += '.*';
      index += 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '{') {
      const end = glob.indexOf('}', index);
      if (end === -1) source += '\\{';
      else {
        const choices = glob.slice(index + 1, end).split(',');
        source += `(?:${choices.map((choice) => choice.replace(/[.+^$()|[\]\\]/g, '\\$&')).join('|')})`;
        index = end;
      }
    } else source += char.replace(/[.+^$()|[\]\\}]/g, '\\$&');
  }
  return new RegExp(`^${source}$`);
}
