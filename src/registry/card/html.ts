/** A model card as one HTML page that needs nothing else: no script, no address. Whatever people wrote is shown as the text that it is. */
import type { Block, CardDocument, Inline } from './document.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; } th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--soft); vertical-align: top; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; } dt { font-weight: 600; } dd { margin: 0; }
code { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; } p { white-space: pre-line; }
`;

export function cardHtml({ title, sections }: CardDocument): string {
  const body = sections.map(
    ({ title: name, blocks }) => `<section>\n<h2>${escaped(name)}</h2>\n${blocks.map(block).join('\n')}\n</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${body.join('\n')}
</body>
</html>
`;
}

function block(one: Block): string {
  switch (one.kind) {
    case 'text':
      return one.text
        .split(/\n\s*\n/)
        .filter((paragraph) => paragraph.trim() !== '')
        .map((paragraph) => `<p>${escaped(paragraph.trim())}</p>`)
        .join('\n');
    case 'facts':
      return `<dl>\n${one.facts.map(([label, value]) => `<dt>${escaped(label)}</dt><dd>${inline(value)}</dd>`).join('\n')}\n</dl>`;
    case 'table':
      return `<div class="scroll"><table>
<thead><tr>${one.head.map((cell) => `<th>${escaped(cell)}</th>`).join('')}</tr></thead>
<tbody>
${one.rows.map((cells) => `<tr>${cells.map((cell) => `<td>${inline(cell)}</td>`).join('')}</tr>`).join('\n')}
</tbody>
</table></div>`;
  }
}

const inline = (value: Inline): string =>
  typeof value === 'string' ? escaped(value) : `<code>${escaped(value.name)}</code>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Control characters, which no page may hold, are marked. */
const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? one).replace(/[^\P{Cc}\n\r\t]/gu, '\ufffd');
