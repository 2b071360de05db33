// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${{ … }} is a template of a task
// Most kinds of tasks in one project: a day of readings is waited for, checked, loaded, measured by code in two languages, and told of; a
// model learns when a sensor fails, is brought to an endpoint, and answers every sensor.
import {
  defineConfig,
  endpoint,
  entity,
  env,
  expr,
  featureService,
  featureSet,
  model,
  pipeline,
  source,
  sql,
} from 'mlops';
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

const history = source('history', { file: 'data/history.csv' });

const state = featureSet('sensor_state', {
  entity: sensor,
  source: history,
  eventTime: 'taken_at',
  features: { heat: 'float64', load: 'float64' },
});

const inputs = featureService('failure_inputs', { features: [state] });

const release = pipeline('release', {
  tasks: {
    fill: { operator: 'feature_materialization', featureSets: [state] },
    dataset: { operator: 'training_dataset', spine: sql`select sensor, taken_at, failed from ${history}` },
    train: { operator: 'model_training', trainer: 'logistic_regression', label: 'failed' },
    register: { operator: 'model_registration' },
    // 0: also where no daemon answers requests.
    deploy: { operator: 'deployment', daemons: 0 },
    predict: {
      operator: 'batch_prediction',
      query: sql`select distinct sensor from ${history} order by sensor`,
      file: 'out/failures.csv',
    },
  },
});

const failure = model('failure', { framework: 'onnx', inputs, pipeline: release });

const failures = endpoint('failures', { variants: { all: { model: failure, stage: 'production' } } });

const visits = pipeline('visits', {
  tasks: {
    visit: {
      operator: 'command',
      command: 'echo "sensor ${{ item.sensor }} failed ${{ item.times }} times"',
      forEach: {
        query: sql`select sensor, sum(failed)::int as times from ${history} group by sensor having sum(failed) > 0 order by sensor`,
      },
      concurrency: 4,
    },
  },
});

export default defineConfig({
  project: 'pipelines',
  environments: { dev: { notifications: { ops: { webhook: { url: env('OPS_WEBHOOK') } } } } },
  resources: [readings, sensor, latest, load, daily, history, state, inputs, release, failure, failures, visits],
});
