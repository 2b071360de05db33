/**
 * The syntax of searches, which is MLflow's: `[entity.]key OPERATOR value`, joined by AND. A key with other characters than letters,
 * digits, `_` and `.` stands in backticks or double quotes; a text in single or double quotes, as it is, without escapes.
 */
import { MlopsError } from '../../lib/error.ts';

export interface Clause {
  /** Undefined: an attribute. */
  readonly entity: string | undefined;
  readonly key: string;
  /** In upper case: `=`, `NOT IN`, `IS NULL`, … */
  readonly op: string;
  readonly value: Value;
}

export type Value =
  | { readonly kind: 'text' | 'word'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number; readonly written: string }
  | { readonly kind: 'list'; readonly texts: readonly string[] }
  | { readonly kind: 'none' };

const QUOTED = /'[^']*'|"[^"]*"/y;
const NUMBER = /-?(\d+(\.\d*)?|\.\d+)(e-?\d+)?(?![\p{L}\p{N}_.])/iuy;
const WORD = /[\p{L}_][\p{L}\p{N}_$#.]*/uy;
const NAME = /(`[^`]+`|"[^"]+"|[\p{L}_][\p{L}\p{N}_$#]*)(\.(`[^`]+`|"[^"]+"|[\p{L}\p{N}_$#.]+))?/uy;
const OPERATOR = /[<>=~!]+|(is\s+not\s+null|is\s+null|not\s+in|in|like|ilike|not\s+like|rlike)(?![\p{L}\p{N}_])/iuy;

export function parseClauses(filter: string): readonly Clause[] {
  const clauses: Clause[] = [];
  let at = 0;
  const rest = (): string => filter.slice(at).trim();
  const take = (pattern: RegExp): RegExpExecArray | null => {
    while (/\s/.test(filter[at] ?? '')) at += 1;
    pattern.lastIndex = at;
    const match = pattern.exec(filter);
    if (match !== null) at += match[0].length;
    return match;
  };
  const fail = (why: string): never => {
    throw notUnderstood(`The filter cannot be understood: ${why}. It was: ${filter}`);
  };

  if (rest() === '') return clauses;
  for (;;) {
    const name = take(NAME) ?? fail(`"${rest()}" begins with no name`);
    const operator = take(OPERATOR) ?? fail(`after ${name[0]} an operator is missing, at "${rest()}"`);
    const op = operator[0].toUpperCase().replace(/\s+/g, ' ');
    const value = op.startsWith('IS ')
      ? ({ kind: 'none' } as const)
      : (takeValue() ?? fail(`after ${name[0]} ${op} a value is missing, at "${rest()}"`));
    clauses.push({ ...keyOf(name), op, value });
    if (rest() === '') return clauses;
    if (take(/and(?![\p{L}\p{N}_])/iuy) === null) fail(`conditions are joined by AND, at "${rest()}"`);
  }

  function takeValue(): Value | undefined {
    const quoted = take(QUOTED);
    if (quoted !== null) return { kind: 'text', text: quoted[0].slice(1, -1) };
    const number = take(NUMBER);
    if (number !== null) return { kind: 'number', number: Number(number[0]), written: number[0] };
    if (take(/\(/y) !== null) return { kind: 'list', texts: takeTexts() };
    const word = take(WORD);
    return word === null ? undefined : { kind: 'word', text: word[0] };
  }

  function takeTexts(): readonly string[] {
    const texts: string[] = [];
    for (;;) {
      const text = take(QUOTED) ?? fail(`a list holds quoted texts, at "${rest()}"`);
      texts.push(text[0].slice(1, -1));
      const comma = take(/,/y);
      if (take(/\)/y) !== null) return texts;
      if (comma === null) fail(`a list ends with ")", at "${rest()}"`);
    }
  }
}

export interface OrderClause {
  readonly entity: string | undefined;
  readonly key: string;
  readonly ascending: boolean;
  readonly written: string;
}

/** `[entity.]key [ASC|DESC]`. */
export function parseOrder(written: string): OrderClause {
  const pattern =
    /^\s*(`[^`]+`|"[^"]+"|[\p{L}_][\p{L}\p{N}_$#]*)(\.(`[^`]+`|"[^"]+"|[\p{L}\p{N}_$#.]+))?(?:\s+(asc|desc))?\s*$/iu;
  const match = pattern.exec(written);
  if (match === null)
    throw notUnderstood(
      `The order "${written}" cannot be understood.`,
      'write it as metrics.auc DESC or start_time ASC',
    );
  return { ...keyOf(match), ascending: match[4]?.toLowerCase() !== 'desc', written };
}

function keyOf(match: RegExpExecArray): Pick<Clause, 'entity' | 'key'> {
  const [, first = '', , second] = match;
  // `Run name` is one name of an attribute; "metrics.x" in quotes is none.
  return second === undefined
    ? { entity: undefined, key: bare(first) }
    : { entity: first.startsWith('`') ? bare(first) : first, key: bare(second) };
}

const bare = (name: string): string => (/^[`"]/.test(name) ? name.slice(1, -1) : name);

export function notUnderstood(detail: string, hint?: string): MlopsError {
  return new MlopsError('EX205', { detail, hint, status: 400 });
}
