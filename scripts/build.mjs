// Compiles src and the schemas to dist and copies the SQL and the Lua beside it. Incremental: with nothing changed it takes about a second.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const stamp = join(dist, '.stamp');
const manifestFile = join(root, 'oclif.manifest.json');

/** Every file of the source tree, sorted. */
function files(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const sources = files(join(root, 'src'));
const hash = createHash('sha256');
for (const file of [
  ...sources,
  join(root, 'tsconfig.json'),
  join(root, 'tsconfig.build.json'),
  join(root, 'package.json'),
  join(root, 'scripts/validators.mjs'),
  ...files(join(root, 'schemas')),
]) {
  hash
    .update(`${file.slice(root.length)}\0`)
    .update(readFileSync(file))
    .update('\0');
}
const digest = hash.digest('hex');
if (existsSync(stamp) && existsSync(manifestFile) && readFileSync(stamp, 'utf8') === digest) process.exit(0);

// A file that left src must leave dist too: start afresh when the set of files changed.
const compiled = existsSync(dist) ? files(dist).filter((file) => file.endsWith('.js')) : [];
const expected = new Set(
  sources
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(dist, file.slice(join(root, 'src').length)).replace(/\.ts$/, '.js')),
);
if (compiled.some((file) => !expected.has(file))) rmSync(dist, { recursive: true, force: true });

const tsc = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
  {
    stdio: 'inherit',
  },
);
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
for (const file of sources.filter((name) => /\.(sql|lua|json)$/.test(name))) {
  cpSync(file, join(dist, file.slice(join(root, 'src').length)));
}
const bin = join(root, 'bin/mlops.js');
if (existsSync(bin) && (statSync(bin).mode & 0o111) === 0) chmodSync(bin, 0o755);
for (const script of ['validators', 'manifest']) {
  const made = spawnSync(process.execPath, [join(root, `scripts/${script}.mjs`)], { stdio: 'inherit' });
  if (made.status !== 0) process.exit(made.status ?? 1);
}
writeFileSync(stamp, digest);
