/** Where a template may stand in SQL and in a shell line: where its value is a value, and cannot become code. */

/** What is around a character. */
export type Surroundings = 'plain' | 'double' | { readonly unsafe: string };

/** `at`: offsets to look at, ascending. Of SQL: outside of quotes and comments. */
export function sqlSurroundings(sql: string, at: readonly number[]): readonly Surroundings[] {
  const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1/g;
  const ranges = [...sql.matchAll(tokens)].map(({ 0: token, index }) => ({
    start: index,
    end: index + token.length,
    kind: token.startsWith('"') ? 'a quoted name' : /^(--|\/\*)/.test(token) ? 'a comment' : 'a text in quotes',
  }));
  return at.map((offset) => {
    const around = ranges.find(({ start, end }) => start < offset && offset < end);
    return around === undefined ? 'plain' : { unsafe: around.kind };
  });
}

/** Of a line for a POSIX shell: plain, or within double quotes. */
export function shellSurroundings(line: string, at: readonly number[]): readonly Surroundings[] {
  const found = new Map<number, Surroundings>();
  const wanted = new Set(at);
  let state: 'plain' | 'single' | 'double' | 'comment' = 'plain';
  /** Within double quotes: how many `$(` are open. */
  let commands = 0;
  let backticks = false;
  /** Of the word at hand; the word before it is what comes before. */
  let wordStart = 0;
  const heredoc = line.indexOf('<<');
  for (let index = 0; index < line.length; index += 1) {
    const char = line[index] ?? '';
    if (wanted.has(index)) {
      found.set(index, around(index));
      // The template's own characters are not the shell's.
      const end = line.indexOf('}}', index);
      index = end < 0 ? line.length : end + 1;
      continue;
    }
    if (state === 'plain' && /[\s;&|()]/.test(char)) wordStart = index + 1;
    if (state === 'single') state = char === "'" ? 'plain' : state;
    else if (state === 'comment') state = char === '\n' ? 'plain' : state;
    else if (char === '\\') index += 1;
    else if (char === '`') backticks = !backticks;
    else if (state === 'double') {
      if (char === '$' && line[index + 1] === '(') commands += 1;
      else if (char === ')' && commands > 0) commands -= 1;
      else if (char === '"' && commands === 0) state = 'plain';
    } else if (char === "'") state = 'single';
    else if (char === '"') state = 'double';
    else if (char === '#' && /(^|[\s;&|(])$/.test(line.slice(0, index))) state = 'comment';
  }
  function around(index: number): Surroundings {
    if (heredoc >= 0 && heredoc < index) return { unsafe: 'a text after <<' };
    if (backticks) return { unsafe: 'a command in backticks' };
    if (state === 'single') return { unsafe: 'single quotes' };
    if (state === 'comment') return { unsafe: 'a comment' };
    if (commands > 0) return { unsafe: 'a command within double quotes' };
    // The word before says that what follows is a program's text: a value there would be run.
    const before = /(\S+)\s+$/.exec(line.slice(0, wordStart))?.[1] ?? '';
    if (/^(-[a-z]*c|eval|-e|--eval|-r)$/.test(before)) return { unsafe: `the text of a program (after ${before})` };
    return state === 'double' ? 'double' : 'plain';
  }
  return at.map((offset) => found.get(offset) ?? 'plain');
}
