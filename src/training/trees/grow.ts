/**
 * Grows one tree on gradients and hessians of a loss. One grower serves both trainers: boosting passes the loss's
 * derivatives; a forest passes g = -y and h = 1 (times the bootstrap weight), for which the gain is the reduction of
 * variance and a leaf is a mean.
 *
 * T. Chen, C. Guestrin, XGBoost: A Scalable Tree Boosting System (KDD 2016, arXiv:1603.02754):
 *   leaf value  w* = -G / (H + λ)                                                       (eq. 5)
 *   split gain  ½ [ GL²/(HL+λ) + GR²/(HR+λ) - (GL+GR)²/(HL+HR+λ) ]                        (eq. 7, γ = minGain)
 *   missing values are tried on both sides and stay on the better one                    (algorithm 3)
 * Where a node met no missing value, they follow the side with the greater hessian.
 */
import { type Random, shuffleFirst } from '../random.ts';
import { type BinnedMatrix, MISSING_BIN } from './bins.ts';
import type { Tree } from './tree.ts';

export interface GrowSettings {
  readonly maxDepth: number;
  /** λ: shrinks leaves towards 0. */
  readonly l2: number;
  /** A side of a split has at least this sum of hessians. */
  readonly minChildWeight: number;
  /** A split gains more than this. */
  readonly minGain: number;
  /** How many features each split may choose from. */
  readonly featuresPerSplit: number;
  /** Each leaf is multiplied by it. */
  readonly shrinkage: number;
}

interface Split {
  readonly feature: number;
  /** The last bin that goes left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly gain: number;
}

interface Sums {
  g: number;
  h: number;
}

export function growTree(
  data: BinnedMatrix,
  gradient: Float64Array,
  hessian: Float64Array,
  rows: Uint32Array,
  settings: GrowSettings,
  random: Random,
): Tree {
  const feature: number[] = [];
  const threshold: number[] = [];
  const left: number[] = [];
  const right: number[] = [];
  const missingLeft: number[] = [];
  const value: number[] = [];
  const candidates = Uint32Array.from(data.features, (_, at) => at);
  const histogram = new Float64Array(512);

  const addNode = (): number => {
    feature.push(-1);
    threshold.push(0);
    left.push(0);
    right.push(0);
    missingLeft.push(0);
    value.push(0);
    return feature.length - 1;
  };

  const grow = (nodeRows: Uint32Array, depth: number): number => {
    const node = addNode();
    const total: Sums = { g: 0, h: 0 };
    for (const row of nodeRows) {
      total.g += gradient[row]!;
      total.h += hessian[row]!;
    }
    const split =
      depth < settings.maxDepth && total.h >= 2 * settings.minChildWeight
        ? bestSplit(
            data,
            gradient,
            hessian,
            nodeRows,
            total,
            settings,
            featuresToTry(candidates, settings, random),
            histogram,
          )
        : undefined;
    if (split === undefined) {
      value[node] = Math.fround((-total.g / (total.h + settings.l2)) * settings.shrinkage);
      return node;
    }
    const binned = data.features[split.feature]!;
    const [leftRows, rightRows] = partition(nodeRows, binned.codes, split);
    feature[node] = split.feature;
    threshold[node] = binned.cuts[split.bin]!;
    missingLeft[node] = split.missingLeft ? 1 : 0;
    left[node] = grow(leftRows, depth + 1);
    right[node] = grow(rightRows, depth + 1);
    return node;
  };
  grow(rows, 0);
  return {
    feature: Int32Array.from(feature),
    threshold: Float32Array.from(threshold),
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    missingLeft: Uint8Array.from(missingLeft),
    value: Float32Array.from(value),
  };
}

function featuresToTry(candidates: Uint32Array, settings: GrowSettings, random: Random): Uint32Array {
  if (settings.featuresPerSplit >= candidates.length) return candidates;
  return shuffleFirst(candidates, settings.featuresPerSplit, random);
}

function bestSplit(
  data: BinnedMatrix,
  gradient: Float64Array,
  hessian: Float64Array,
  rows: Uint32Array,
  total: Sums,
  settings: GrowSettings,
  features: Uint32Array,
  histogram: Float64Array,
): Split | undefined {
  const { l2, minChildWeight } = settings;
  const score = (g: number, h: number): number => (h + l2 > 0 ? (g * g) / (h + l2) : 0);
  const parent = score(total.g, total.h);
  let best: Split | undefined;
  for (const feature of features) {
    const { codes, cuts } = data.features[feature]!;
    histogram.fill(0);
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i]!;
      const at = codes[row]! * 2;
      histogram[at] = histogram[at]! + gradient[row]!;
      histogram[at + 1] = histogram[at + 1]! + hessian[row]!;
    }
    const missingG = histogram[MISSING_BIN * 2]!;
    const missingH = histogram[MISSING_BIN * 2 + 1]!;
    let g = 0;
    let h = 0;
    for (let bin = 0; bin < cuts.length; bin += 1) {
      const binH = histogram[bin * 2 + 1]!;
      if (binH === 0 && bin < cuts.length - 1) continue;
      g += histogram[bin * 2]!;
      h += binH;
      for (const missingLeft of missingH > 0 ? [true, false] : [h * 2 >= total.h]) {
        const leftG = missingLeft ? g + missingG : g;
        const leftH = missingLeft ? h + missingH : h;
        const rightH = total.h - leftH;
        if (leftH < minChildWeight || rightH < minChildWeight || leftH <= 0 || rightH <= 1e-12) continue;
        const gain = (score(leftG, leftH) + score(total.g - leftG, rightH) - parent) / 2;
        if (gain > settings.minGain && gain > (best?.gain ?? 0) + 1e-12) best = { feature, bin, missingLeft, gain };
      }
    }
  }
  return best;
}

function partition(rows: Uint32Array, codes: Uint8Array, split: Split): [Uint32Array, Uint32Array] {
  const leftRows = new Uint32Array(rows.length);
  const rightRows = new Uint32Array(rows.length);
  let lefts = 0;
  let rights = 0;
  for (const row of rows) {
    const code = codes[row]!;
    if (code === MISSING_BIN ? split.missingLeft : code <= split.bin) {
      leftRows[lefts] = row;
      lefts += 1;
    } else {
      rightRows[rights] = row;
      rights += 1;
    }
  }
  return [leftRows.slice(0, lefts), rightRows.slice(0, rights)];
}
