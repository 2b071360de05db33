/**
 * Text written as bytes in UTF-8, into memory that is used again and again: little is left behind for the garbage collector,
 * and what is written stays where the processor has it at hand.
 */

const FIRST_BYTES = 2 ** 16;
/** Longer ones are not kept. */
const LONGEST_KEPT = 2 ** 20;
const KEPT = 32;
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
/** `00` to `99`, each as a number of two bytes, little end first. */
const PAIRS = Uint16Array.from(
  { length: 100 },
  (_, pair) => ZERO + Math.floor(pair / 10) + ((ZERO + (pair % 10)) << 8),
);
/** Numbers with up to so many decimals, and fifteen digits in all, are written here. */
const DECIMALS = 6;
const SCALE = 10 ** DECIMALS;
const FIFTEEN_DIGITS = 1e15;

/** A text that is written often: its bytes four by four, little end first, so that copying it takes few steps. */
export interface Piece {
  readonly length: number;
  readonly words: Uint32Array;
}

export function pieceOf(text: string): Piece {
  const length = Buffer.byteLength(text);
  const words = new Uint32Array(Math.ceil(length / 4));
  const bytes = Buffer.alloc(words.length * 4);
  bytes.write(text);
  for (let at = 0; at < words.length; at += 1) words[at] = bytes.readUInt32LE(at * 4);
  return { length, words };
}

/** The same memory seen in two ways. */
interface Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
}

const free: Memory[] = [];

function memoryOf(size: number): Memory {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

export class ByteWriter {
  private bytes: Buffer;
  private view: DataView;
  private used = 0;

  constructor() {
    const { bytes, view } = free.pop() ?? memoryOf(FIRST_BYTES);
    this.bytes = bytes;
    this.view = view;
  }

  get length(): number {
    return this.used;
  }

  /** What was written; until `release`. */
  written(): Buffer {
    return this.bytes.subarray(0, this.used);
  }

  /** Nobody reads what was written any more. Not called, the memory is the garbage collector's. */
  release(): void {
    const { bytes, view } = this;
    if (free.length < KEPT && bytes.length > 0 && bytes.length <= LONGEST_KEPT) free.push({ bytes, view });
    this.bytes = NONE.bytes;
    this.view = NONE.view;
    this.used = 0;
  }

  /** Makes sure that so many bytes more fit. */
  room(more: number): void {
    if (this.used + more <= this.bytes.length) return;
    const { bytes, view } = memoryOf(Math.max(this.used + more, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.used));
    this.bytes = bytes;
    this.view = view;
  }

  piece({ length, words }: Piece): void {
    // What the last word has beyond the text is written over by what comes next.
    this.room(words.length * 4);
    const { view, used } = this;
    for (let at = 0; at < words.length; at += 1) view.setUint32(used + at * 4, words[at] as number, true);
    this.used = used + length;
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

  /** `scaled` millionths, two digits at a time. */
  private decimal(isNegative: boolean, scaled: number): void {
    const { bytes, view } = this;
    let at = this.used;
    if (isNegative) bytes[at++] = MINUS;
    const whole = (scaled / SCALE) | 0;
    const rest = (scaled - whole * SCALE) | 0;
    at = digits(bytes, view, at, whole);
    if (rest !== 0) {
      const front = (rest / 10_000) | 0;
      const middle = ((rest / 100) | 0) - front * 100;
      bytes[at] = POINT;
      view.setUint16(at + 1, PAIRS[front] as number, true);
      view.setUint16(at + 3, PAIRS[middle] as number, true);
      view.setUint16(at + 5, PAIRS[rest - front * 10_000 - middle * 100] as number, true);
      at += 1 + DECIMALS;
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

const NONE = memoryOf(0);

/** A whole number below 2^31. Returns where it ends. */
function digits(bytes: Buffer, view: DataView, from: number, whole: number): number {
  if (whole < 10) {
    bytes[from] = ZERO + whole;
    return from + 1;
  }
  let length = 2;
  for (let bound = 100; whole >= bound; bound *= 10) length += 1;
  let left = whole;
  let at = from + length;
  for (; left >= 100; at -= 2) {
    const next = (left / 100) | 0;
    view.setUint16(at - 2, PAIRS[left - next * 100] as number, true);
    left = next;
  }
  if (left < 10) bytes[at - 1] = ZERO + left;
  else view.setUint16(at - 2, PAIRS[left] as number, true);
  return from + length;
}
