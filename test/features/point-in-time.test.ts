/**
 * The point-in-time join against a brute-force oracle that follows the sentence of docs literally: over random data with
 * ties, duplicates, nulls, late knowledge, ends of the ttl hit exactly, composite keys and keys that look alike as text.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { KeyType } from '../../src/spec/schema-types.ts';
import { openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2024, 0, 1);

interface FeatureRow {
  readonly a: number | string | null;
  readonly b: number | string | null;
  readonly event: number | null;
  readonly created: number | null;
  readonly value: number | null;
  readonly label: string | null;
}
interface SpineRow {
  readonly n: number;
  readonly a: number | string | null;
  readonly b: number | string | null;
  readonly at: number | null;
}
interface Case {
  readonly seed: number;
  readonly keys: Readonly<Record<string, KeyType>>;
  readonly ttlHours: number | null;
  readonly created: boolean;
  readonly asKnownAt: 'spine' | 'now';
  /** The engine joins a small spine by another way than a large one. */
  readonly asked: number;
}

/** A small generator of our own (mulberry32), so that a failure can be run again by its seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function generate({ seed, keys, asked }: Case): { readonly rows: FeatureRow[]; readonly spine: SpineRow[] } {
  const random = randomOf(seed);
  // As text, ('1', '12') and ('11', '2') run together; so do 'a|b' and its parts.
  const keyOf = (type: KeyType | undefined): number | string | null => {
    if (random(25) === 0) return null;
    if (type === 'string') return ['1', '11', '112', 'x|y', 'x', '|y', 'Ünï'][random(7)] as string;
    return [1, 11, 112, 12, 2, -3][random(6)] as number;
  };
  // Few instants, so that ties and exact ends of the ttl are common.
  const instant = (): number => START + random(40) * HOUR_MS;
  const rows = Array.from({ length: 160 }, (): FeatureRow => {
    const event = random(40) === 0 ? null : instant();
    const delay = [0, 0, 1, 5, -2][random(5)] as number;
    return {
      a: keyOf(keys['a']),
      b: keyOf(keys['b']),
      event,
      created: random(12) === 0 || event === null ? null : event + delay * HOUR_MS,
      value: random(10) === 0 ? null : random(1000) / 8,
      label: random(10) === 0 ? null : `r${random(50)}`,
    };
  });
  const spine = Array.from(
    { length: asked },
    (_, n): SpineRow => ({ n, a: keyOf(keys['a']), b: keyOf(keys['b']), at: random(30) === 0 ? null : instant() }),
  );
  // Duplicates of spine rows.
  for (let copy = 0; copy < 10; copy += 1) {
    const of = spine[random(spine.length)] as SpineRow;
    spine.push({ ...of, n: spine.length });
  }
  return { rows, spine };
}

/** For each spine row every row is looked at; the best is kept. */
function oracle(
  { keys, ttlHours, created, asKnownAt }: Case,
  rows: readonly FeatureRow[],
  spine: readonly SpineRow[],
): { value: number | null; label: string | null }[] {
  const names = Object.keys(keys) as ('a' | 'b')[];
  return spine.map((ask) => {
    let best: FeatureRow | undefined;
    for (const row of rows) {
      if (ask.at === null || row.event === null || names.some((name) => row[name] === null || row[name] !== ask[name]))
        continue;
      if (row.event > ask.at) continue;
      if (ttlHours !== null && row.event < ask.at - ttlHours * HOUR_MS) continue;
      if (created && asKnownAt === 'spine' && (row.created === null || row.created > ask.at)) continue;
      const createdOf = (one: FeatureRow): number => (created ? (one.created ?? Number.NEGATIVE_INFINITY) : 0);
      // The rows stand in the order of ingestion: what comes later wins the last tie.
      const better =
        best === undefined ||
        row.event > (best.event as number) ||
        (row.event === best.event && createdOf(row) >= createdOf(best));
      if (better) best = row;
    }
    return { value: best?.value ?? null, label: best?.label ?? null };
  });
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function specsOf({ keys, ttlHours, created, asKnownAt }: Case): Specs {
  const set: CanonicalSpecs['feature_set'] = {
    name: 'readings',
    entity: 'thing',
    source: 'readings_raw',
    eventTime: 'event',
    ...(created ? { createdTime: 'created' } : {}),
    ...(asKnownAt === 'now' ? { asKnownAt } : {}),
    ...(ttlHours === null ? {} : { ttl: `${ttlHours}h` }),
    features: { value: { dtype: 'float64' }, label: { dtype: 'string' } },
  };
  return {
    source: [
      { name: 'readings_raw', file: 'rows.csv' },
      { name: 'asked', file: 'spine.csv' },
    ],
    entity: [{ name: 'thing', keys }],
    feature_set: [set],
    feature_service: [{ name: 'all', features: ['readings.value', 'readings.label'] }],
  };
}

describe('the point-in-time join', () => {
  let directory: TemporaryDirectory;
  let database: FreshDatabase;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    database = await freshDatabase();
  });
  afterAll(async () => {
    await database?.drop();
    await directory?.remove();
  });

  const cases: Case[] = [];
  const keyKinds: Readonly<Record<string, KeyType>>[] = [
    { a: 'int64' },
    { a: 'int32', b: 'string' },
    { a: 'string', b: 'string' },
  ];
  for (const [index, keys] of keyKinds.entries()) {
    for (const ttlHours of [null, 6]) {
      for (const [created, asKnownAt] of [
        [false, 'spine'],
        [true, 'spine'],
        [true, 'now'],
      ] as const) {
        for (const asked of [20, 120])
          cases.push({
            seed: index * 1000 + (ttlHours ?? 0) * 10 + (created ? 3 : 0) + asked,
            asked,
            keys,
            ttlHours,
            created,
            asKnownAt,
          });
      }
    }
  }

  it.each(cases)('answers as brute force does: %o', async (one) => {
    const { rows, spine } = generate(one);
    const names = Object.keys(one.keys) as ('a' | 'b')[];
    await writeCsv(
      join(directory.path, 'rows.csv'),
      [...names, 'event', 'created', 'value', 'label'],
      rows.map((row) => [...names.map((name) => row[name]), iso(row.event), iso(row.created), row.value, row.label]),
    );
    await writeCsv(
      join(directory.path, 'spine.csv'),
      ['n', ...names, 'event'],
      spine.map((row) => [row.n, ...names.map((name) => row[name]), iso(row.at)]),
    );
    await rm(join(directory.path, '.mlops'), { recursive: true, force: true });
    const store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specsOf(one),
      chunkRows: 50,
      scope: JSON.stringify(one),
    });
    try {
      await store.features.materialize('readings', store.call);
      const made = await store.features.trainingDataset(
        { features: 'all', spine: 'select * from asked', split: { by: 'row' } },
        store.call,
      );
      const { columns } = await store.offline.readColumns(await store.artifacts.localPath(made.artifact), [
        'n',
        'value',
        'label',
      ]);
      expect([...(columns['n'] as Float64Array)]).toEqual(spine.map(({ n }) => n));
      const values = columns['value'] as Float64Array;
      const labels = columns['label'] as readonly (string | null)[];
      const answers = spine.map((_, row) => ({
        value: Number.isNaN(values[row]) ? null : values[row],
        label: labels[row],
      }));
      expect(answers).toEqual(oracle(one, rows, spine));
    } finally {
      await store.close();
    }
  });
});
