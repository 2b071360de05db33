/**
 * A directory for one test. Others may pass through it (mode 0711): as root the embedded server runs as an account of its
 * own, and finds its data inside instead of in a directory of the system.
 */
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryDirectory(prefix = 'mlops-test-'): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(await realpath(tmpdir()), prefix));
  await chmod(path, 0o711);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }) };
}
