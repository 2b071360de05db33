/** Filters and orders of searches of runs. */
import type { RunCondition, RunNumber, RunOrder, RunText } from '../../stores/control/tracking-search.ts';
import { type Clause, notUnderstood, parseClauses, parseOrder } from './clauses.ts';
import { numberTest, presenceOrTextTest, textTest, unknownKey } from './tests.ts';

const ENTITIES: Readonly<Record<string, 'metric' | 'param' | 'tag' | 'attribute' | 'dataset'>> = {
  metric: 'metric',
  metrics: 'metric',
  parameter: 'param',
  parameters: 'param',
  param: 'param',
  params: 'param',
  tag: 'tag',
  tags: 'tag',
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  run: 'attribute',
  dataset: 'dataset',
  datasets: 'dataset',
};
const NUMBERS: readonly RunNumber[] = ['start_time', 'end_time'];
const TEXTS: readonly RunText[] = ['run_id', 'run_name', 'user_id', 'status', 'artifact_uri'];
const DATASET_KEYS = ['name', 'digest', 'context'] as const;
const ALIASES: Readonly<Record<string, RunNumber | RunText>> = {
  created: 'start_time',
  Created: 'start_time',
  'run name': 'run_name',
  'Run name': 'run_name',
  'Run Name': 'run_name',
};
/** A run's name is its tag too, which is what is searched. */
const NAME_TAG = 'mlflow.runName';

export const parseRunFilter = (filter: string): readonly RunCondition[] => parseClauses(filter).map(conditionOf);

export const parseRunOrder = (orders: readonly string[]): readonly RunOrder[] => {
  const parsed = orders.map(orderOf);
  const names = parsed.map((order) => `${order.by} ${order.key}`);
  if (new Set(names).size < names.length) throw notUnderstood(`The same is ordered by twice: ${orders.join(', ')}.`);
  return parsed;
};

function conditionOf(clause: Clause): RunCondition {
  const entity = entityOf(clause);
  switch (entity) {
    case 'metric':
      return { on: 'metric', key: clause.key, test: numberTest(clause) };
    case 'param':
    case 'tag':
      return { on: entity, key: clause.key, test: presenceOrTextTest(clause) };
    case 'dataset': {
      const key = DATASET_KEYS.find((known) => known === clause.key);
      if (key === undefined) throw unknownKey(clause, DATASET_KEYS);
      return { on: 'dataset', key, test: textTest(clause, { list: true }) };
    }
    case 'attribute': {
      const key = attributeOf(clause);
      if (isNumber(key)) return { on: 'number', key, test: numberTest(clause) };
      const test = textTest(clause, { list: key === 'run_id' });
      return key === 'run_name' && !Array.isArray(test.value)
        ? { on: 'tag', key: NAME_TAG, test }
        : { on: 'text', key, test };
    }
  }
}

function orderOf(written: string): RunOrder {
  const order = parseOrder(written);
  const entity = entityOf(order);
  if (entity === 'dataset') throw notUnderstood(`Runs are not ordered by data sets: ${written}.`);
  const { ascending } = order;
  return entity === 'attribute'
    ? { by: 'attribute', key: attributeOf(order), ascending }
    : { by: entity, key: order.key, ascending };
}

function entityOf({ entity = 'attribute' }: Pick<Clause, 'entity'>) {
  const known = Object.hasOwn(ENTITIES, entity) ? ENTITIES[entity] : undefined;
  if (known === undefined) throw notUnderstood(`"${entity}" is none of metric, parameter, tag, attribute and dataset.`);
  return known;
}

function attributeOf(clause: Pick<Clause, 'entity' | 'key'>): RunNumber | RunText {
  const key = Object.hasOwn(ALIASES, clause.key) ? ALIASES[clause.key] : clause.key;
  const known = [...NUMBERS, ...TEXTS].find((one) => one === key);
  if (known === undefined) throw unknownKey(clause, [...NUMBERS, ...TEXTS]);
  return known;
}

const isNumber = (key: RunNumber | RunText): key is RunNumber => NUMBERS.some((number) => number === key);
