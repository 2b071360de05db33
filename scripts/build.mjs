// Compiles src and the schemas to dist and copies the SQL and the Lua beside it. Incremental: with nothing changed it takes about a second.
// One build at a time: two in one folder would take each other's files away, and stamp what the other made.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const stamp = join(dist, '.stamp');
const manifestFile = join(root, 'oclif.manifest.json');
/** Files that change while they are compiled are compiled again, so often. */
const ROUNDS = 3;

/** Every file of the source tree, sorted. */
function files(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Of everything that decides what is built, the tools' versions included. */
function digestOfInputs() {
  const hash = createHash('sha256');
  for (const file of [
    ...files(join(root, 'src')),
    ...files(join(root, 'schemas')),
    ...['tsconfig.json', 'tsconfig.build.json', 'package.json', 'package-lock.json'].map((name) => join(root, name)),
    ...['build', 'validators', 'manifest'].map((name) => join(root, `scripts/${name}.mjs`)),
  ]) {
    // The package has no lock file.
    if (!existsSync(file)) continue;
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** What the stamp says once it is built: the manifest lies outside of dist, so it is part of it. */
function stampOf(inputs) {
  const manifest = existsSync(manifestFile) ? readFileSync(manifestFile) : '';
  return `${inputs} ${createHash('sha256').update(manifest).digest('hex')}\n`;
}

const isBuilt = (inputs) => existsSync(stamp) && readFileSync(stamp, 'utf8') === stampOf(inputs);

function run(...command) {
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function compile() {
  run(join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json'));
}

function build() {
  const sources = files(join(root, 'src'));
  const inDist = (file) => join(dist, file.slice(join(root, 'src').length));
  const expected = sources.filter((file) => file.endsWith('.ts')).map((file) => inDist(file).replace(/\.ts$/, '.js'));
  rmSync(stamp, { force: true });
  // A file that left src must leave dist too: start afresh when the set of files changed.
  const compiled = existsSync(dist) ? files(dist).filter((file) => file.endsWith('.js')) : [];
  const known = new Set(expected);
  if (compiled.some((file) => !known.has(file))) rmSync(dist, { recursive: true, force: true });
  compile();
  // What went from dist the incremental compiler takes for written.
  if (!expected.every(existsSync)) {
    rmSync(dist, { recursive: true, force: true });
    compile();
  }
  for (const file of sources.filter((name) => /\.(sql|lua|json)$/.test(name))) cpSync(file, inDist(file));
  const bin = join(root, 'bin/mlops.js');
  if (existsSync(bin) && (statSync(bin).mode & 0o111) === 0) chmodSync(bin, 0o755);
  for (const script of ['validators', 'manifest']) run(join(root, `scripts/${script}.mjs`));
}

async function buildAlone() {
  const { createJiti } = await import('jiti');
  const jiti = createJiti(import.meta.url);
  const { withMutex } = await jiti.import('../src/stores/postgres/server/mutex.ts');
  const locks = join(root, 'node_modules/.cache/mlops-build');
  mkdirSync(locks, { recursive: true });
  await withMutex(locks, undefined, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const inputs = digestOfInputs();
      // Another has built it meanwhile.
      if (isBuilt(inputs)) return;
      build();
      // What changed meanwhile may be in it by half.
      if (digestOfInputs() !== inputs) continue;
      writeFileSync(stamp, stampOf(inputs));
      return;
    }
    console.error('The files change faster than they are built.');
    process.exitCode = 1;
  });
}

if (!isBuilt(digestOfInputs())) await buildAlone();
