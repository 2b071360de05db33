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
export function gitCommit(root: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('git', ['rev-parse', '--verify', 'HEAD'], { cwd: root, timeout: GIT_TIMEOUT_MS }, (error, stdout) => {
      const commit = stdout.trim();
      resolve(error === null && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null);
    });
  });
}
