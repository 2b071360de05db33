/**
 * Random feature sets and spines, and the oracle that answers a spine by looking at every row: the sentence of
 * docs/semantics.md, literally. Times are microseconds since 1970.
 */
import type { KeyType } from '../../src/spec/schema-types.ts';

export const HOUR = 3_600_000_000n;
const START = BigInt(Date.UTC(2024, 0, 1)) * 1000n;

export interface HistoricRow {
  readonly key: readonly (string | number | null)[];
  readonly event: bigint | null;
  readonly created: bigint | null;
  readonly value: number | null;
  readonly label: string | null;
  readonly tags: readonly (string | null)[] | null;
  readonly embedding: readonly [number, number, number] | null;
  readonly doc: { readonly a: number | null } | null;
  /** A text; as bytes its UTF-8. */
  readonly raw: string | null;
}

export interface RandomSet {
  readonly name: string;
  readonly keys: readonly { readonly name: string; readonly type: KeyType }[];
  readonly ttl: bigint | null;
  readonly created: boolean;
  readonly asKnownAtSpine: boolean;
  /** In order of ingestion: what a file held at first, what clients pushed then, what came into the file later. */
  readonly first: readonly HistoricRow[];
  readonly pushed: readonly HistoricRow[];
  readonly later: readonly HistoricRow[];
}

export interface SpineRow {
  readonly n: number;
  readonly key: Readonly<Record<string, string | number | null>>;
  readonly at: bigint | null;
}

export interface RandomCase {
  readonly sets: readonly RandomSet[];
  readonly spine: readonly SpineRow[];
}

type Random = (below: number) => number;

/** mulberry32: a failure can be run again by its seed. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Few values of each type, some of which look alike as text: ('1', '12') and ('11', '2') run together. */
const KEY_VALUES: Readonly<Record<KeyType, readonly (string | number)[]>> = {
  int32: [1, 11, 112, 12, 2, -3],
  int64: [1, 11, 112, 12, 2, -3, 9_007_199_254_740_991],
  string: ['1', '11', '112', 'x|y', 'x', '|y', 'Ünï', 'a, "b"', "it's"],
  uuid: [
    '0e37df36-f698-11e6-8dd4-cb9ced3df976',
    '0e37df36-f698-11e6-8dd4-cb9ced3df977',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ],
  timestamp: ['2024-01-01T00:00:00.000000Z', '2024-01-01T00:00:00.000001Z', '1969-12-31T23:59:59.500000Z'],
  date: ['2024-02-29', '2024-03-01', '1960-01-01'],
};

const KEYS: readonly (readonly { readonly name: string; readonly type: KeyType }[])[] = [
  [{ name: 'a', type: 'int64' }],
  [{ name: 'b', type: 'string' }],
  [
    { name: 'a', type: 'int64' },
    { name: 'b', type: 'string' },
  ],
  [
    { name: 'b', type: 'string' },
    { name: 'c', type: 'string' },
  ],
  [{ name: 'u', type: 'uuid' }],
  [
    { name: 'd', type: 'date' },
    { name: 's', type: 'timestamp' },
  ],
  [
    { name: 'i', type: 'int32' },
    { name: 'd', type: 'date' },
  ],
];

export function randomCase(seed: number): RandomCase {
  const random = randomOf(seed);
  const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T;
  // Few instants, so that ties and exact ends of the ttl are common; some lie a microsecond beside them.
  const instant = (): bigint => START + BigInt(random(40)) * HOUR + pick([0n, 0n, 0n, 0n, 1n, -1n]);
  const keyOf = (type: KeyType): string | number | null => (random(30) === 0 ? null : pick(KEY_VALUES[type]));
  const sets = Array.from({ length: 1 + random(3) }, (_, index): RandomSet => {
    const keys = pick(KEYS);
    const created = random(3) > 0;
    const late = random(2) === 0;
    const rowOf = (usable: boolean): HistoricRow => {
      const key = keys.map(({ type }) => (usable ? pick(KEY_VALUES[type]) : keyOf(type)));
      const event = !usable && random(40) === 0 ? null : instant();
      const delays = late ? [0n, 0n, 1n, 5n, 30n, -2n] : [0n, -1n, -7n];
      return {
        key,
        event,
        created: !created || event === null || random(12) === 0 ? null : event + pick(delays) * HOUR,
        value: random(10) === 0 ? null : random(1000) / 8,
        label: random(10) === 0 ? null : `r${random(50)}`,
        tags: random(8) === 0 ? null : Array.from({ length: random(4) }, () => pick(['a', null, 'b,"c"', '', 'é'])),
        embedding: random(8) === 0 ? null : [random(100) / 8, 0 - random(100), random(9) / 3],
        doc: random(8) === 0 ? null : { a: pick([null, random(50)]) },
        raw: random(8) === 0 ? null : `x${random(50)}`,
      };
    };
    const rows = (count: number, usable = false): HistoricRow[] => Array.from({ length: count }, () => rowOf(usable));
    return {
      name: `set_${index}`,
      keys,
      ttl: pick([null, 6n * HOUR, 6n * HOUR + 1n, 1n]),
      created,
      asKnownAtSpine: created && random(3) > 0,
      first: rows(pick([0, 30, 150, 400])),
      pushed: rows(pick([0, 0, 25]), true),
      later: rows(pick([0, 40])),
    };
  });
  const names = new Map(sets.flatMap((set) => set.keys.map((key) => [key.name, key.type] as const)));
  const spine = Array.from(
    { length: pick([1, 7, 63, 64, 65, 250]) },
    (_, n): SpineRow => ({
      n,
      key: Object.fromEntries([...names].map(([name, type]) => [name, keyOf(type)])),
      at: random(30) === 0 ? null : instant(),
    }),
  );
  for (let copy = random(10); copy > 0; copy -= 1) spine.push({ ...pick(spine), n: spine.length });
  return { sets, spine };
}

/** For each spine row every row is looked at; the best is kept. */
export function oracle(
  set: RandomSet,
  spine: readonly SpineRow[],
): Pick<HistoricRow, 'value' | 'label' | 'tags' | 'embedding' | 'doc' | 'raw'>[] {
  // The file is read again as a whole: what it says of a key and time that was pushed since comes last.
  const rows = [...set.first, ...set.pushed, ...set.first, ...set.later];
  return spine.map(({ key, at }) => {
    let best: HistoricRow | undefined;
    for (const row of rows) {
      if (at === null || row.event === null || row.event > at) continue;
      if (set.keys.some(({ name }, index) => row.key[index] === null || row.key[index] !== key[name])) continue;
      if (set.ttl !== null && row.event < at - set.ttl) continue;
      if (set.asKnownAtSpine && (row.created === null || row.created > at)) continue;
      if (best === undefined || isBetter(row, best)) best = row;
    }
    return {
      value: best?.value ?? null,
      label: best?.label ?? null,
      tags: best?.tags ?? null,
      embedding: (best?.embedding?.map(Math.fround) as [number, number, number] | undefined) ?? null,
      doc: best?.doc ?? null,
      raw: best?.raw ?? null,
    };
  });
}

/** `row` came after `best`: it wins the last tie. */
function isBetter(row: HistoricRow, best: HistoricRow): boolean {
  const [event, than] = [row.event as bigint, best.event as bigint];
  if (event !== than) return event > than;
  if (row.created === null) return best.created === null;
  return best.created === null || row.created >= best.created;
}
