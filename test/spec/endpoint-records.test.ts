/** What endpoints say of their log and of feedback, and sources that are the log of an endpoint. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { predictionColumns } from '../../src/serving/prediction-table.ts';
import { loadProject } from '../../src/spec/load.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

async function problems(endpoint: string, source = '{ predictions: mortality }', query = 'select 1 as a') {
  writeFileSync(
    join(directory.path, 'mlops.config.yaml'),
    `project: p
resources:
  - { kind: Source, name: visits, file: visits.csv }
  - { kind: Entity, name: patient, keys: { id: int64 } }
  - kind: FeatureSet
    name: labs
    entity: patient
    source: visits
    eventTime: at
    features: { bili: float64 }
  - { kind: FeatureService, name: risk_inputs, features: [labs.bili] }
  - { kind: Model, name: risk, framework: onnx, inputs: risk_inputs }
  - kind: Endpoint
    name: mortality
    variants: { control: { model: risk } }
    ${endpoint}
  - ${JSON.stringify({ kind: 'Source', name: 'answers' }).slice(0, -1)}, ${source.slice(1)}
  - { kind: Source, name: looks, query: "${query}" }
`,
  );
  writeFileSync(join(directory.path, 'visits.csv'), 'id,at,bili\n1,2026-01-01,2.5\n');
  const { diagnostics } = await loadProject({
    root: directory.path,
    describeSource: async (asked) =>
      asked.predictions === undefined ? [{ name: 'bili', type: 'DOUBLE' }] : predictionColumns(),
  });
  return diagnostics
    .filter(({ address }) => address !== 'feature_set.labs')
    .map(({ code, address, detail }) => `${code} ${address}: ${detail}`);
}

it('predictions are kept for as long as outcomes are told of them', async () => {
  expect(
    await problems('log: { share: 20, keep: 400d }\n    feedback: { outcome: died, type: binary, within: 400d }'),
  ).toEqual([]);
  expect(await problems('log: { keep: 30d }\n    feedback: { outcome: died, type: binary, within: 400d }')).toEqual([
    'SP103 endpoint.mortality: Outcomes are taken for 400d, but predictions are kept for 30d: those told later would find none.',
  ]);
});

it('only features that a model of the endpoint reads are left out of its log', async () => {
  expect(await problems('log: { exclude: [labs.bili] }')).toEqual([]);
  expect(await problems('log: { exclude: [labs.bilirubin] }')).toEqual([
    'SP104 endpoint.mortality: No model of the endpoint reads "labs.bilirubin".',
  ]);
});

it('a source reads the predictions of an endpoint that is there, by the columns that they have', async () => {
  expect(await problems('log: {}', '{ predictions: mortalty }')).toEqual([
    'SP104 source.answers: There is no Endpoint "mortalty".',
  ]);
  expect(await problems('log: {}', '{ predictions: mortality, format: csv }')).toEqual([
    'SP103 source.answers: "format" goes with a file; this source is predictions.',
  ]);
  const query = (column: string): string => `select variant, avg(${column}) as it from answers group by variant`;
  expect(await problems('log: {}', undefined, query('probability'))).toEqual([]);
  expect((await problems('log: {}', undefined, query('probabilty')))[0]).toMatch(/^SP203 source.looks: /);
});
