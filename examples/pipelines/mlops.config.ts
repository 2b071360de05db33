// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${{ … }} is a template of a task
// Most kinds of tasks in one project: a day of readings is waited for, checked, loaded, measured by code in two languages, and told of.
import { defineConfig, entity, env, expr, featureSet, pipeline, source, sql } from 'mlops';
import { share } from './tasks/share.ts';

const readings = source('readings', { file: 'data/readings.csv' });

const sensor = entity('sensor', { keys: { sensor: 'string' } });

const latest = featureSet('sensor_latest', {
  entity: sensor,
  source: readings,
  eventTime: 'taken_at',
  features: { value: { dtype: 'float64', expect: { min: 0, max: 100 } } },
});

const load = pipeline('load', {
  tasks: {
    arrive: { operator: 'wait_for', file: 'data/readings.csv', every: '1s', timeout: '1h' },
    ingest: { operator: 'data_ingestion', source: readings },
    validate: { operator: 'data_validation' },
    materialize: { operator: 'feature_materialization', featureSets: [latest] },
  },
});

const daily = pipeline('daily', {
  params: {
    day: { type: 'date', default: '2026-01-02', description: 'the day to look at' },
    limit: { type: 'number', default: 20, min: 0 },
  },
  tasks: {
    load: { operator: 'run_pipeline', pipeline: load, needs: [] },
    high: {
      operator: 'sql_query',
      query: sql`select sensor, taken_at, value from ${readings} where taken_at::date = ${expr('params.day')} and value > ${expr('params.limit')}`,
      needs: ['load'],
    },
    report: { operator: 'python', script: 'jobs/report.py', args: ['--day', '${{ params.day }}'], needs: ['high'] },
    judge: {
      operator: 'typescript',
      run: ({ inputs, log }) => {
        const rows = Number(inputs.high?.rows);
        log(`${rows} high readings`);
        return { rows, share: share(rows, 6) };
      },
      needs: ['high'],
    },
    archive: { operator: 'command', command: 'wc -l "$MLOPS_INPUT_ARTIFACTS/report/report.txt"', needs: ['report'] },
    tell: {
      operator: 'notify',
      channel: 'ops',
      message: '${{ outputs.judge.rows }} high readings on ${{ params.day }}',
      when: 'outputs.judge.rows > 0',
      needs: ['judge', 'archive'],
    },
  },
});

export default defineConfig({
  project: 'pipelines',
  environments: { dev: { notifications: { ops: { webhook: { url: env('OPS_WEBHOOK') } } } } },
  resources: [readings, sensor, latest, load, daily],
});
