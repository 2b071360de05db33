/**
 * A model is tried before it serves: with values made up from a fixed seed it must answer what it declares. The same runs tell whether each row
 * is answered by itself, so that requests may be run together, and whether that pays.
 */
import { MlopsError } from '../../lib/error.ts';
import type { TensorSpec } from '../../stores/control/registry.ts';
import { unfit } from '../onnx-tensors.ts';
import type { OnnxFile } from './onnx-file.ts';
import { joinRows, rowsOf } from './tensor-rows.ts';
import type { RawTensor, RawTensors, TensorData, TensorType } from './tensors.ts';

export interface TrialFindings {
  readonly rowsApart: boolean | null;
  readonly batches: boolean;
  readonly oneRow: boolean;
}

interface TrialOptions {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly file: OnnxFile;
  readonly run: (feeds: RawTensors, outputs: readonly string[]) => Promise<RawTensors>;
}

/** Operators whose answer has a shape that values decide, also such of floats. */
const BY_VALUES: ReadonlySet<string> = new Set([
  'Compress',
  'Loop',
  'NonMaxSuppression',
  'NonZero',
  'OneHot',
  'Range',
  'Resize',
  'StringNormalizer',
  'StringSplit',
  'Unique',
  'Upsample',
]);

type Fill = 'drawn' | 'ones' | 'zeros';

/** Elements of all inputs of a trial together. */
const MOST_ELEMENTS = 2 ** 22;
/** A model that takes longer for a row is not run again: it would hold up those that serve. */
const LONG_MS = 50;
const MANY = 8;
/** What many rows together must cost at most, of what they cost one by one. */
const PAYS = 0.7;
/** Sums of 32-bit floats in another order; far below what another row would make of them. */
const TOLERANCE = 1e-4;
const UNKNOWN: TrialFindings = { rowsApart: null, batches: false, oneRow: false };

/** MD204 where the model fails whatever it is given, or answers other types and shapes than it declares. */
export async function runTrial(options: TrialOptions): Promise<TrialFindings> {
  const { inputs, outputs } = options;
  const oneRow =
    inputs.some(({ shape }) => shape[0] === 1) && inputs.every(({ shape }) => shape[0] === 1 || shape.length === 0);
  const known = inputs.every(({ shape }) => shape.slice(1).every((size) => size >= 0));
  if (!known || outputs.length === 0 || elements(inputs, MANY) > MOST_ELEMENTS) return { ...UNKNOWN, oneRow };
  const names = outputs.map(({ name }) => name);
  const begun = performance.now();
  const fill = await firstAnswer(options, names);
  if (fill === undefined) return { ...UNKNOWN, oneRow };
  const many = inputs.length > 0 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1);
  if (!many) return { rowsApart: false, batches: false, oneRow };
  // With the same values in every row nobody sees whether they are mixed.
  if (fill !== 'drawn' || performance.now() - begun > LONG_MS) return { ...UNKNOWN, oneRow };
  return together(options, names, fill);
}

/** Tries one row of each kind of values until it is answered; checks the answer. Undefined where it cannot be told why none is. */
async function firstAnswer(
  { inputs, outputs, file, run }: TrialOptions,
  names: readonly string[],
): Promise<Fill | undefined> {
  // Whole numbers may be sizes: made up ones make others than the file declares.
  const floats = inputs.every(({ dtype }) => dtype.startsWith('float'));
  let failure: unknown;
  for (const fill of ['drawn', 'ones', 'zeros'] as const) {
    let answer: RawTensors;
    try {
      answer = await run(feedsFor(inputs, 1, fill, 1), names);
    } catch (error) {
      failure = error;
      continue;
    }
    const telling = floats && ![...file.operators].some((operator) => BY_VALUES.has(operator));
    for (const output of outputs) refuseLie(output, file.outputs.get(output.name), answer[output.name], telling);
    return fill;
  }
  // Numbers that index or divide, and texts that are read, cannot be made up.
  if (!floats) return undefined;
  const why = failure instanceof MlopsError ? failure.detail : String(failure);
  throw unfit(`it fails with values of the types and shapes that it declares (${why})`);
}

/** `telling`: the answer has one shape, whatever the values. What the runtime has worked out to be another shape is a lie in any case. */
function refuseLie(
  { name, dtype, shape }: TensorSpec,
  written: readonly number[] | undefined,
  answer: RawTensor | undefined,
  telling: boolean,
): void {
  if (answer === undefined) throw unfit(`it does not answer its output "${name}"`);
  if (answer.type !== dtype) throw unfit(`its output "${name}" is declared ${dtype} but answered as ${answer.type}`);
  const said = written ?? shape;
  const fits = said.length === answer.dims.length && said.every((size, at) => size < 0 || size === answer.dims[at]);
  const workedOut = said.length !== shape.length || said.some((size, at) => size >= 0 && size !== shape[at]);
  if (!fits && (telling || workedOut))
    throw unfit(
      `its output "${name}" is declared with the shape [${said.join(', ')}] but answered with [${answer.dims.join(', ')}]`,
      'export it again: what reads its answers goes by the shape that the file declares',
    );
}

