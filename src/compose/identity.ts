/** Who does it, and from which commit: what the audit log and a version's lineage keep. Best effort, never an error. */
import { execFile } from 'node:child_process';
import { hostname, userInfo } from 'node:os';

/** `user@host`. */
export function whoami(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the machine's user list, as in many containers.
    return process.env['USER'] ?? String(process.getuid?.() ?? 'unknown');
  }
}

const GIT_TIMEOUT_MS = 2_000;

/** The commit that is checked out at `root`, 40 hexadecimal digits; null without git or outside a repository. */
export async function gitCommit(root: string): Promise<string | null> {
  const commit = await git(root, ['rev-parse', '--verify', 'HEAD']);
  return commit !== null && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null;
}

/** Where `root` lies in its repository, with a `/` at the end; empty at its top, without git and outside a repository. */
export async function gitPrefix(root: string): Promise<string> {
  return (await git(root, ['rev-parse', '--show-prefix'])) ?? '';
}

function git(root: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('git', args, { cwd: root, timeout: GIT_TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null ? stdout.trim() : null);
    });
  });
}
