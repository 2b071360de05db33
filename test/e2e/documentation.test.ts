/** Every command that README.md and docs/ show is run, page by page, and answers what the page says. UPDATE=1 rewrites the outputs. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { consoleCommands, firstMismatch, openConsole, presentable, withOutputs } from '../support/console-session.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync(join(root, 'docs/operators')).map((name) => `docs/operators/${name}`),
];

// Pages wait for daemons and processes most of their time: side by side they take as long as the longest.
describe.concurrent('documentation', () => {
  for (const page of pages) {
    const path = join(root, page);
    const commands = consoleCommands(readFileSync(path, 'utf8'));
    if (commands.length === 0) continue;
    it(`${page}: its ${commands.length} commands answer what it says`, { timeout: 300_000 }, async ({ expect }) => {
      const folder = mkdtempSync(join(tmpdir(), 'mlops-docs-'));
      chmodSync(folder, 0o711);
      const own = filesOf(readFileSync(path, 'utf8'));
      if (own.length === 0) healthcareIn(folder);
      for (const { name, text } of own) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      const session = await openConsole(folder, join(root, 'bin/mlops.js'));
      const outputs = new Map<number, string>();
      const wrong: string[] = [];
      try {
        for (const { line, command, output } of commands) {
          const real = await session.run(command);
          const missing = firstMismatch(output, real);
          if (missing !== undefined)
            wrong.push(`${page}:${line} \`${command}\` did not print: ${missing}\n--- it printed:\n${real}`);
          if (!output.includes('…') && real.trim() !== '') outputs.set(line, presentable(real));
        }
      } finally {
        await session.end();
        rmSync(folder, { recursive: true, force: true });
      }
      if (process.env['UPDATE'] === '1') writeFileSync(path, withOutputs(readFileSync(path, 'utf8'), outputs));
      else expect(wrong.join('\n\n')).toBe('');
    });
  }
});

function healthcareIn(folder: string): void {
  cpSync(join(root, 'mlops.config.ts'), join(folder, 'mlops.config.ts'));
  mkdirSync(join(folder, 'examples/healthcare'), { recursive: true });
  cpSync(join(root, 'examples/healthcare/data'), join(folder, 'examples/healthcare/data'), { recursive: true });
}

/** Files of a page that brings its own project: blocks that begin with ```LANGUAGE PATH. */
function filesOf(markdown: string): readonly { readonly name: string; readonly text: string }[] {
  return [...markdown.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].map(([, name = '', text = '']) => ({ name, text }));
}
