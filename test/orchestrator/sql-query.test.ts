/** A query of a pipeline whose result is written into a feature set, in real runs on real stores. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject } from '../support/project.ts';

const project = emptyProject('sql query');
const config = (features: string, query: string, more = ''): string => `
project: activity
resources:
  - { kind: Source, name: visits, file: visits.csv }
  - { kind: Entity, name: patient, keys: { patient_id: int64 } }
  - { kind: FeatureSet, name: patient_activity, entity: patient, push: true, eventTime: event_time, features: { ${features} } }
  - kind: Pipeline
    name: aggregate
    tasks:
      ingest: { operator: data_ingestion }
      compute-aggregates: { operator: sql_query, query: "${query}" }
      materialize-features: { operator: feature_materialization, feature_set: patient_activity${more} }
`;
const COUNTS = 'select patient_id, count(*) as visits, max(cost) as dearest from visits group by patient_id';
const FEATURES = 'visits: int64, dearest: float64';

const write = (name: string, text: string): void => writeFileSync(join(project.folder, name), text);
async function mlops(...args: readonly string[]) {
  const done = await project.mlops([...args, '--json']);
  return { ...done, json: done.stdout.startsWith('{') ? JSON.parse(done.stdout) : undefined };
}
async function ran(): Promise<{
  readonly tasks: readonly { name: string; outputs: Record<string, unknown> }[];
  created_at: string;
}> {
  const run = await project.mlops(['run', 'aggregate', '--follow']);
  expect(run.code, run.stdout + run.stderr).toBe(0);
  return (await mlops('runs', 'show', 'last')).json;
}
const served = async (id: number) =>
  (await mlops('features', 'get', 'patient_activity', '--entity', `patient_id=${id}`)).json;

beforeAll(async () => {
  write('mlops.config.yaml', config(FEATURES, COUNTS));
  write('visits.csv', 'patient_id,day,cost\n1,2024-01-01,10\n1,2024-01-02,30\n2,2024-01-02,20\n');
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stdout + applied.stderr).toBe(0);
}, 120_000);
afterAll(() => project.remove(), 60_000);

describe('a sql_query task', { timeout: 120_000 }, () => {
  it("is written into the set after it, at the run's instant, and says what it was made from", async () => {
    const run = await ran();
    const [ingest, query, materialize] = run.tasks.map(({ outputs }) => outputs);
    expect(query).toMatchObject({
      rows: 2,
      columns: [{ name: 'patient_id' }, { name: 'visits' }, { name: 'dearest' }],
      sources: { visits: ingest?.['digest'] },
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(materialize).toMatchObject({ featureSets: { patient_activity: { rowsWritten: 2, onlineWritten: 2 } } });
    const row = await served(1);
    expect(row.features).toEqual({ 'patient_activity.visits': 2, 'patient_activity.dearest': 30 });
    expect(Date.parse(row.event_time['patient_activity.visits'])).toBe(Date.parse(run.created_at));
  });

  it('is written by each run as of its own instant', async () => {
    write('visits.csv', 'patient_id,day,cost\n1,2024-01-01,10\n1,2024-01-02,30\n1,2024-01-03,40\n2,2024-01-02,20\n');
    const first = await ran();
    expect((await served(1)).features['patient_activity.visits']).toBe(3);
    const rows = async () => (await mlops('features', 'show', 'patient_activity')).json.versions[0].rows;
    expect(await rows()).toBe(4);
    const again = await ran();
    expect(again.created_at > first.created_at).toBe(true);
    expect(await rows()).toBe(6);
    write('spine.csv', `patient_id,event_time\n1,${first.created_at}\n1,2024-01-01\n`);
    write(
      'mlops.config.yaml',
      `${config(FEATURES, COUNTS)}  - { kind: FeatureService, name: inputs, features: [patient_activity] }\n`,
    );
    expect((await project.mlops(['apply', '--yes'])).code).toBe(0);
    const history = await project.mlops([
      'features',
      'history',
      '--service',
      'inputs',
      '--spine',
      'spine.csv',
      '--out',
      'out.jsonl',
    ]);
    expect(history.code, history.stderr).toBe(0);
    const { readFileSync } = await import('node:fs');
    const trained = readFileSync(join(project.folder, 'out.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(trained).toMatchObject([{ visits: 3, dearest: 40 }, { visits: null }]);
  });

  it('that names its set writes it by itself, and no other set', async () => {
    const named = config(FEATURES, COUNTS).replace(`${COUNTS}" }`, `${COUNTS}", into: patient_activity }`);
    write(
      'mlops.config.yaml',
      `${named.replace(/ {6}materialize-features.*\n/, '      other: { operator: feature_materialization, feature_set: other }\n')}
  - { kind: FeatureSet, name: other, entity: patient, push: true, eventTime: event_time, features: { visits: int64 } }
  - { kind: FeatureService, name: inputs, features: [patient_activity] }
`,
    );
    const applied = await project.mlops(['apply', '--yes']);
    expect(applied.code, applied.stdout + applied.stderr).toBe(0);
    write('visits.csv', 'patient_id,day,cost\n7,2024-01-01,10\n');
    const run = await ran();
    const outputs = Object.fromEntries(run.tasks.map((task) => [task.name, task.outputs]));
    expect(outputs['compute-aggregates']).toMatchObject({ rows: 1, into: { rowsWritten: 1, onlineWritten: 1 } });
    expect(outputs['other']).toMatchObject({ featureSets: { other: { rowsWritten: 0 } } });
    expect((await served(7)).features['patient_activity.visits']).toBe(1);
    const shown = (await mlops('features', 'show', 'patient_activity')).json;
    expect(JSON.stringify(shown)).toContain('visits.patient_id');
    write('mlops.config.yaml', named.replace('count(*) as visits', 'count(*) as visit'));
    const plan = await project.mlops(['plan']);
    expect(plan.stderr).toMatch(/error SP203[\s\S]*The result of "compute-aggregates" has no column "visits"/);
    write('mlops.config.yaml', named.replace('into: patient_activity', 'into: patient_activty'));
    expect((await project.mlops(['plan'])).stderr).toContain('did you mean "patient_activity"?');
  });

  it('whose result lacks what a set needs is told by plan, at its place', async () => {
    write('mlops.config.yaml', config(FEATURES, 'select patient_id, count(*) as visit from visits group by 1'));
    const plan = await project.mlops(['plan']);
    expect(plan.code).toBe(1);
    expect(plan.stderr).toMatch(/mlops\.config\.yaml:\d+:\d+ error SP203/);
    expect(plan.stderr).toContain('The result of "compute-aggregates" has no column "visits" and "dearest"');
    write('mlops.config.yaml', config(FEATURES, 'select patient_id, count(*) as visits from visitz group by 1'));
    expect((await project.mlops(['plan'])).stderr).toMatch(/There is no source "visitz"/);
  });

  it('that asks something else is a finding', async () => {
    write('mlops.config.yaml', config(FEATURES, COUNTS.replace('max', 'min')));
    const plan = (await mlops('plan')).json as {
      changes: { address: string; class: string; findings: { code: string; detail: string }[] }[];
    };
    const change = plan.changes.find(({ address }) => address === 'pipeline.aggregate');
    expect(change?.class).toBe('backfill');
    expect(change?.findings.find(({ code }) => code === 'PL114')?.detail).toContain('feature_set.patient_activity');
  });
});
