/**
 * The point-in-time join of every offline store against brute force, over random data: duplicates, ties, nulls, late rows and
 * corrections, pushes between, ends of the ttl hit exactly, keys of every type that look alike as text, times in several
 * zones, several sets in one request. A failure names its seed.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTimestamp } from '../../src/features/time.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import type { JoinedSet } from '../../src/stores/offline-join.ts';
import type { RowPlan } from '../../src/stores/offline-rows.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type HistoricRow, oracle, type RandomSet, randomCase } from '../support/point-in-time.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

const FEATURES = [
  { name: 'value', dtype: 'float64', column: 'value' },
  { name: 'label', dtype: 'string', column: 'label' },
  { name: 'tags', dtype: 'array<string>', column: 'tags' },
  { name: 'embedding', dtype: 'vector<3>', column: 'embedding' },
  { name: 'doc', dtype: 'json', column: 'doc' },
  { name: 'raw', dtype: 'bytes', column: 'raw' },
] as const;

/** Columns whose type is not to be guessed: lists, embeddings and JSON are texts in CSV. */
const TEXTS = { label: 'string', tags: 'string', embedding: 'string', doc: 'string', raw: 'string' } as const;

/** One instant in one of several spellings; without a zone it is UTC. */
function spelled(micros: bigint | null, turn: number): string {
  if (micros === null) return '';
  const utc = formatTimestamp(micros);
  if (turn % 3 === 0) return utc;
  if (turn % 3 === 1) return utc.replace('T', ' ').replace('Z', '');
  return `${formatTimestamp(micros + 19_800_000_000n).slice(0, -1)}+05:30`;
}

function csv(columns: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const field = (value: string | number | null): string =>
    typeof value === 'string' && value !== '' ? `"${value.replaceAll('"', '""')}"` : String(value ?? '');
  return [columns.join(','), ...rows.map((row) => row.map(field).join(','))].join('\n').concat('\n');
}

describe.each(offlineBackends)('the point-in-time join of $name', ({ open }) => {
  let temporary: TemporaryDirectory;
  let backend: OpenOffline;
  let store: OfflineStore;
  const { signal } = new AbortController();
  beforeAll(async () => {
    temporary = await temporaryDirectory();
    await mkdir(join(temporary.path, 'data'));
    backend = await open(temporary.path);
    store = backend.store;
  });
  afterAll(async () => {
    await backend.close();
    await temporary.remove();
  });

  const ingest = async (name: string, text: string): Promise<string> => {
    await writeFile(join(temporary.path, 'data', `${name}.csv`), text);
    const types = { a: 'int64', i: 'int32', b: 'string', c: 'string', ...TEXTS } as const;
    const used = Object.entries(types).filter(([column]) =>
      text.slice(0, text.indexOf('\n')).split(',').includes(column),
    );
    const taken = await store.snapshot(
      {
        source: { name, file: `${name}.csv`, types: Object.fromEntries(used) },
        root: join(temporary.path, 'data'),
        inputs: {},
        lastDigest: null,
      },
      signal,
    );
    return taken?.location ?? '';
  };

  const joinedSet = async (set: RandomSet, seed: number): Promise<JoinedSet> => {
    const plan = (location: string): RowPlan => ({
      address: `feature_set.${set.name}`,
      keys: set.keys,
      eventTime: 'event',
      createdTime: set.created ? 'created' : null,
      features: FEATURES,
      from: { source: set.name },
      inputs: { [set.name]: location },
    });
    const folder = `sets/${set.name}/v${seed}`;
    const columns = [...set.keys.map(({ name }) => name), 'event', 'created', 'value', ...Object.keys(TEXTS)];
    const fields = (row: HistoricRow, index: number) => [
      ...row.key,
      spelled(row.event, index),
      spelled(row.created, index + 1),
      row.value,
      row.label,
      ...[row.tags, row.embedding, row.doc].map((value) => (value === null ? null : JSON.stringify(value))),
      row.raw,
    ];
    const parts: string[] = [];
    let sequence = 0;
    const stage = async (rows: readonly HistoricRow[]): Promise<void> => {
      if (rows.length === 0) return;
      const staged = await store.stage(
        plan(await ingest(set.name, csv(columns, rows.map(fields)))),
        parts,
        folder,
        signal,
      );
      for (let from = 0; from < staged.rows; from += 70) {
        sequence += 1;
        const part = await staged.write({ from, to: Math.min(staged.rows, from + 70), sequence }, signal);
        parts.push(part.location);
      }
      await staged.discard();
    };
    await stage(set.first);
    if (set.pushed.length > 0) {
      const rows = set.pushed.map((row, index) => ({
        sequence: sequence + 1 + index,
        key: Object.fromEntries(set.keys.map(({ name }, at) => [name, row.key[at]])),
        eventTime: row.event ?? 0n,
        createdTime: row.created,
        values: {
          value: row.value,
          label: row.label,
          tags: row.tags,
          embedding: row.embedding === null ? null : Float32Array.from(row.embedding),
          doc: row.doc === null ? null : JSON.stringify(row.doc),
          raw: row.raw === null ? null : Buffer.from(row.raw).toString('base64'),
        },
      }));
      parts.push((await store.writePushed(plan(''), rows, folder, signal)).location);
      sequence += rows.length;
    }
    await stage([...set.first, ...set.later]);
    return {
      address: `feature_set.${set.name}`,
      parts,
      keys: set.keys,
      ttlMicros: set.ttl,
      asKnownAtSpine: set.asKnownAtSpine,
      stored: FEATURES,
      computed: [],
      output: FEATURES.map(({ name, dtype }) => ({ feature: name, dtype, column: `${set.name}__${name}` })),
    };
  };

  it.each(SEEDS)('answers as brute force does: seed %i', async (seed) => {
    const { sets, spine } = randomCase(seed);
    const names = Object.keys(spine[0]?.key ?? {});
    const asked = await ingest(
      'spine',
      csv(
        ['n', ...names, 't'],
        spine.map((row, index) => [row.n, ...names.map((name) => row.key[name] ?? null), spelled(row.at, index)]),
      ),
    );
    const joined: JoinedSet[] = [];
    for (const set of sets) joined.push(await joinedSet(set, seed));
    const made = await store.join(
      { spine: { query: 'select * from spine', inputs: { spine: asked }, time: 't' }, sets: joined, split: null },
      signal,
    );
    const wanted = ['n', ...sets.flatMap(({ name }) => FEATURES.map((feature) => `${name}__${feature.name}`))];
    const { columns } = await store.readColumns(made.path, wanted);
    await rm(made.path);
    expect([...(columns['n'] as Float64Array)]).toEqual(spine.map(({ n }) => n));
    for (const set of sets) {
      const values = columns[`${set.name}__value`] as Float64Array;
      const labels = columns[`${set.name}__label`] as readonly (string | null)[];
      const others = (feature: string): readonly unknown[] => columns[`${set.name}__${feature}`] as readonly unknown[];
      const [tags, embedding, doc, raw] = ['tags', 'embedding', 'doc', 'raw'].map(others);
      const answers = spine.map((_, row) => ({
        value: Number.isNaN(values[row]) ? null : (values[row] as number),
        label: labels[row] ?? null,
        tags: tags?.[row],
        embedding: embedding?.[row],
        doc: JSON.parse((doc?.[row] as string | null) ?? 'null') as unknown,
        raw: raw?.[row],
      }));
      expect(
        answers,
        `${set.name}: ${JSON.stringify({ ...set, ttl: String(set.ttl), first: 0, later: 0, pushed: 0 })}`,
      ).toEqual(oracle(set, spine));
    }
  });
});
