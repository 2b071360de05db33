import { expect, it } from 'vitest';
import type { LogWriter } from '../../src/lib/log-writer.ts';
import { withoutWhatIsNotLogged } from '../../src/serving/what-is-logged.ts';
import type { NewPrediction } from '../../src/stores/control/prediction-log.ts';

type Row = Omit<NewPrediction, 'ageMs'>;
const row = (features: Row['features'], requestId = 'r'): Row => ({
  ...{ id: '', requestId, ordinal: 0, endpoint: 'mortality', variant: 'control', model: 'risk', version: 1 },
  ...{ entity: null, features, prediction: null, latencyMs: 1 },
});

function logging(log: { share?: number; exclude?: string[] } | undefined, renamed: Record<string, string> = {}) {
  const added: Row[] = [];
  const writer = { add: (one: Row) => void added.push(one) } as unknown as LogWriter<Row>;
  return {
    added,
    add: withoutWhatIsNotLogged(
      writer,
      () => log,
      (set) => renamed[set] ?? set,
    ).add,
  };
}

it('a feature is excluded by the name that its set has now, also where the version knows it by the one it had', () => {
  const { added, add } = logging({ exclude: ['blood.bili'] }, { labs: 'blood' });
  add(row({ 'labs.bili': 1, 'labs.albumin': 2, 'blood.bili': 3, 'urine.bili': 4 }));
  expect(added.map(({ features }) => features)).toEqual([{ 'labs.albumin': 2, 'urine.bili': 4 }]);
});

it('all is logged where the endpoint says nothing, and nothing where its share is 0', () => {
  const all = logging(undefined);
  const none = logging({ share: 0 });
  for (let at = 0; at < 50; at += 1) {
    all.add(row({ 'labs.bili': 1 }, `r${at}`));
    none.add(row({ 'labs.bili': 1 }, `r${at}`));
  }
  expect([all.added.length, none.added.length]).toEqual([50, 0]);
});
