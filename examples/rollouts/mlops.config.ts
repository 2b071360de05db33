// New versions of a model come to their traffic by themselves: a good one is promoted after its steps, a bad one is rolled back. What tells them
// apart are the outcomes, which whoever asks for predictions brings later.
import { defineConfig, endpoint, entity, featureService, featureSet, model, pipeline, source, sql } from 'mlops';

const history = source('history', { file: 'data/history.csv' });

const sensor = entity('sensor', { keys: { sensor: 'string' } });

const state = featureSet('sensor_state', {
  entity: sensor,
  source: history,
  eventTime: 'taken_at',
  features: { heat: 'float64', load: 'float64' },
});

const inputs = featureService('failure_inputs', { features: [state] });

const train = pipeline('train', {
  tasks: {
    fill: { operator: 'feature_materialization', featureSets: [state] },
    dataset: {
      operator: 'training_dataset',
      features: inputs,
      spine: sql`select sensor, taken_at, failed from ${history}`,
    },
    train: { operator: 'model_training', trainer: 'logistic_regression', label: 'failed' },
    register: { operator: 'model_registration', model: 'failure' },
  },
});

// Somebody mixed up what 0 and 1 mean.
const mistaken = pipeline('train_mistaken', {
  tasks: {
    fill: { operator: 'feature_materialization', featureSets: [state] },
    dataset: {
      operator: 'training_dataset',
      features: inputs,
      spine: sql`select sensor, taken_at, 1 - failed as failed from ${history}`,
    },
    train: { operator: 'model_training', trainer: 'logistic_regression', label: 'failed' },
    register: { operator: 'model_registration', model: 'failure' },
  },
});

const failure = model('failure', { framework: 'onnx', inputs, pipeline: train });

const failures = endpoint('failures', {
  variants: { control: { model: failure, stage: 'production' }, candidate: { model: failure, stage: 'staging' } },
  feedback: { outcome: 'failed', type: 'binary' },
  rollout: {
    candidate: 'candidate',
    baseline: 'control',
    steps: [
      { share: 20, minSamples: 20 },
      { share: 50, minSamples: 40 },
    ],
    analysis: [
      { metric: 'errors', atLeast: 'baseline', margin: 0.05 },
      { metric: 'brier', atLeast: 'baseline', margin: 0.05, minSamples: 20 },
    ],
    // In earnest hours and thousands of rows; here somebody waits for it.
    interval: '1s',
  },
});

export default defineConfig({
  project: 'rollouts',
  environments: { dev: {} },
  resources: [history, sensor, state, inputs, train, mistaken, failure, failures],
});
