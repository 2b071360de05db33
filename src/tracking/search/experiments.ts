/** Filters and orders of searches of experiments. */
import type { ExperimentCondition, ExperimentOrder } from '../../stores/control/tracking-search.ts';
import { type Clause, notUnderstood, parseClauses, parseOrder } from './clauses.ts';
import { numberTest, presenceOrTextTest, textTest, unknownKey, wrongValue } from './tests.ts';

const KEYS = ['name', 'experiment_id', 'creation_time', 'last_update_time'] as const;

export const parseExperimentFilter = (filter: string): readonly ExperimentCondition[] =>
  parseClauses(filter).map(conditionOf);

export const parseExperimentOrder = (orders: readonly string[]): readonly ExperimentOrder[] =>
  orders.map((written) => {
    const order = parseOrder(written);
    if (isTag(order)) throw notUnderstood(`Experiments are not ordered by tags: ${written}.`);
    return { by: keyOf(order), ascending: order.ascending };
  });

function conditionOf(clause: Clause): ExperimentCondition {
  if (isTag(clause)) return { on: 'tag', key: clause.key, test: presenceOrTextTest(clause) };
  const key = keyOf(clause);
  switch (key) {
    case 'name':
      return { on: 'name', test: textTest(clause, { list: false }) };
    case 'experiment_id': {
      const { op, value } = textTest(clause, { list: true });
      const ids = typeof value === 'string' ? [value] : value;
      if (op === 'like' || op === 'ilike' || !ids.every((id) => /^-?\d{1,18}$/.test(id)))
        throw wrongValue(clause, 'an id, or a list of ids');
      return { on: 'id', op, ids };
    }
    default:
      return { on: 'number', key, test: numberTest(clause) };
  }
}

function isTag({ entity }: Pick<Clause, 'entity'>): boolean {
  if (entity === 'tag' || entity === 'tags') return true;
  if (entity === undefined || entity === 'attribute') return false;
  throw notUnderstood(`"${entity}" is none of attribute, tag and tags.`);
}

function keyOf(clause: Pick<Clause, 'entity' | 'key'>): (typeof KEYS)[number] {
  const key = KEYS.find((known) => known === clause.key);
  if (key === undefined) throw unknownKey(clause, KEYS);
  return key;
}
