/** What every artifact store does with content: its digest, and what is said where it is missing, damaged or another one. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { MlopsError } from '../lib/error.ts';
import type { StoredArtifact } from './artifacts.ts';

export const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export async function digestOfFile(path: string): Promise<StoredArtifact> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).byteLength;
  }
  return { digest: hash.digest('hex'), bytes };
}

/**
 * Hands on what comes, and fails with MD203 at the end where it was something else. What came last is held back until then: whoever
 * counts bytes, as a client of HTTP does, never has all of a damaged content.
 */
export async function* verifiedParts(content: AsyncIterable<Buffer>, digest: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  for await (const part of content) {
    hash.update(part);
    if (held !== undefined) yield held;
    held = part;
  }
  const actual = hash.digest('hex');
  if (actual !== digest) throw damaged(digest, actual);
  if (held !== undefined) yield held;
}

/** ST105. */
export function refuseOther(actual: string, expected: string | undefined): void {
  if (expected === undefined || actual === expected) return;
  throw new MlopsError('ST105', {
    detail: `The content's SHA-256 is ${actual}, not ${expected} as announced.`,
    hint: 'send it again: it changed on its way',
    status: 422,
  });
}

export function missing(digest: string, why: string, cause?: unknown): MlopsError {
  return new MlopsError('MD203', { detail: `The artifact ${digest} cannot be read: ${why}.`, cause });
}

export function damaged(digest: string, actual: string): MlopsError {
  return new MlopsError('MD203', {
    detail: `The artifact ${digest} is damaged: its content's SHA-256 is ${actual}.`,
    hint: 'store the content again, from where it was made',
  });
}
