/** The outputs of a program as its container left them behind. */
import { MlopsError } from '../../../lib/error.ts';
import type { JsonObject } from '../../../lib/json.ts';
import { parseOutputs } from '../attempt-directory.ts';

/** So much of it Kubernetes keeps. */
export const MESSAGE_LIMIT_BYTES = 4096;

export function outputsOf(message: string | undefined): JsonObject {
  if (message === undefined) return {};
  if (Buffer.byteLength(message) >= MESSAGE_LIMIT_BYTES) {
    throw new MlopsError('PL203', {
      detail: `What the program wrote to MLOPS_OUTPUTS is larger than the ${MESSAGE_LIMIT_BYTES - 1} bytes that come back from a pod.`,
      hint: 'put what is large where the next task finds it, and write its address',
    });
  }
  return parseOutputs(message);
}
