/** What share of the keys a change of the split moves: variants in the order of their names take ranges of buckets as large as their share. */

/** In percent, 0 to 100. A key stays where its range has the same variant before and after. */
export function movedShare(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): number {
  const [old, next] = [rangesOf(before), rangesOf(after)];
  const kept = old.reduce(
    (sum, range) =>
      sum +
      next
        .filter(({ name }) => name === range.name)
        .reduce((own, { from, to }) => own + Math.max(0, Math.min(to, range.to) - Math.max(from, range.from)), 0),
    0,
  );
  const moved = 100 - kept;
  return moved < 1e-9 ? 0 : moved;
}

export function percent(share: number): string {
  return `${Math.round(share * 100) / 100} %`;
}

function rangesOf(split: Readonly<Record<string, number>>): readonly { name: string; from: number; to: number }[] {
  let from = 0;
  return Object.keys(split)
    .sort()
    .map((name) => {
      const range = { name, from, to: from + (split[name] ?? 0) };
      from = range.to;
      return range;
    });
}
