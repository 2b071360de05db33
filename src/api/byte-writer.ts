/**
 * Text written as bytes in UTF-8, into memory that is used again and again: little is left behind for the garbage collector,
 * and what is written stays where the processor has it at hand.
 */

const FIRST_BYTES = 2 ** 16;
/** Longer ones are not kept. */
const LONGEST_KEPT = 2 ** 20;
const KEPT = 8;
/** A character of a text in UTF-8 at most. */
const BYTES_A_CHARACTER = 3;
/** `-1.2345678901234567e-300` and the like. */
const LONGEST_NUMBER = 32;
/** Shorter ones are copied here: the way to the engine's own copying costs more. */
const SHORT = 32;
const QUOTE = 0x22;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
/** Numbers with up to so many decimals, and fifteen digits in all, are written here. */
const DECIMALS = 6;
const SCALE = 10 ** DECIMALS;
const FIFTEEN_DIGITS = 1e15;

const free: Buffer[] = [];

export class ByteWriter {
  private bytes: Buffer = free.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES);
  private used = 0;

  get length(): number {
    return this.used;
  }

  /** What was written; until `release`. */
  written(): Buffer {
    return this.bytes.subarray(0, this.used);
  }

  /** Nobody reads what was written any more. Not called, the memory is the garbage collector's. */
  release(): void {
    if (free.length < KEPT && this.bytes.length <= LONGEST_KEPT) free.push(this.bytes);
    this.bytes = NONE;
    this.used = 0;
  }

  /** Makes sure that so many bytes more fit. */
  room(more: number): void {
    if (this.used + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.used + more, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.used));
    this.bytes = larger;
  }

  raw(part: Uint8Array): void {
    const { length } = part;
    this.room(length);
    const { bytes, used } = this;
    if (length > SHORT) bytes.set(part, used);
    else for (let at = 0; at < length; at += 1) bytes[used + at] = part[at] as number;
    this.used = used + length;
  }

  text(text: string): void {
    this.room(text.length * BYTES_A_CHARACTER);
    this.used += this.bytes.write(text, this.used, 'utf8');
  }

  /** In quotation marks; of characters that JSON does not escape. */
  quoted(text: string): void {
    this.room(text.length + 2);
    this.bytes[this.used++] = QUOTE;
    this.ascii(text);
    this.bytes[this.used++] = QUOTE;
  }

  /**
   * A finite number as JSON writes it: the shortest digits that are read back as the same number. A number of fifteen digits at
   * most is read back from these and from no shorter ones; where they say it with six decimals, they are written without the
   * engine's search for them.
   */
  number(value: number): void {
    this.room(LONGEST_NUMBER);
    const size = Math.abs(value);
    const scaled = Math.round(size * SCALE);
    if (scaled < FIFTEEN_DIGITS && scaled / SCALE === size) this.decimal(value < 0, scaled);
    else this.ascii(String(value));
  }

  /** `scaled` millionths. */
  private decimal(isNegative: boolean, scaled: number): void {
    const { bytes } = this;
    let at = this.used;
    if (isNegative) bytes[at++] = MINUS;
    const whole = Math.floor(scaled / SCALE);
    let rest = scaled - whole * SCALE;
    at += digitsOf(whole);
    let left = whole;
    let place = at;
    do {
      const next = Math.floor(left / 10);
      bytes[--place] = ZERO + left - next * 10;
      left = next;
    } while (left > 0);
    if (rest > 0) {
      const point = at;
      bytes[point] = POINT;
      at += 1 + DECIMALS;
      for (place = at - 1; place > point; place -= 1) {
        const next = Math.floor(rest / 10);
        bytes[place] = ZERO + rest - next * 10;
        rest = next;
      }
      while (bytes[at - 1] === ZERO) at -= 1;
    }
    this.used = at;
  }

  private ascii(text: string): void {
    const { bytes, used } = this;
    for (let at = 0; at < text.length; at += 1) bytes[used + at] = text.charCodeAt(at);
    this.used = used + text.length;
  }
}

const NONE = Buffer.alloc(0);

function digitsOf(whole: number): number {
  let digits = 1;
  for (let bound = 10; whole >= bound; bound *= 10) digits += 1;
  return digits;
}
