/**
 * `npm run fuzz:lifecycle`: random lives of projects until it is stopped, or until one fails.
 * --seed S: the first seed (default: one of now). --cases N: so many (default: no end).
 */
import { fuzz, textOfFound } from './fuzz.ts';
import { memorySite } from './site.ts';

const EVERY_MS = 5_000;

function option(name: string): number | undefined {
  const at = process.argv.indexOf(name);
  const value = at < 0 ? undefined : Number(process.argv[at + 1]);
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return value;
  throw new Error(`${name} takes a whole number`);
}

const firstSeed = option('--seed') ?? Date.now() % 1_000_000_000;
const cases = option('--cases') ?? Number.POSITIVE_INFINITY;
let stopped = false;
let done = 0;
let toldAt = performance.now();
process.once('SIGINT', () => {
  stopped = true;
});
console.log(`from seed ${firstSeed}${Number.isFinite(cases) ? `, ${cases} cases` : ', until Ctrl-C'}`);
const found = await fuzz({
  cases,
  firstSeed,
  site: memorySite,
  goOn: () => !stopped,
  onCase: (seed, count) => {
    done = count;
    if (performance.now() - toldAt < EVERY_MS) return;
    toldAt = performance.now();
    console.log(`${count} cases hold, last seed ${seed}`);
  },
});
console.log(found === undefined ? `${done} cases hold` : `${done} cases hold, then\n${textOfFound(found)}`);
process.exitCode = found === undefined ? 0 : 1;
