/**
 * The names of what is kept in Redis. A name's characters that separate or that a pattern or a hash tag would read are
 * escaped, so that no two tables share a name and no name reaches into another's.
 *
 *     PREFIX PROJECT:ENVIRONMENT:SET:VERSION:r:ENTITY KEY as base64url   → a record, see ../record-bytes.ts
 *     PREFIX PROJECT:ENVIRONMENT:SET:VERSION:p:{TAG}                     → how far the table is filled: `sequence visibleAt`
 *
 * Keys are texts: the client finds the node of a text key, and a person can read it.
 */
import type { OnlineTable } from '../online.ts';

export interface RedisScope {
  readonly project: string;
  readonly environment: string;
}

/** Nodes of a cluster lose their records one by one, so each has to hold the progress: a node with 64 slots in a row does. */
const CLUSTER_TAGS = 256;
const SLOTS = 16_384;

export interface TableKeys {
  record(key: Uint8Array): string;
  /** Of the name of a record. */
  entity(record: string): Uint8Array;
  /** All of them, with one value: the table's progress is what the least of them says. */
  readonly progress: readonly string[];
  /** Matches every key of the table and no other, as SCAN reads it. */
  readonly recordPattern: string;
}

export function createKeys(prefix: string, scope: RedisScope, isCluster: boolean): (table: OnlineTable) => TableKeys {
  const tags = isCluster ? slotTags() : ['0'];
  const tables = new Map<string, TableKeys>();
  const scopePart = `${prefix}${escaped(scope.project)}:${escaped(scope.environment)}`;
  return ({ set, version }) => {
    const id = `${set}\0${version}`;
    const known = tables.get(id);
    if (known !== undefined) return known;
    const head = `${scopePart}:${escaped(set)}:${version}`;
    const records = `${head}:r:`;
    const made: TableKeys = {
      record: (key) => records + Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64url'),
      entity: (record) => Buffer.from(record.slice(records.length), 'base64url'),
      progress: tags.map((tag) => `${head}:p:{${tag}}`),
      recordPattern: `${records.replace(/[\\*?[\]^]/g, '\\$&')}*`,
    };
    tables.set(id, made);
    return made;
  };
}

const escaped = (name: string): string => encodeURIComponent(name).replaceAll('*', '%2A');

/** Short texts, one for each 64th part of a 256th of the slots: whatever slots a node holds, it holds one of these. */
function slotTags(): readonly string[] {
  const width = SLOTS / CLUSTER_TAGS;
  const tags = new Map<number, string>();
  for (let number = 0; tags.size < CLUSTER_TAGS; number += 1) {
    const part = Math.floor((crc16(String(number)) % SLOTS) / width);
    if (!tags.has(part)) tags.set(part, String(number));
  }
  return [...tags.values()];
}

/** CRC16-CCITT (XModem), by which a Redis Cluster spreads keys over slots. */
function crc16(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}
