// Runs before `npm pack`: builds, and takes the install script out of the onnxruntime-node that is bundled into the package. The script
// would download GPU libraries that nothing here uses; the CPU library is in the package already. `--restore` (postpack) puts it back.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = join(root, 'node_modules/onnxruntime-node/package.json');
const original = `${manifest}.original`;

if (process.argv.includes('--restore')) {
  if (existsSync(original)) renameSync(original, manifest);
} else {
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  if (build.status !== 0) process.exit(build.status ?? 1);
  if (!existsSync(original)) writeFileSync(original, readFileSync(manifest));
  const bundled = JSON.parse(readFileSync(original, 'utf8'));
  delete bundled.scripts;
  writeFileSync(manifest, `${JSON.stringify(bundled, null, 2)}\n`);
}
