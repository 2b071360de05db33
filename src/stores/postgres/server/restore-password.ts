/**
 * A project whose `credentials` file was lost (it is the one file that a copy by another user leaves out) gets a new
 * password: whoever may write the database's files may set it, through the server's single-user mode.
 */
import { spawn } from 'node:child_process';
import type { Binaries } from './binaries.ts';
import { serverEnvironment, startProblem } from './cluster.ts';
import { newPassword, USER, writePassword } from './credentials.ts';
import type { Location } from './location.ts';
import { findPostmaster } from './postmaster.ts';
import { serverError } from './server-error.ts';

/** Under the mutex. The file is written last: cut off before, the next comer does it again. */
export async function restorePassword(location: Location, binaries: Binaries): Promise<void> {
  if ((await findPostmaster(location.data)) !== undefined) {
    throw serverError(`The database's password is gone (${location.credentials}), and its server runs.`, {
      hint: 'end the processes that use it, then run this again: a new password is made when nobody uses the server',
    });
  }
  const password = newPassword();
  const child = spawn(binaries.postgres, ['--single', '-D', location.data, 'postgres'], {
    ...location.account,
    cwd: location.data,
    env: serverEnvironment(binaries),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  // A server that ends early closes the pipe; its exit tells more than the failed write.
  child.stdin.on('error', () => {});
  // On standard input, where nobody sees it; the alphabet of the password needs no quoting.
  child.stdin.end(`alter role ${USER} password '${password}'\n`);
  const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', (cause) => reject(startProblem(binaries.postgres, location.account, cause)));
    child.once('close', (exit, killedBy) => resolve(exit ?? killedBy));
  });
  const log = Buffer.concat(said).toString('utf8').replaceAll(password, '…');
  // Single-user mode tells of a refused statement and still ends well.
  if (code !== 0 || log.includes('ERROR:'))
    throw serverError("The database's password could not be made anew.", { log });
  await writePassword(location.credentials, password);
}
