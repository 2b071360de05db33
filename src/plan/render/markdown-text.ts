/**
 * Anybody's text inside GitHub's and GitLab's Markdown: it stays text. No markup comes through, no cell, fence, fold or comment is left, and
 * nobody is called by an `@`: a comment that is written anew with every push must not call people each time.
 */
import { legibleText } from './legible.ts';

/** What is longer is cut, so that one text cannot crowd out the others. */
export const TEXT_SHOWN = 600;

/** Never half a character. */
export function clipped(text: string, most = TEXT_SHOWN): string {
  if (text.length <= most) return text;
  return `${text.slice(0, /[\ud800-\udbff]/.test(text[most - 1] ?? '') ? most - 1 : most)}…`;
}

/** A code span whatever the text holds. */
export function code(text: string): string {
  const line = oneLine(text);
  if (line.trim() === '') return '` `';
  const longest = longestRun(line, 1);
  if (longest === 0) return `\`${line}\``;
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${line} ${fence}`;
}

/** The same in a table. A bar would end the cell, and with a backslash before it there is no way to write it in a code span. */
export function cellCode(text: string): string {
  return text.includes('|') ? `<code>${plain(oneLine(text))}</code>` : code(text);
}

/** Plain text on one line. Simple code spans stay code. */
export function prose(text: string): string {
  const line = inline(text.trim(), (part) => part);
  // What would begin a list, a rule or a heading where it stands at the start of a line.
  return line.replace(/^(?:[-+=:]|\d+(?=[.)]))/, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start}`));
}

/** The same in a table. */
export function cell(text: string): string {
  return inline(text, (part) => (part.includes('|') ? cellCode(part.slice(1, -1)) : part));
}

/** Inside a line of HTML, where Markdown is not looked for. Simple code spans are code. */
export function inHtml(text: string): string {
  return spans(text)
    .map((part, index) => (index % 2 === 1 ? `<code>${html(part.slice(1, -1))}</code>` : uncalled(html(part))))
    .join('');
}

export function html(text: string): string {
  return oneLine(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Lines as a block of code that none of them can end. */
export function fenced(lines: readonly string[], language = ''): readonly string[] {
  const fence = '`'.repeat(Math.max(2, ...lines.map((line) => longestRun(line, 3))) + 1);
  return [`${fence}${language}`, ...lines, fence];
}

/** A comment of HTML that ends where it should. */
export function hidden(text: string): string {
  return `<!-- ${oneLine(text).replace(/[<>]/g, '')} -->`;
}

function inline(text: string, span: (code: string) => string): string {
  return spans(text)
    .map((part, index) => (index % 2 === 1 ? span(part) : withLinks(part)))
    .join('');
}

/** Addresses of pages stay links, which show where they lead; nothing else becomes one. */
function withLinks(text: string): string {
  return text
    .split(/(https?:\/\/[\w.-]+[\w\-.~:/?#@!$&'()+,;=%]*[\w/=])/)
    .map((part, index) => (index % 2 === 1 ? `<${part}>` : plain(part)))
    .join('');
}

function plain(text: string): string {
  const escaped = html(text).replace(/[\\`*[\]|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&');
  return uncalled(escaped).replace(/:(?=\/\/)|\bwww(?=\.)/gi, '$&&#8203;');
}

/** Text and simple code spans, in turn. */
function spans(text: string): readonly string[] {
  return oneLine(text).split(/((?<!`)`[^`]+`(?!`))/);
}

/** People, issues and pull requests are told by `@` and `#`, and wherever one is told of, a line is written. */
function uncalled(text: string): string {
  return text.replace(/#(?=\d)|GH-(?=\d)/gi, '$&&#8203;').replaceAll('@', '@&#8203;');
}

function oneLine(text: string): string {
  return legibleText(text.replace(/[\t\n\v\f\r\u2028\u2029]+/g, ' '));
}

function longestRun(text: string, least: number): number {
  return [...text.matchAll(/`+/g)].reduce(
    (most, [run]) => (run.length >= least ? Math.max(most, run.length) : most),
    0,
  );
}
