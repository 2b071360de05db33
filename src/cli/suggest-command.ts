/** What is told of a command that does not exist: which one was meant, by the manifest of all commands. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MlopsError } from '../lib/error.ts';
import { nearest } from '../lib/suggest.ts';

/** Undefined where the words name a command. */
export function unknownCommand(argv: readonly string[], root: string): MlopsError | undefined {
  const firstFlag = argv.findIndex((word) => word.startsWith('-'));
  const words = firstFlag === -1 ? argv : argv.slice(0, firstFlag);
  const known = commandsIn(root);
  const isCommand = words.some((_, index) => known.includes(words.slice(0, index + 1).join(' ')));
  if (words.length === 0 || known.length === 0 || isCommand) return undefined;
  const topics = [...new Set(known.map((id) => id.split(' ')[0] ?? id))];
  const written = topics.includes(words[0] ?? '') ? words.slice(0, 2).join(' ') : (words[0] ?? '');
  const meant = nearest(words.slice(0, 2).join(' '), known) ?? nearest(words[0] ?? '', topics);
  return new MlopsError('CL101', {
    detail: `There is no command "${written}".`,
    hint: meant === undefined ? 'mlops --help lists all commands' : `did you mean "mlops ${meant}"?`,
  });
}

function commandsIn(root: string): readonly string[] {
  try {
    const { commands } = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Readonly<Record<string, unknown>>;
    };
    return Object.keys(commands).map((id) => id.replaceAll(':', ' '));
  } catch {
    // Without the manifest there is nothing to suggest; the error itself is told all the same.
    return [];
  }
}
