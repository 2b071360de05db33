import { distance } from 'fastest-levenshtein';

/** The candidate nearest to what was written, if it is near enough to be what was meant. */
export function nearest(written: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const d = distance(written.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  if (best === undefined) return undefined;
  const near = bestDistance <= Math.max(1, Math.floor(written.length / 3));
  return near || lettersOf(best) === lettersOf(written) || isPart(written, best) ? best : undefined;
}

/** Equal for words that differ in the order of their letters: `dya` for `day`. */
function lettersOf(word: string): string {
  return [...word.toLowerCase()].sort().join('');
}

/** `bilirubin` for `bili`, `labs` for `patient_labs`. */
function isPart(written: string, candidate: string): boolean {
  const [short, long] = [written.toLowerCase(), candidate.toLowerCase()].sort((a, b) => a.length - b.length);
  return (
    short !== undefined && long !== undefined && short.length >= 3 && (long.startsWith(short) || long.endsWith(short))
  );
}

/** `did you mean "x"?`, or the known names where there are few, or undefined. */
export function didYouMean(written: string, candidates: Iterable<string>): string | undefined {
  const known = [...candidates];
  const near = nearest(written, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  return known.length > 0 && known.length <= 8 ? `known: ${known.sort().join(', ')}` : undefined;
}
