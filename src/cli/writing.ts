/** Files that the user names: a folder that is missing, full or closed to us is told as such, not as a fault of ours. */
import { MlopsError } from '../lib/error.ts';

/** `path` is what the user wrote, or what came of it. CL104 where the system refuses. */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string') throw error;
    throw new MlopsError('CL104', { detail: `${path} cannot be written: ${message}.`, cause: error });
  }
}
