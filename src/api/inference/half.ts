/** IEEE 754 binary16, which JavaScript has no array of yet. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of the nearest half, ties to even; beyond 65504 infinity. */
export function halfOf(value: number): number {
  float[0] = value;
  const all = bits[0]!;
  const sign = (all >>> 16) & 0x8000;
  const exponent = (all >>> 23) & 0xff;
  const fraction = all & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const unbiased = exponent - 127;
  if (unbiased > 15) return sign | 0x7c00;
  if (unbiased < -25) return sign;
  const whole = fraction | 0x800000;
  // Normal halves keep 10 bits of the 23; subnormal ones lose one more for each power below 2^-14.
  const shift = unbiased < -14 ? 13 + (-14 - unbiased) : 13;
  const kept = whole >>> shift;
  const rest = whole & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const rounded = rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
  // The leading one of a normal half adds 1 to the exponent; so does a carry.
  return sign | (unbiased < -14 ? rounded : ((unbiased + 14) << 10) + rounded);
}

export function numberOfHalf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
