/**
 * The command line's entry: finds the command by oclif's manifest, runs it, waits until what it wrote is out, and ends the
 * process with its exit code: 0 done, 1 error, 2 changes (plan --detailed-exitcode), 130 interrupted.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { run } from '@oclif/core/run';
import { reportFailure } from './report.ts';
import { unknownCommand } from './suggest-command.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function main(argv: readonly string[]): Promise<never> {
  enableCompileCache();
  // A reader that has seen enough (`mlops plan | head`) ends the command quietly.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(process.exitCode ?? 0));
  try {
    await run(withGlobalFlagsLast(argv), { root: ROOT });
  } catch (error) {
    // What a command throws it reports itself; here is what oclif refuses before: unknown commands and help.
    const problem = unknownCommand(withGlobalFlagsLast(argv), ROOT) ?? error;
    process.exitCode = reportFailure(problem, { json: argv.includes('--json'), color: undefined });
  }
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(process.exitCode ?? 0);
}

/** `mlops --env prod plan` means `mlops plan --env prod`, and `mlops help plan` means `mlops plan --help`. */
export function withGlobalFlagsLast(argv: readonly string[]): string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? '';
    if (word === '--env' || word === '--config') index += 2;
    else if (word === '--json' || word === '--no-color' || /^--(env|config)=/.test(word)) index += 1;
    else break;
  }
  return index === 0 || index >= argv.length ? [...argv] : [...argv.slice(index), ...argv.slice(0, index)];
}

/** Node 22 and later keep compiled code between runs when asked to. */
function enableCompileCache(): void {
  const nodeModule = createRequire(import.meta.url)('node:module') as { enableCompileCache?: () => unknown };
  nodeModule.enableCompileCache?.();
}

const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  stream.writableLength === 0 || stream.destroyed
    ? Promise.resolve()
    : new Promise((resolve) => {
        stream.write('', () => resolve());
      });
