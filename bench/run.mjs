// Every bench, one after the other: `npm run bench`, or some by name: `npm run bench -- start serve`. Ends with 1 where a limit is missed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
// Sizes are the bench's own, as its flags are.
const isOwn = (word) => word.startsWith('-') || /^\d+$/.test(word);
const asked = process.argv.slice(2).filter((word) => !isOwn(word));
const own = process.argv.slice(2).filter(isOwn);
const all = readdirSync(here)
  .filter((name) => existsSync(join(here, name, 'run.mjs')))
  .sort();
const unknown = asked.find((name) => !all.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`There is no bench ${unknown}: ${all.join(', ')}\n`);
  process.exit(1);
}
const build = spawnSync(process.execPath, [join(here, '../scripts/build.mjs')], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);

console.log(
  `node ${process.versions.node}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${cpus()[0]?.model ?? 'unknown processor'}`,
);
for (const name of asked.length > 0 ? asked : all) {
  console.log(`\n── ${name}`);
  const { status } = spawnSync(process.execPath, [join(here, name, 'run.mjs'), ...own], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
