/** The operator and the value of a clause, as what it is about takes them. */
import type {
  ListOp,
  NumberOp,
  NumberTest,
  PresenceTest,
  TextOp,
  TextTest,
} from '../../stores/control/tracking-search.ts';
import { type Clause, notUnderstood } from './clauses.ts';

const NUMBER_OPS: readonly string[] = ['=', '!=', '<', '<=', '>', '>='];
const TEXT_OPS: readonly string[] = ['=', '!=', 'LIKE', 'ILIKE'];
const LIST_OPS: readonly string[] = ['IN', 'NOT IN'];

export const nameOf = ({ entity, key }: Pick<Clause, 'entity' | 'key'>): string =>
  entity === undefined ? key : `${entity}.${key}`;

export function numberTest(clause: Clause): NumberTest {
  const { op, value } = clause;
  refuseOperator(clause, NUMBER_OPS);
  if (value.kind !== 'number') throw wrongValue(clause, 'a number without quotes');
  return { op: op as NumberOp, value: value.number };
}

/** `list`: whether it may be compared with one. */
export function textTest(clause: Clause, { list }: { readonly list: boolean }): TextTest {
  const { op, value } = clause;
  refuseOperator(clause, list ? [...TEXT_OPS, ...LIST_OPS] : TEXT_OPS);
  if (LIST_OPS.includes(op)) {
    if (value.kind !== 'list') throw wrongValue(clause, "a list of quoted texts, as in ('a', 'b')");
    return { op: op.toLowerCase() as ListOp, value: value.texts };
  }
  if (value.kind !== 'text') throw wrongValue(clause, 'a quoted text');
  return { op: op.toLowerCase() as TextOp, value: value.text };
}

export function presenceOrTextTest(clause: Clause): TextTest | PresenceTest {
  if (clause.op === 'IS NULL') return { op: 'is null' };
  if (clause.op === 'IS NOT NULL') return { op: 'is not null' };
  return textTest(clause, { list: false });
}

function refuseOperator(clause: Clause, allowed: readonly string[]): void {
  if (allowed.includes(clause.op)) return;
  throw notUnderstood(`${nameOf(clause)} is not compared with ${clause.op}, but with ${allowed.join(', ')}.`);
}

export const wrongValue = (clause: Clause, wanted: string) =>
  notUnderstood(`${nameOf(clause)} ${clause.op} takes ${wanted}.`);

export const unknownKey = (clause: Pick<Clause, 'entity' | 'key'>, known: readonly string[]) =>
  notUnderstood(`Nothing can be searched or ordered by ${nameOf(clause)}: it is one of ${known.join(', ')}.`);
