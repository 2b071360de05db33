/** The manifest of commands, as the build writes it: of a command that does not load there is an error, and never a command less. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const directory = await temporaryDirectory();
afterAll(() => directory.remove());
const at = (...path: string[]): string => join(directory.path, ...path);

const command = (imported: string): string => `import { Command } from '@oclif/core/command';
import '${imported}';
export default class Made extends Command { async run() {} }
`;

function made(): { readonly code: number | null; readonly said: string; readonly commands: readonly string[] | null } {
  const { status, stderr } = spawnSync(process.execPath, [at('scripts/manifest.mjs')], { encoding: 'utf8' });
  const file = at('oclif.manifest.json');
  const commands = existsSync(file) ? Object.keys(JSON.parse(readFileSync(file, 'utf8')).commands).sort() : null;
  return { code: status, said: stderr, commands };
}

it('has every command of src, and is not written where one does not load or was not compiled', {
  timeout: 60_000,
}, () => {
  for (const folder of ['scripts', 'src/cli/commands/state', 'dist/cli/commands/state'])
    mkdirSync(at(folder), { recursive: true });
  copyFileSync(join(root, 'scripts/manifest.mjs'), at('scripts/manifest.mjs'));
  symlinkSync(join(root, 'node_modules'), at('node_modules'));
  const { oclif } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(at('package.json'), JSON.stringify({ name: 'made', version: '1.0.0', type: 'module', oclif }));
  for (const name of ['plan', 'import', 'state/list']) {
    writeFileSync(at('src/cli/commands', `${name}.ts`), '');
    writeFileSync(at('dist/cli/commands', `${name}.js`), command('node:fs'));
  }
  expect(made()).toMatchObject({ code: 0, commands: ['import', 'plan', 'state:list'] });

  writeFileSync(at('dist/cli/commands/import.js'), command('./not-there-yet.js'));
  const broken = made();
  expect(broken.code).not.toBe(0);
  expect(broken.said).toContain('not-there-yet');
  // The one before stays as it was.
  expect(broken.commands).toEqual(['import', 'plan', 'state:list']);

  writeFileSync(at('dist/cli/commands/import.js'), command('node:fs'));
  writeFileSync(at('src/cli/commands/apply.ts'), '');
  expect(made().said).toContain('missing apply');
});
