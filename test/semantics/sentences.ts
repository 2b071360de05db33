// The sentences of docs/semantics.md, by section: a list's point is cut into its sentences, a drawn state machine into its lines.

/** By which tests a sentence is held: their titles, by file below test/. Each of them fails when the sentence is untrue. */
export type Holders = Readonly<Record<string, readonly string[]>>;

/** Each sentence of one section, as the page has it on one line. */
export type Section = Readonly<Record<string, Holders>>;

export function sentencesOf(page: string): ReadonlyMap<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let blocks: string[] = [];
  let drawn = false;
  for (const line of page.split('\n')) {
    const heading = /^## (.+)$/.exec(line)?.[1];
    if (heading !== undefined) {
      blocks = [];
      sections.set(heading, blocks);
    } else if (line.trim() === '') {
      blocks.push('');
      drawn = false;
    } else if (line.startsWith('    ') && (drawn || (blocks.at(-1) ?? '') === '')) {
      blocks.push(line.trim());
      drawn = true;
    } else if (line.startsWith('- ')) {
      blocks.push(line.slice(2));
    } else {
      blocks.push(`${blocks.pop() ?? ''} ${line.trim()}`);
    }
  }
  return new Map([...sections].map(([section, texts]) => [section, texts.flatMap(cut)]));
}

/** Cut after each full stop that ends a sentence: not within code, nor within parentheses. */
function cut(block: string): readonly string[] {
  const text = block.replaceAll(/\s+/g, ' ').trim();
  const sentences: string[] = [];
  let start = 0;
  let depth = 0;
  let code = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '`') code = !code;
    if (code) continue;
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === '.' && depth === 0 && /^ [A-Z`0-9[]/.test(text.slice(at + 1))) {
      sentences.push(text.slice(start, at + 1));
      start = at + 2;
    }
  }
  return [...sentences, text.slice(start)].filter((sentence) => sentence !== '');
}
