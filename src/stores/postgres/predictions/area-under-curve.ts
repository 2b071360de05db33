/**
 * The area under the ROC curve: the probability that a row that turned out 1 has a higher score than one that turned out 0, ties half. By
 * ranks: J. A. Hanley, B. J. McNeil, Radiology 143 (1982). Null where one of the two classes is missing.
 */
export function areaUnderCurve(scores: readonly number[], labels: readonly number[]): number | null {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!);
  let positives = 0;
  let ranks = 0;
  for (let from = 0; from < order.length; ) {
    let until = from + 1;
    while (until < order.length && scores[order[until]!] === scores[order[from]!]) until += 1;
    // Ranks count from 1; those of a tie are its middle.
    const rank = (from + 1 + until) / 2;
    for (let at = from; at < until; at += 1) {
      if (labels[order[at]!] !== 1) continue;
      positives += 1;
      ranks += rank;
    }
    from = until;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return null;
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}
