// Writes oclif.manifest.json, by which the command line finds a command without loading all of them.
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const commands = join(root, 'src/cli/commands');

/** Of the files: `state/history.ts` is `state:history`, `daemon/index.ts` is `daemon`. */
const declared = readdirSync(commands, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(commands, join(entry.parentPath, entry.name)).replace(/(\/index)?\.ts$/, ''))
  .map((path) => path.split(sep).join(':'))
  .sort();

// oclif leaves a command that cannot be loaded out of its manifest, with a warning: the command would then not exist.
const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
const listed = Object.keys(plugin.manifest.commands).sort();
if (listed.join() !== declared.join()) {
  const missing = declared.filter((id) => !listed.includes(id));
  const extra = listed.filter((id) => !declared.includes(id));
  throw new Error(
    `The manifest is not of the commands in src: missing ${missing.join(', ') || '-'}, too many ${extra.join(', ') || '-'}`,
  );
}
// In one step: who reads it meanwhile finds the one before or this one.
const file = join(root, 'oclif.manifest.json');
writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(plugin.manifest)}\n`);
renameSync(`${file}.${process.pid}`, file);
