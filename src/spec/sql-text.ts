/**
 * The canonical text of a query: no blank lines around it, no final semicolon, and without the indentation that it has only
 * because it stands in a file. TypeScript and YAML then hold the same text, and a change of indentation is no change.
 */
import { withoutTemplates } from './template-text.ts';

export interface TidySql {
  readonly text: string;
  /** From an offset in `text` to the one in the text as written. */
  readonly toWritten: (offset: number) => number;
}

export function tidySql(written: string): TidySql {
  const start = written.length - written.trimStart().length;
  const trimmed = written.replace(/[\s;]+$/, '').slice(start);
  // A literal or comment over several lines is left as it is: its white space has meaning.
  if (!trimmed.includes('\n') || spansLines(trimmed)) return { text: trimmed, toWritten: (offset) => offset + start };
  const lines = trimmed.split('\n');
  const rest = lines.slice(1).filter((line) => line.trim() !== '');
  const indent = Math.min(...rest.map((line) => line.length - line.trimStart().length));
  const kept = lines.map((line, index) => ({ cut: index === 0 ? 0 : Math.min(indent, line.length), line }));
  const text = kept.map(({ cut, line }) => line.slice(cut).trimEnd()).join('\n');
  const toWritten = (offset: number): number => {
    let tidy = offset;
    let at = start;
    for (const { cut, line } of kept) {
      const length = line.slice(cut).trimEnd().length;
      if (tidy <= length) return at + cut + tidy;
      tidy -= length + 1;
      at += line.length + 1;
    }
    return at;
  };
  return { text, toWritten };
}

/** The parts of a query that are not code. */
const LITERALS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$[\s\S]*?\$\$|\/\*[\s\S]*?\*\/|--[^\n]*/g;

function spansLines(text: string): boolean {
  return (text.match(LITERALS) ?? []).some((literal) => literal.includes('\n'));
}

/** The query with the content of its literals and comments blanked, so that what is left is code at its place. */
export function codeOf(sql: string): string {
  return withoutTemplates(sql).replace(LITERALS, (literal) =>
    literal.startsWith('"') ? literal : literal.replace(/[^\n]/g, ' '),
  );
}

/**
 * The names among `candidates` that the query mentions as a table could be mentioned: outside literals and comments, not after
 * a dot and not called. Cheap and without a parser, so it may name one too many (a column of that name), never one too few.
 */
export function mentionedNames(sql: string, candidates: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  const code = codeOf(sql).replaceAll('"', ' ');
  for (const match of code.matchAll(/(?<![\w.$-])[A-Za-z_][\w-]*(?!\s*\(|[\w$])/g)) {
    for (const name of [match[0], match[0].split('-')[0] ?? '']) {
      if (candidates.has(name)) found.add(name);
      else if (candidates.has(name.toLowerCase())) found.add(name.toLowerCase());
    }
  }
  return [...found].sort();
}

/**
 * The query with other names of its tables: wherever `mentionedNames` finds one, in quotes or not. A column of that name is
 * renamed too; the text differs then from what people write, which is told as any other edit.
 */
export function renamedTables(sql: string, nameNow: (table: string) => string): string {
  let renamed = '';
  let end = 0;
  const code = codeOf(sql);
  for (const match of code.matchAll(/"((?:[^"]|"")*)"|[A-Za-z_][\w$]*/g)) {
    const { index, 0: token, 1: quoted } = match;
    const after = index + token.length;
    if (sql[index - 1] === '.' || /^\s*\(/.test(code.slice(after))) continue;
    const name = quoted ?? token;
    const now = nameNow(name) === name ? (quoted === undefined ? nameNow(name.toLowerCase()) : name) : nameNow(name);
    if (now === name || now === name.toLowerCase()) continue;
    // Quotes that were needed go with the need; others are a matter of taste, and stay.
    const keepsQuotes = quoted !== undefined && isPlain(name);
    renamed += sql.slice(end, index) + (keepsQuotes || !isPlain(now) ? `"${now}"` : now);
    end = after;
  }
  return renamed + sql.slice(end);
}

const isPlain = (name: string): boolean => /^[a-z_][a-z0-9_]*$/.test(name);
