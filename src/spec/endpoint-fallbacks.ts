/** Who answers for a variant that cannot: another one, and in the end one that has nobody behind it. */
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalEndpoint } from './canonical-specs.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';

/** SP104 of one that there is not, EP108 of those that come back to where they began, once each. */
export function checkFallbacks(variants: CanonicalEndpoint['variants'], into: Canonicalizing): void {
  const told = new Set<string>();
  for (const [name, { fallback }] of Object.entries(variants)) {
    if (fallback === undefined) continue;
    const pointer = `${pointerTo('/variants', name)}/fallback`;
    if (variants[fallback] === undefined) {
      report(into, 'SP104', pointer, `There is no variant "${fallback}".`, {
        hint: didYouMean(fallback, Object.keys(variants)),
      });
      continue;
    }
    const path = pathFrom(name, variants);
    if (path.at(-1) !== name || told.has(name)) continue;
    for (const one of path) told.add(one);
    report(
      into,
      'EP108',
      pointer,
      path.length === 2
        ? `"${name}" is its own fallback: where it cannot answer, it cannot answer.`
        : `These variants fall back to each other, and nobody answers where all of them cannot: ${path.join(' → ')}.`,
      { hint: 'the last one has no "fallback"' },
    );
  }
}

/** From a variant over its fallbacks, up to one that is on the way already. */
function pathFrom(start: string, variants: CanonicalEndpoint['variants']): readonly string[] {
  const path = [start];
  for (;;) {
    const next: string | undefined = variants[path.at(-1) ?? '']?.fallback;
    if (next === undefined) return path;
    path.push(next);
    if (path.indexOf(next) < path.length - 1) return path;
  }
}