async function together({ inputs, run }: TrialOptions, names: readonly string[], fill: Fill): Promise<TrialFindings> {
  const apart: TrialFindings = { rowsApart: false, batches: false, oneRow: false };
  try {
    for (const seed of [2, 3]) {
      const feeds = feedsFor(inputs, 3, fill, seed);
      const [whole, first, rest] = [
        await run(feeds, names),
        await run(rowsOfAll(feeds, 0, 1), names),
        await run(rowsOfAll(feeds, 1, 3), names),
      ];
      for (const name of names) if (!sameRows(whole[name]!, first[name]!, rest[name]!)) return apart;
    }
  } catch {
    // One row it did answer.
    return { ...apart, oneRow: true };
  }
  const cost = async (rows: number): Promise<number> => {
    const feeds = feedsFor(inputs, rows, fill, 4);
    let least = Number.POSITIVE_INFINITY;
    for (let times = 0; times < 3; times += 1) {
      const begun = performance.now();
      await run(feeds, names);
      least = Math.min(least, performance.now() - begun);
    }
    return least;
  };
  const alone = await cost(1);
  return { rowsApart: true, batches: (await cost(MANY)) < PAYS * MANY * alone, oneRow: false };
}

function sameRows(whole: RawTensor, first: RawTensor, rest: RawTensor): boolean {
  if (whole.dims[0] !== 3 || first.dims[0] !== 1 || rest.dims[0] !== 2) return false;
  const joined = joinRows([first, rest]);
  if (joined.data.length !== whole.data.length) return false;
  for (let at = 0; at < joined.data.length; at += 1)
    if (!same(joined.data[at], whole.data[at], whole.type)) return false;
  return true;
}

function same(a: unknown, b: unknown, type: TensorType): boolean {
  if (Object.is(a, b)) return true;
  if (type !== 'float32' && type !== 'float64') return false;
  const [left, right] = [a as number, b as number];
  if (Number.isNaN(left) && Number.isNaN(right)) return true;
  return Math.abs(left - right) <= TOLERANCE * Math.max(1, Math.abs(left), Math.abs(right));
}

function rowsOfAll(feeds: RawTensors, from: number, to: number): RawTensors {
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, rowsOf(tensor, from, to)]));
}

function elements(inputs: readonly TensorSpec[], rows: number): number {
  return inputs.reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * (size < 0 ? rows : size), 1),
    0,
  );
}

function feedsFor(inputs: readonly TensorSpec[], rows: number, fill: Fill, seed: number): RawTensors {
  const draw = generator(seed);
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }): [string, RawTensor] => {
      const dims = shape.map((size, at) => (at === 0 && size < 0 ? rows : size));
      const count = dims.reduce((product, size) => product * size, 1);
      const zero = dtype.startsWith('float') ? 0 : 1;
      const value = fill === 'drawn' ? draw : () => (fill === 'ones' ? 1 : zero);
      return [name, { type: dtype as TensorType, dims, data: filled(dtype as TensorType, count, value) }];
    }),
  );
}

const HALF_ONE = 0x3c00;

/** `value`: from -1 to 1. Whole numbers are 1 and 2, never 0: ONNX Runtime has operators that a 0 ends the whole process in. */
function filled(type: TensorType, count: number, value: () => number): TensorData {
  const from = { length: count };
  const whole = (): number => (value() > 0 ? 1 : 2);
  const truth = (): number => (value() > 0 ? 1 : 0);
  switch (type) {
    case 'float32':
      return Float32Array.from(from, value);
    case 'float64':
      return Float64Array.from(from, value);
    case 'float16':
      return Uint16Array.from(from, () => truth() * HALF_ONE);
    case 'int64':
      return BigInt64Array.from(from, () => BigInt(whole()));
    case 'uint64':
      return BigUint64Array.from(from, () => BigInt(whole()));
    case 'string':
      return Array.from(from, () => String(whole()));
    case 'int8':
      return Int8Array.from(from, whole);
    case 'int16':
      return Int16Array.from(from, whole);
    case 'int32':
      return Int32Array.from(from, whole);
    case 'uint16':
      return Uint16Array.from(from, whole);
    case 'uint32':
      return Uint32Array.from(from, whole);
    case 'bool':
      return Uint8Array.from(from, truth);
    case 'uint8':
      return Uint8Array.from(from, whole);
  }
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}
