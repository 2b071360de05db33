/** Files that sources name must be there. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean } from '../lib/suggest.ts';
import { globFiles } from './glob.ts';
import type { ResourceTable } from './loaded-resource.ts';
import { toDiagnostic } from './problem.ts';
import { areManyFiles, sourceFiles } from './source-files.ts';

export function checkDataFiles(table: ResourceTable, root: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const resource of table.ofKind('source')) {
    const { file } = resource.value;
    if (typeof file !== 'string' || file.includes('://')) continue;
    const many = areManyFiles(root, file);
    if (many ? sourceFiles(root, file).length > 0 : existsSync(resolve(root, file))) continue;
    // What is not there has no columns to check.
    resource.draft = undefined;
    if (many) {
      const detail = `No file in the project matches "${file}".`;
      const hint = 'hidden files, node_modules and symbolic links are left out';
      diagnostics.push(toDiagnostic({ code: 'SP112', pointer: '/file', detail, hint }, resource));
      continue;
    }
    const folder = dirname(file);
    const hint = didYouMean(file, globFiles(root, join(folder, '*')));
    diagnostics.push(
      toDiagnostic(
        { code: 'SP112', pointer: '/file', detail: `There is no file "${file}" in the project.`, hint },
        resource,
      ),
    );
  }
  return diagnostics;
}
