/** A model card as Markdown with metadata before it. Whatever people wrote is shown as the text that it is, never as markup. */
import type { Block, CardDocument, Inline } from './document.ts';
import { frontMatter } from './front-matter.ts';

export function cardMarkdown({ title, sections, facts }: CardDocument): string {
  const parts = sections.map(({ title: name, blocks }) => `## ${name}\n\n${blocks.map(block).join('\n\n')}`);
  return `${frontMatter(facts)}\n${[`# ${escaped(oneLine(title))}`, ...parts].join('\n\n')}\n`;
}

function block(one: Block): string {
  switch (one.kind) {
    case 'text':
      return paragraphs(one.text);
    case 'facts':
      return one.facts.map(([label, value]) => `- **${label}:** ${inline(value)}`).join('\n');
    case 'table':
      return [
        row(one.head.map(escaped)),
        row(one.head.map(() => '---')),
        ...one.rows.map((cells) => row(cells.map(inline))),
      ].join('\n');
  }
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const inline = (value: Inline): string =>
  typeof value === 'string' ? escaped(oneLine(value)) : code(oneLine(value.name));

const oneLine = (text: string): string => printable(text).replace(/\s+/g, ' ').trim();

/** Of control characters, only those that end lines and tabs are for people. */
const printable = (text: string): string => text.replace(/[^\P{Cc}\n\r\t]/gu, '\ufffd');

/** Blank lines part paragraphs; within one, lines are lines of text, whatever they begin with. */
function paragraphs(text: string): string {
  return printable(text)
    .replace(/\r\n?/g, '\n')
    .split(/\n\s*\n/)
    .map((paragraph) =>
      paragraph
        .split('\n')
        .map((line) =>
          escaped(line.trim()).replace(/^([-+=]|\d+(?=[.)]))/, (begin) =>
            /\d/.test(begin) ? `${begin}\\` : `\\${begin}`,
          ),
        )
        .filter((line) => line !== '')
        .join('\n'),
    )
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}

/** Each of these may begin markup somewhere (an underscore not within a word), or make a link of what looks like an address; a backslash before it never shows. */
const escaped = (text: string): string =>
  text.replace(/[\\`*{}[\]<>#|~!&$@]|(?<![a-z0-9])_|_(?![a-z0-9])|:(?=\/\/)|(?<=www)\./gi, '\\$&');

/** In backticks more than the text has; a bar would end the cell of a table. */
function code(text: string): string {
  if (text === '') return '';
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const space = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${space}${text.replaceAll('|', '\\|')}${space}${fence}`;
}
