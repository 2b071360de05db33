/** What the offline store answers, point in time, to what was asked online: one join for the predictions of a page. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Dtype } from '../../spec/schema-types.ts';
import type { FeatureSetVersion } from '../../stores/control/feature-state.ts';
import type { OfflineStore } from '../../stores/offline.ts';
import type { FeatureCall } from '../definitions.ts';
import { joinedFrom } from '../point-in-time.ts';
import { formatTimestamp } from '../time.ts';
import type { Value } from '../values.ts';

export interface Asked {
  /** By the version's own keys and types. */
  readonly key: Readonly<Record<string, Value>>;
  /** Microseconds since 1970. */
  readonly at: bigint;
}

const SPINE = 'asked';
const TIME = '__asked_at';

/** For each row that asked, in order, the values of these features; as JSON has them. */
export async function replay(
  offline: OfflineStore,
  version: FeatureSetVersion,
  features: readonly string[],
  asked: readonly Asked[],
  { parts, ttl }: { readonly parts: readonly string[]; readonly ttl: bigint | null },
  call: FeatureCall,
): Promise<readonly (readonly unknown[])[]> {
  const { set, structure } = version;
  const output = features.map((feature, at) => ({
    feature,
    dtype: (structure.features[feature]?.dtype ?? 'float64') as Dtype,
    column: `__answer_${at}`,
  }));
  const scratch = await mkdtemp(join(tmpdir(), 'mlops-verify-'));
  const made: string[] = [];
  try {
    const lines = asked.map(({ key, at }) => JSON.stringify({ ...texts(key), [TIME]: formatTimestamp(at) }));
    await writeFile(join(scratch, `${SPINE}.jsonl`), lines.join('\n'));
    const joined = await offline.join(
      {
        spine: { file: { name: SPINE, file: `${SPINE}.jsonl` }, root: scratch, time: TIME },
        sets: [joinedFrom({ set, structure, ttlMicros: ttl, parts, output })],
        columns: output.map(({ column }) => column),
        split: null,
      },
      call.signal,
    );
    made.push(joined.path);
    const json = output.flatMap(({ column, dtype }) => (dtype === 'json' ? [column] : []));
    made.push(await offline.convert(joined.path, 'jsonl', json, call.signal));
    const answers: unknown[][] = [];
    for await (const line of createInterface({ input: createReadStream(made[1] ?? '') })) {
      const row = JSON.parse(line) as Readonly<Record<string, unknown>>;
      answers.push(output.map(({ column }) => row[column] ?? null));
    }
    return answers;
  } finally {
    for (const path of [scratch, ...made]) await rm(path, { recursive: true, force: true });
  }
}

/** Keys as texts: integers beyond 2^53 stay what they are. */
function texts(key: Readonly<Record<string, Value>>): Readonly<Record<string, string | null>> {
  return Object.fromEntries(Object.entries(key).map(([name, value]) => [name, value === null ? null : String(value)]));
}
