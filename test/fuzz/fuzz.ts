/** Cases one after the other, each from its seed; the first that fails is cut down and told so that it can be run again. */
import { type Command, randomCase, textOf } from './commands.ts';
import { type Failure, runCase } from './run-case.ts';
import { shrink } from './shrink.ts';
import type { Site } from './site.ts';

export interface Found {
  readonly seed: number;
  readonly least: readonly Command[];
  readonly failure: Failure;
}

export interface FuzzInput {
  readonly cases: number;
  readonly firstSeed: number;
  readonly site: () => Site | Promise<Site>;
  readonly onCase?: (seed: number, cases: number) => void;
  readonly goOn?: () => boolean;
}

/** Undefined where all of them hold. */
export async function fuzz({
  cases,
  firstSeed,
  site,
  onCase = () => {},
  goOn = () => true,
}: FuzzInput): Promise<Found | undefined> {
  for (let index = 0; index < cases && goOn(); index += 1) {
    const seed = firstSeed + index;
    const commands = randomCase(seed);
    if ((await runCase(commands, await site())) !== undefined) {
      const least = await shrink(commands, async (fewer) => (await runCase(fewer, await site())) !== undefined);
      const failure = await runCase(least, await site());
      // A case that fails only sometimes is told as it was.
      return { seed, least, failure: failure ?? { at: 0, problems: ['it failed, and did not when it was run again'] } };
    }
    onCase(seed, index + 1);
  }
  return undefined;
}

export function textOfFound({ seed, least, failure }: Found): string {
  const where = failure.at === least.length ? 'at the end' : `at command ${failure.at + 1}`;
  return [
    `seed ${seed} fails ${where}; the least case of it has ${least.length} commands:`,
    textOf(least),
    ...failure.problems.map((problem) => `  → ${problem}`),
    `again: npm run fuzz:lifecycle -- --seed ${seed} --cases 1`,
  ].join('\n');
}
