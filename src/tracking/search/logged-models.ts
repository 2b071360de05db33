/** Filters and orders of searches of logged models. */
import type {
  ModelCondition,
  ModelNumber,
  ModelOrder,
  ModelText,
  NumberOp,
} from '../../stores/control/tracking-search.ts';
import { type Clause, notUnderstood, parseClauses, parseOrder } from './clauses.ts';
import { textTest, unknownKey, wrongValue } from './tests.ts';

const NUMBERS: readonly ModelNumber[] = ['creation_timestamp', 'last_updated_timestamp'];
const TEXTS: readonly ModelText[] = [
  'name',
  'model_id',
  'model_type',
  'status',
  'source_run_id',
  'experiment_id',
  'artifact_uri',
];
const ALIASES: Readonly<Record<string, ModelNumber | ModelText>> = {
  creation_time: 'creation_timestamp',
  creation_timestamp_ms: 'creation_timestamp',
  last_updated_time: 'last_updated_timestamp',
  last_updated_timestamp_ms: 'last_updated_timestamp',
  artifact_location: 'artifact_uri',
};
const ENTITIES = ['attributes', 'metrics', 'params', 'tags'] as const;

export const parseModelFilter = (filter: string): readonly ModelCondition[] => parseClauses(filter).map(conditionOf);

export interface AskedModelOrder {
  readonly fieldName: string;
  readonly ascending: boolean;
  readonly datasetName: string | undefined;
  readonly datasetDigest: string | undefined;
}

export const parseModelOrder = (orders: readonly AskedModelOrder[]): readonly ModelOrder[] =>
  orders.map(({ fieldName, ascending, datasetName, datasetDigest }) => {
    const dot = fieldName.indexOf('.');
    if (dot < 0) {
      const { key } = parseOrder(fieldName);
      return { by: 'attribute', key: attributeOf({ entity: undefined, key }), ascending };
    }
    if (fieldName.slice(0, dot) !== 'metrics')
      throw notUnderstood(`Logged models are ordered by attributes and metrics, not by ${fieldName}.`);
    const on = {
      ...(datasetName !== undefined && { name: datasetName }),
      ...(datasetDigest !== undefined && { digest: datasetDigest }),
    };
    return { by: 'metric', key: fieldName.slice(dot + 1), on, ascending };
  });

function conditionOf(clause: Clause): ModelCondition {
  const entity = ENTITIES.find((known) => known === (clause.entity ?? 'attributes'));
  switch (entity) {
    case undefined:
      throw notUnderstood(`"${clause.entity}" is none of ${ENTITIES.join(', ')}.`);
    case 'metrics':
      return { on: 'metric', key: clause.key, test: lenientNumber(clause) };
    case 'params':
      return { on: 'param', key: clause.key, test: textTest(lenientText(clause), { list: true }) };
    case 'tags':
      return { on: 'tag', key: clause.key, test: textTest(lenientText(clause), { list: true }) };
    case 'attributes': {
      const key = attributeOf(clause);
      const number = NUMBERS.find((known) => known === key);
      if (number !== undefined) return { on: 'number', key: number, test: lenientNumber(clause) };
      return { on: 'text', key: key as ModelText, test: textTest(lenientText(clause), { list: true }) };
    }
  }
}

/** Here texts need no quotes. */
function lenientText(clause: Clause): Clause {
  const { value } = clause;
  if (value.kind === 'word') return { ...clause, value: { kind: 'text', text: value.text } };
  return value.kind === 'number' ? { ...clause, value: { kind: 'text', text: value.written } } : clause;
}

function lenientNumber(clause: Clause) {
  const { op, value } = clause;
  const number = value.kind === 'number' ? value.number : value.kind === 'text' ? Number(value.text) : Number.NaN;
  if (!['=', '!=', '<', '<=', '>', '>='].includes(op) || Number.isNaN(number)) throw wrongValue(clause, 'a number');
  return { op: op as NumberOp, value: number };
}

function attributeOf(clause: Pick<Clause, 'entity' | 'key'>): ModelNumber | ModelText {
  const key = Object.hasOwn(ALIASES, clause.key) ? ALIASES[clause.key] : clause.key;
  const known = [...NUMBERS, ...TEXTS].find((one) => one === key);
  if (known === undefined) throw unknownKey(clause, [...NUMBERS, ...TEXTS]);
  return known;
}
