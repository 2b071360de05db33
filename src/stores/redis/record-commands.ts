/** The commands that write and read records, with the way round where a script is not known or a slot has moved. */
import type { Client } from './client.ts';
import { luaFile } from './lua-file.ts';

/** Keys of one MGET. */
const READ_KEYS = 1_000;

const WRITE_NEWEST = luaFile('write-newest');

/**
 * Where none of the keys is there, as in a table's first fill: one plain command, all of them or none. It costs the server a quarter of
 * what the script does.
 */
export async function writeFirst(client: Client, keys: readonly string[], values: readonly Buffer[]): Promise<number> {
  // Of a key that comes twice it would write the last, not the newest.
  if (new Set(keys).size < keys.length) return writeNewest(client, keys, values);
  const pairs = keys.flatMap((key, index) => [key, values[index] as Buffer]);
  return (await client.msetnx(...pairs)) === 1 ? keys.length : writeNewest(client, keys, values);
}

export async function writeNewest(client: Client, keys: readonly string[], values: readonly Buffer[]): Promise<number> {
  try {
    return (await client.evalsha(WRITE_NEWEST.sha, keys.length, ...keys, ...values)) as number;
  } catch (error) {
    // A server that has just started does not know the script; one whose slots move answers where to ask.
    if (!(error instanceof Error) || !/^(NOSCRIPT|MOVED|ASK|TRYAGAIN)/.test(error.message)) throw error;
    return (await client.eval(WRITE_NEWEST.text, keys.length, ...keys, ...values)) as number;
  }
}

/** One round trip; in a cluster one a node, all at once. */
export function readAll(client: Client, keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
  if (client.isCluster) return all(keys.map((key) => readOne(client, key)));
  return keys.length <= READ_KEYS ? client.mgetBuffer(keys as string[]) : readInParts(client, keys);
}

async function readInParts(client: Client, keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
  const parts = await all(
    Array.from({ length: Math.ceil(keys.length / READ_KEYS) }, (_, index) =>
      client.mgetBuffer(keys.slice(index * READ_KEYS, (index + 1) * READ_KEYS)),
    ),
  );
  return parts.flat();
}

async function readOne(client: Client, key: string): Promise<Buffer | null> {
  try {
    return await client.getBuffer(key);
  } catch (error) {
    if (!(error instanceof Error) || !/^(MOVED|ASK|TRYAGAIN)/.test(error.message)) throw error;
    return (await client.mgetBuffer(key))[0] ?? null;
  }
}

/** All that fail are waited for, so that none fails unheard after the first. */
export async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
