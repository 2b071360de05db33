// Every benchmark of the folders beside this file, one after the other, or those that are named: npm run bench -- start
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const all = readdirSync(here)
  .filter((name) => existsSync(join(here, name, 'run.mjs')))
  .sort();
const asked = process.argv.slice(2);
for (const name of asked.length === 0 ? all : asked) {
  console.log(`── ${name}`);
  const { status } = spawnSync(process.execPath, [join(here, name, 'run.mjs')], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
