/** Conditions of a search as SQL; every value is a parameter. */
import type { NumberTest, PresenceTest, TextTest } from '../../control/tracking-search.ts';

/** Collects the parameters of one statement: `$1` for the first. */
export class Params {
  readonly values: unknown[] = [];
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** A number that is NaN is neither greater nor less than any, though Postgres orders it last. */
export function numberTest(column: string, { op, value }: NumberTest, params: Params): string {
  const than = `${column} ${op === '!=' ? '<>' : op} ${params.add(value)}::double precision`;
  return op === '>' || op === '>=' ? `${than} and ${column} < 'NaN'::double precision` : than;
}

/** The same of a column of whole numbers. */
export const integerTest = (column: string, { op, value }: NumberTest, params: Params): string =>
  `${column} ${op === '!=' ? '<>' : op} ${params.add(value)}::numeric`;

export function textTest(column: string, test: TextTest, params: Params): string {
  switch (test.op) {
    case 'in':
      return `${column} = any(${params.add(test.value)}::text[])`;
    case 'not in':
      return `${column} <> all(${params.add(test.value)}::text[])`;
    case 'like':
    case 'ilike':
      // A backslash is a character like any other.
      return `${column} ${test.op} ${params.add(test.value)}::text escape ''`;
    default:
      return `${column} ${test.op === '!=' ? '<>' : '='} ${params.add(test.value)}::text`;
  }
}

/** How much of a text the indices hold. */
const INDEXED_CHARACTERS = 120;

/** The same of a column whose beginning is indexed: a short text is equal where its beginning is. */
export function indexedTextTest(column: string, test: TextTest, params: Params): string {
  if (test.op !== '=') return textTest(column, test, params);
  const characters = [...test.value];
  const head = `left(${column}, ${INDEXED_CHARACTERS}) = ${params.add(characters.slice(0, INDEXED_CHARACTERS).join(''))}::text`;
  // Asked twice, the planner would think that far fewer rows are found.
  return characters.length < INDEXED_CHARACTERS ? head : `${head} and ${textTest(column, test, params)}`;
}

export const isPresence = (test: NumberTest | TextTest | PresenceTest): test is PresenceTest =>
  test.op === 'is null' || test.op === 'is not null';
