/**
 * Where the files of an embedded server are. Everything lies in `.mlops`, except where the server's account cannot come
 * there (root's project below /root, mode 0700): then the data lies in a directory of its own outside, and
 * `.mlops/postgres/location` names it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, canReach, serverAccount } from './account.ts';
import { giveTo, writeWhole } from './give.ts';
import { serverError } from './server-error.ts';

export interface Location {
  /** `.mlops/postgres`, ours: the mutex, the clients' leases. */
  readonly control: string;
  /** One file for each process that uses the server. */
  readonly clients: string;
  /** Holds `data` and half-made ones; readable by the account. */
  readonly home: string;
  readonly data: string;
  /** For programs and links that the account must be able to read. */
  readonly cache: string;
  readonly log: string;
  readonly credentials: string;
  /** Undefined: as the user who asks. */
  readonly account: Account | undefined;
}

/** For root alone, out of the reach of other users' writes; not below /var/tmp, which systems empty by age. */
const OUTSIDE = '/var/lib/mlops';

interface Pointer {
  readonly home: string;
  readonly project: string;
}

/** Makes the directories that are missing. `dir` is the project's `.mlops`. */
export async function prepare(dir: string): Promise<{ readonly control: string; readonly clients: string }> {
  const control = join(dir, 'postgres');
  const clients = join(control, 'clients');
  if (!existsSync(clients)) {
    await mkdir(dir, { recursive: true });
    const owner = await stat(dir);
    await mkdir(control, { recursive: true });
    await mkdir(clients, { recursive: true });
    await mkdir(join(dir, 'logs'), { recursive: true });
    // The account passes through; it does not look around.
    await chmod(control, 0o711);
    await giveTo(owner, control, clients, join(dir, 'logs'));
  }
  return { control: await realpath(control), clients: await realpath(clients) };
}

/** Under the mutex: the first call for a project decides where its data lies. */
export async function locate(dir: string): Promise<Location> {
  const { control, clients } = await prepare(dir);
  const inside = join(control, 'data');
  const home = await homeOf(control, inside);
  const data = join(home, 'data');
  const account = serverAccount(data, control);
  if (!canReach(account, data)) {
    throw serverError(
      `The database lies in ${data}, where the account ${account?.uid} that runs the server for root cannot come.`,
      {
        hint: `let others pass through the directories above it (chmod o+x), or set control.postgres of the environment`,
      },
    );
  }
  return {
    control,
    clients,
    home,
    data,
    cache: home === control ? control : OUTSIDE,
    log: join(dir, 'logs', 'postgres.log'),
    credentials: join(dir, 'credentials'),
    account,
  };
}

async function homeOf(control: string, inside: string): Promise<string> {
  const pointer = await readPointer(control);
  if (pointer === undefined) {
    if (existsSync(inside) || canReach(serverAccount(inside, control), inside)) return control;
    const home = join(
      OUTSIDE,
      `postgres-${createHash('sha256').update(control).update(randomBytes(8)).digest('hex').slice(0, 16)}`,
    );
    await mkdir(home, { recursive: true });
    for (const directory of [OUTSIDE, home]) await chmod(directory, 0o711);
    await writePointer(control, { home, project: control });
    return home;
  }
  if (pointer.project !== control) {
    if ((await readPointer(pointer.project))?.home === pointer.home) {
      throw serverError(
        `This project is a copy of ${pointer.project}, whose database in ${pointer.home} it does not have.`,
        {
          hint: `remove ${control} to begin with an empty database`,
        },
      );
    }
    await writePointer(control, { home: pointer.home, project: control });
  }
  if (!existsSync(pointer.home)) {
    throw serverError(`The directory of this project's database is gone: ${pointer.home}.`, {
      hint: `restore it, or remove ${control} to begin with an empty database`,
    });
  }
  return pointer.home;
}

async function readPointer(control: string): Promise<Pointer | undefined> {
  try {
    return JSON.parse(await readFile(join(control, 'location'), 'utf8')) as Pointer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writePointer(control: string, pointer: Pointer): Promise<void> {
  await writeWhole(join(control, 'location'), `${JSON.stringify(pointer)}\n`, 0o644);
}
