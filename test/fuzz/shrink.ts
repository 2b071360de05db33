/** The least of a failing case: parts are left out, then mishaps, then other values are made small, for as long as it fails. */
import type { Command } from './commands.ts';

const MOST_TRIALS = 600;

/** `fails`: of a case, from the start. The case given fails. */
export async function shrink(
  commands: readonly Command[],
  fails: (commands: readonly Command[]) => Promise<boolean>,
): Promise<readonly Command[]> {
  let least = commands;
  let trials = 0;
  async function better(candidate: readonly Command[]): Promise<boolean> {
    trials += 1;
    if (trials > MOST_TRIALS || !(await fails(candidate))) return false;
    least = candidate;
    return true;
  }
  for (let improved = true; improved && trials < MOST_TRIALS; ) {
    improved = false;
    for (let length = Math.ceil(least.length / 2); length >= 1; length = Math.floor(length / 2)) {
      for (let from = least.length - length; from >= 0; from -= length) {
        if (await better([...least.slice(0, from), ...least.slice(from + length)])) improved = true;
      }
    }
    for (let index = 0; index < least.length; index += 1) {
      for (const simpler of simplerThan(least[index] as Command)) {
        if (await better([...least.slice(0, index), simpler, ...least.slice(index + 1)])) improved = true;
      }
    }
  }
  return least;
}

function simplerThan(command: Command): readonly Command[] {
  const without = (member: string): readonly Command[] => {
    if (!(member in command)) return [];
    const { [member as keyof Command]: _, ...rest } = command;
    return [rest as Command];
  };
  return [
    ...['fail', 'die', 'sleep', 'target', 'forward'].flatMap(without),
    ...('atOnce' in command && command.atOnce > 1 ? [{ ...command, atOnce: 1 }] : []),
    ...('value' in command && command.value > 0 ? [{ ...command, value: command.value - 1 }] : []),
  ];
}
