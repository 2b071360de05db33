/** The server's password: made once, kept in `.mlops/credentials`, mode 0600; never in arguments, environment or logs. */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { giveTo, writeWhole } from './give.ts';
import { serverError } from './server-error.ts';

export const USER = 'mlops';

interface Credentials {
  readonly postgres?: { readonly user: string; readonly password: string };
  /** Kept as they are: other parts may keep theirs in the same file. */
  readonly [other: string]: unknown;
}

export async function readPassword(file: string): Promise<string | undefined> {
  return (await read(file)).postgres?.password;
}

export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** Under the mutex. */
export async function writePassword(file: string, password: string): Promise<void> {
  const next: Credentials = { ...(await read(file)), postgres: { user: USER, password } };
  await writeWhole(file, `${JSON.stringify(next, null, 2)}\n`, 0o600);
  await giveTo(await stat(dirname(file)), file);
}

async function read(file: string): Promise<Credentials> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Credentials;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw serverError(`The file with the database's password cannot be read: ${file}.`, {
      hint: 'it belongs to the user who made the project and has mode 0600',
      cause,
    });
  }
}
