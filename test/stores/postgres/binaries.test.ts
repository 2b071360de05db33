import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBinaries } from '../../../src/stores/postgres/server/binaries.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

let temporary: TemporaryDirectory;
beforeEach(async () => {
  temporary = await temporaryDirectory();
});
afterEach(() => temporary.remove());

/** The package as npm unpacks it, without what its postinstall would add. */
async function unpackedPackage(to: string): Promise<string> {
  const installed = dirname(dirname((await findBinaries(undefined, temporary.path)).postgres));
  const native = join(to, 'native');
  await cp(dirname(installed), to, { recursive: true, verbatimSymlinks: true });
  for (const entry of await readdir(join(native, 'lib'), { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(join(native, 'lib', entry.name));
  }
  return native;
}

describe.runIf(process.platform === 'linux')("the server's programs", () => {
  it('run where the links between their libraries were never made, and leave the package as it is', async () => {
    const native = await unpackedPackage(join(temporary.path, 'package'));
    const before = await readdir(join(native, 'lib'));
    const found = await findBinaries(undefined, join(temporary.path, 'cache'), native);
    expect(execFileSync(found.initdb, ['--version'], { env: found.env, encoding: 'utf8' })).toContain('PostgreSQL');
    expect(execFileSync(found.postgres, ['--version'], { env: found.env, encoding: 'utf8' })).toContain('PostgreSQL');
    expect(await readdir(join(native, 'lib'))).toEqual(before);
  });

  it.runIf(process.getuid?.() === 0)('are copied to where the account can read them', async () => {
    const closed = join(temporary.path, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const native = await unpackedPackage(join(closed, 'package'));
    const cache = join(temporary.path, 'cache');
    await mkdir(cache);
    await chmod(cache, 0o711);
    const account = { uid: 65534, gid: 65534 };
    const found = await findBinaries(account, cache, native);
    expect(found.postgres.startsWith(cache)).toBe(true);
    const said = execFileSync(found.initdb, ['--version'], { ...account, cwd: '/', env: found.env, encoding: 'utf8' });
    expect(said).toContain('PostgreSQL');
    const again = await findBinaries(account, cache, native);
    expect(again).toEqual(found);
  });
});
