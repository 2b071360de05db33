/** What names, keys and values of experiments and runs may be: MLflow's limits, which its clients know. */
import { posix } from 'node:path';
import { MlopsError } from '../lib/error.ts';
import type { LoggedMetric, Texts } from '../stores/control/tracked-values.ts';
import type { DatasetInput } from '../stores/control/tracking.ts';

const KEY_CHARACTERS = 250;
const PARAM_CHARACTERS = 6000;
const TAG_CHARACTERS = 8000;
const EXPERIMENT_TAG_CHARACTERS = 20_000;
const REGISTRY_TAG_CHARACTERS = 100_000;
const EXPERIMENT_NAME_CHARACTERS = 500;
const DATASET = { name: 500, digest: 36, source: 65_535, schema: 1_048_575, profile: 16_777_215 } as const;
const INPUT_TAG = { key: 255, value: 500 } as const;
const BATCH = { metrics: 1000, params: 100, tags: 100, all: 1000 } as const;
const DATASETS = 1000;

export function checkExperimentName(name: string): void {
  if (name === '') refuse('An experiment has a name.');
  checkLength('The name of the experiment', name, EXPERIMENT_NAME_CHARACTERS);
}

/** Keys may be used as paths: they hold no other characters, and name one place. */
export function checkKey(what: string, key: string): void {
  if (!/^[/\p{L}\p{N}_.\- :]*$/u.test(key))
    refuse(`"${key}" is no name of a ${what}: it may have letters, digits, "_", "-", ".", ":", "/" and spaces.`);
  const path = posix.normalize(key === '' ? '.' : key);
  if (path !== key || path === '.' || path.startsWith('..') || path.startsWith('/'))
    refuse(`"${key}" is no name of a ${what}: as a path it would be "${path}".`);
  checkLength(`The name of the ${what}`, key, KEY_CHARACTERS);
}

export function checkParams(params: Texts): void {
  for (const [key, value] of Object.entries(params)) {
    checkKey('parameter', key);
    checkLength(`The parameter "${key}"`, value, PARAM_CHARACTERS);
  }
}

export function checkTags(tags: Texts): void {
  for (const [key, value] of Object.entries(tags)) {
    checkKey('tag', key);
    checkLength(`The tag "${key}"`, value, TAG_CHARACTERS);
  }
}

export function checkExperimentTag(key: string, value: string): void {
  checkKey('tag', key);
  checkLength(`The tag "${key}"`, value, EXPERIMENT_TAG_CHARACTERS);
}

export function checkRegistryTag(key: string, value: string): void {
  checkKey('tag', key);
  checkLength(`The tag "${key}"`, value, REGISTRY_TAG_CHARACTERS);
}

export function checkMetrics(metrics: readonly LoggedMetric[]): void {
  for (const { key, atMs } of metrics) {
    checkKey('metric', key);
    if (atMs < 0) refuse(`The metric "${key}" has the time ${atMs}, which is before 1970.`);
  }
}

export function checkBatch(counts: { readonly metrics: number; readonly params: number; readonly tags: number }): void {
  for (const what of ['metrics', 'params', 'tags'] as const)
    if (counts[what] > BATCH[what]) refuse(`A batch holds at most ${BATCH[what]} ${what}, not ${counts[what]}.`);
  const all = counts.metrics + counts.params + counts.tags;
  if (all > BATCH.all) refuse(`A batch holds at most ${BATCH.all} metrics, params and tags together, not ${all}.`);
}

export function checkDatasets(datasets: readonly DatasetInput[]): void {
  if (datasets.length > DATASETS) refuse(`At most ${DATASETS} data sets are logged at once, not ${datasets.length}.`);
  for (const dataset of datasets) {
    for (const [part, limit] of Object.entries(DATASET))
      checkLength(`The ${part} of a data set`, dataset[part as keyof typeof DATASET] ?? '', limit);
    for (const [key, value] of Object.entries(dataset.tags)) {
      checkLength('The name of the tag of an input', key, INPUT_TAG.key);
      checkLength(`The tag "${key}" of an input`, value, INPUT_TAG.value);
    }
  }
}

function checkLength(what: string, text: string, limit: number): void {
  if (text.length > limit) refuse(`${what} has ${text.length} characters; ${limit} are allowed.`);
}

function refuse(detail: string): never {
  throw new MlopsError('EX204', { detail, status: 422 });
}
