/**
 * The distributions that tests and intervals are made of. Series and continued fractions as in Press et al., Numerical Recipes (3rd ed., 2007),
 * 6.1 to 6.4; quantiles by halving what the cumulative function is monotone in. Relative errors stay below 1e-10; test/lib/distributions.test.ts.
 */

/** Lanczos' approximation with g = 7 and nine terms. `x` > 0. */
export function logGamma(x: number): number {
  const sum = LANCZOS.reduce((total, term, index) => total + term / (x + index), 0.99999999999980993);
  const base = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(base) - base + Math.log(sum);
}

const LANCZOS: readonly number[] = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** The upper regularized incomplete gamma function Q(a, x). */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const scale = Math.exp(-x + a * Math.log(x) - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = a + 1; Math.abs(term) > Math.abs(sum) * EPSILON; n += 1) {
      term *= x / n;
      sum += term;
    }
    return 1 - sum * scale;
  }
  return scale * continued((n) => (n === 0 ? [1, x + 1 - a] : [-n * (n - a), x + 2 * n + 1 - a]));
}

/** The regularized incomplete beta function I_x(a, b). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // Its continued fraction is quick on this side; the other follows by symmetry.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const scale = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  return (
    scale *
    continued((n) => {
      if (n === 0) return [1, 1];
      const m = Math.floor(n / 2);
      if (n % 2 === 0) return [(m * (b - m) * x) / ((a + n - 1) * (a + n)), 1];
      return [(-(a + m) * (a + b + m) * x) / ((a + n - 1) * (a + n)), 1];
    })
  );
}

/** a0/(b0 + a1/(b1 + …)) by Lentz's method. */
function continued(terms: (n: number) => readonly [a: number, b: number]): number {
  let value = TINY;
  let c = TINY;
  let d = 0;
  for (let n = 0; n < 10_000; n += 1) {
    const [a, b] = terms(n);
    d = nonZero(b + a * d);
    c = nonZero(b + a / c);
    d = 1 / d;
    const change = c * d;
    value *= change;
    if (Math.abs(change - 1) < EPSILON) break;
  }
  return value - TINY;
}

const ALMOST_NORMAL = 1e7;
const EPSILON = 1e-15;
const TINY = 1e-300;
const nonZero = (value: number): number => (Math.abs(value) < TINY ? TINY : value);

/** P(Z ≤ z), precise in both tails. */
export function normalCdf(z: number): number {
  const tail = 0.5 * upperGamma(0.5, (z * z) / 2);
  return z > 0 ? 1 - tail : tail;
}

/** P(|Z| ≥ |z|). */
export const normalTwoSided = (z: number): number => upperGamma(0.5, (z * z) / 2);

/** The z with P(Z ≤ z) = p. 0 < p < 1. */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  return halved((z) => normalCdf(z) < p, -40, 0);
}

/** P(|T| ≥ |t|) with so many degrees of freedom. */
export function studentTwoSided(t: number, freedom: number): number {
  if (freedom > ALMOST_NORMAL) return normalTwoSided(t);
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

/** The t > 0 with P(|T| ≥ t) = alpha. */
export function studentCritical(alpha: number, freedom: number): number {
  let high = 2;
  while (studentTwoSided(high, freedom) > alpha) high *= 2;
  return halved((t) => studentTwoSided(t, freedom) > alpha, 0, high);
}

/** P(X² ≥ x) with so many degrees of freedom. */
export const chiSquareUpper = (x: number, freedom: number): number => upperGamma(freedom / 2, x / 2);

/** Where `below` turns from true to false. */
export function halved(below: (x: number) => boolean, low: number, high: number): number {
  let [from, to] = [low, high];
  for (let step = 0; step < 200; step += 1) {
    const middle = (from + to) / 2;
    if (middle === from || middle === to) break;
    if (below(middle)) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}
