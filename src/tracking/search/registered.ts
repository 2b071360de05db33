/** Filters and orders of searches of registered models and their versions. */
import type { VersionCondition, VersionOrder } from '../../stores/control/registry.ts';
import type { ModelCondition, ModelFilter } from '../../stores/control/registry-labels.ts';
import { type Clause, notUnderstood, parseClauses, parseOrder } from './clauses.ts';
import { numberTest, textTest, unknownKey } from './tests.ts';

const VERSION_KEYS = { name: 'name', run_id: 'runId', source_path: 'source' } as const;
const VERSION_ORDERS = {
  name: 'name',
  version_number: 'version',
  creation_timestamp: 'createdAt',
  last_updated_timestamp: 'updatedAt',
} as const;
const MODEL_ORDERS = {
  name: 'name',
  timestamp: 'updatedAt',
  last_updated_timestamp: 'updatedAt',
  creation_timestamp: 'createdAt',
} as const;

export const parseRegisteredFilter = (filter: string): readonly ModelCondition[] =>
  withoutPrompts(parseClauses(filter)).map((clause) => {
    if (isTag(clause)) return { on: 'tag', key: clause.key, ...textTest(clause, { list: false }) };
    if (clause.key !== 'name') throw unknownKey(clause, ['name', 'tags']);
    return { on: 'name', ...textTest(clause, { list: true }) };
  });

/** Of several orders the first: names, which are the only tie, are no two alike. */
export const parseRegisteredOrder = (orders: readonly string[]): ModelFilter['order'] => {
  const [first] = orders.map((written) => {
    const order = parseOrder(written);
    const by = isTag(order) ? undefined : keyOf(MODEL_ORDERS, order.key);
    if (by === undefined) throw unknownKey(order, Object.keys(MODEL_ORDERS));
    return { by, ascending: order.ascending };
  });
  return first;
};

export const parseVersionFilter = (filter: string): readonly VersionCondition[] =>
  withoutPrompts(parseClauses(filter)).map((clause) => {
    if (isTag(clause)) return { on: 'tag', key: clause.key, ...textTest(clause, { list: false }) };
    if (clause.key === 'version_number') return { on: 'version', ...numberTest(clause) };
    const on = keyOf(VERSION_KEYS, clause.key);
    if (on === undefined) throw unknownKey(clause, ['version_number', ...Object.keys(VERSION_KEYS), 'tags']);
    return { on, ...textTest(clause, { list: on !== 'source' }) };
  });

/** Without any: the last changed first. Then by name, and the greatest number first. */
export const parseVersionOrder = (orders: readonly string[]): readonly VersionOrder[] => {
  const given = orders.length === 0 ? ['last_updated_timestamp DESC'] : orders;
  const parsed = given.map((written) => {
    const order = parseOrder(written);
    const by = isTag(order) ? undefined : keyOf(VERSION_ORDERS, order.key);
    if (by === undefined) throw unknownKey(order, Object.keys(VERSION_ORDERS));
    return { by, ascending: order.ascending };
  });
  if (new Set(parsed.map(({ by }) => by)).size < parsed.length)
    throw notUnderstood(`The same is ordered by twice: ${orders.join(', ')}.`);
  const ties = [
    { by: 'name', ascending: true },
    { by: 'version', ascending: false },
  ] as const;
  return [...parsed, ...ties.filter((tie) => !parsed.some(({ by }) => by === tie.by))];
};

/** Clients ask for what is no prompt, which all is here: models without the tag meet that, though they meet no condition else. */
const withoutPrompts = (clauses: readonly Clause[]): readonly Clause[] =>
  clauses.filter(({ entity, key, op, value }) => {
    const asksForOthers = value.kind === 'text' && (op === '=' ? value.text === 'false' : value.text === 'true');
    return !(entity !== undefined && key === 'mlflow.prompt.is_prompt' && ['=', '!='].includes(op) && asksForOthers);
  });

function isTag({ entity }: Pick<Clause, 'entity'>): boolean {
  if (entity === 'tag' || entity === 'tags') return true;
  if (entity === undefined || entity === 'attribute') return false;
  throw notUnderstood(`"${entity}" is none of attribute, tag and tags.`);
}

const keyOf = <T extends Readonly<Record<string, string>>>(of: T, key: string): T[keyof T] | undefined =>
  Object.hasOwn(of, key) ? (of[key] as T[keyof T]) : undefined;
