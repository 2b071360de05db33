/** SQL as files beside the code: `sqlFile('read-resources')` is sql/read-resources.sql, read once. */
import { readFileSync } from 'node:fs';

const texts = new Map<string, string>();

/** Without its header: those lines are for people. */
export function sqlFile(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    const lines = readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8').split('\n');
    while (lines[0]?.startsWith('--')) lines.shift();
    text = lines.join('\n');
    texts.set(name, text);
  }
  return text;
}
