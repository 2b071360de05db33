/**
 * A look into an ONNX file before the runtime gets it: what it says of its inputs and outputs, and what no file from elsewhere may ask for
 * (data outside of itself, tensors of more elements than memory has). Numbers of fields are those of onnx.proto.
 */
import { unfit } from '../onnx-tensors.ts';
import { fieldsOf, varintsOf, WireError } from './wire.ts';

export interface OnnxFile {
  /** All that its graphs use. */
  readonly operators: ReadonlySet<string>;
  /** Inputs for which the file says no shape. */
  readonly shapeless: ReadonlySet<string>;
  /** What the file declares of its outputs, by name: -1 for any length; undefined where it says no shape. */
  readonly outputs: ReadonlyMap<string, readonly number[] | undefined>;
}

interface Tensor {
  readonly dims: readonly bigint[];
  /** Of one of int64 with few elements, which may be a shape. */
  readonly shape: readonly bigint[] | undefined;
}

/** Where a part of the file is: what it can name, what is gathered, how deep. */
interface Place {
  readonly constants: Map<string, Tensor>;
  readonly operators: Set<string>;
  readonly depth: number;
}

/** By the number of the field of a graph that holds them: inputs 11, outputs 12. */
type Declared = { readonly [field: number]: Map<string, readonly number[] | undefined> };

/** Elements of one tensor that a file may ask for. */
const MOST_ELEMENTS = 2n ** 30n;
const DEEPEST = 32;
const INT64 = 7n;
const EXTERNAL = 1n;
/** Operators that make a tensor of the shape in one of their inputs: which one. */
const SHAPED_BY: Readonly<Record<string, number>> = { ConstantOfShape: 0, Expand: 1, RandomNormal: 0 };
const text = new TextDecoder();

/** MD204 where the bytes are no ONNX file, or one that must not be loaded. */
export function readOnnxFile(content: Uint8Array): OnnxFile {
  const operators = new Set<string>();
  const inputs = new Map<string, readonly number[] | undefined>();
  const outputs = new Map<string, readonly number[] | undefined>();
  try {
    let graphs = 0;
    for (const { number, bytes } of fieldsOf(content)) {
      if (number === 7 && bytes !== undefined) {
        graphs += 1;
        checkGraph(bytes, { constants: new Map(), operators, depth: 0 }, { 11: inputs, 12: outputs });
      }
      if (number === 25 && bytes !== undefined) checkFunction(bytes, operators);
    }
    if (graphs !== 1)
      throw unfit(graphs === 0 ? 'the file is no ONNX model: it holds no graph' : 'the file holds several graphs');
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw unfit(`the file is damaged or no ONNX model: ${error.message}`, 'export it again, and upload the whole file');
  }
  const shapeless = [...inputs].flatMap(([name, shape]) => (shape === undefined ? [name] : []));
  return { operators, shapeless: new Set(shapeless), outputs };
}

function checkGraph(graph: Uint8Array, { constants: above, operators, depth }: Place, declared: Declared = {}): void {
  if (depth > DEEPEST) throw unfit(`its graphs are nested more than ${DEEPEST} deep`);
  const constants = new Map(above);
  const nodes: Uint8Array[] = [];
  for (const { number, bytes } of fieldsOf(graph)) {
    if (bytes === undefined) continue;
    if (number === 1) nodes.push(bytes);
    else if (number === 5) {
      const { name, tensor } = checkTensor(bytes);
      constants.set(name, tensor);
    } else if (declared[number] !== undefined) {
      const { name, shape } = valueInfo(bytes);
      declared[number].set(name, shape);
    }
  }
  for (const node of nodes) checkNode(node, { constants, operators, depth });
}

function checkFunction(body: Uint8Array, operators: Set<string>): void {
  const place = { constants: new Map<string, Tensor>(), operators, depth: 0 };
  for (const { number, bytes } of fieldsOf(body)) if (number === 7 && bytes !== undefined) checkNode(bytes, place);
}

function checkNode(node: Uint8Array, place: Place): void {
  const { constants, operators } = place;
  const inputs: string[] = [];
  let output = '';
  let operator = '';
  for (const { number, bytes } of fieldsOf(node)) {
    if (bytes === undefined) continue;
    if (number === 1) inputs.push(text.decode(bytes));
    else if (number === 2 && output === '') output = text.decode(bytes);
    else if (number === 4) operator = text.decode(bytes);
    else if (number === 5) {
      const constant = checkAttribute(bytes, place);
      if (operator === 'Constant' || operator === '') constants.set(output, constant ?? { dims: [], shape: undefined });
    }
  }
  operators.add(operator);
  const shapedBy = SHAPED_BY[operator];
  const shape = shapedBy === undefined ? undefined : constants.get(inputs[shapedBy] ?? '')?.shape;
  if (shape !== undefined) refuseHuge(shape, `its operator ${operator}`);
}

/** The tensor that it holds, if it holds one. */
function checkAttribute(attribute: Uint8Array, place: Place): Tensor | undefined {
  let found: Tensor | undefined;
  for (const { number, bytes } of fieldsOf(attribute)) {
    if (bytes === undefined) continue;
    if (number === 5 || number === 10) found = checkTensor(bytes).tensor;
    else if (number === 6 || number === 11) checkGraph(bytes, { ...place, depth: place.depth + 1 });
  }
  return found;
}

function checkTensor(tensor: Uint8Array): { readonly name: string; readonly tensor: Tensor } {
  const dims: bigint[] = [];
  const values: bigint[] = [];
  let type = 0n;
  let name = '';
  let raw: Uint8Array | undefined;
  let external = false;
  for (const field of fieldsOf(tensor)) {
    const { number, bytes, value } = field;
    if (number === 1) dims.push(...varintsOf(field));
    else if (number === 2) type = value;
    else if (number === 7 && (bytes?.length ?? 0) < 100) values.push(...varintsOf(field));
    else if (number === 8 && bytes !== undefined) name = text.decode(bytes);
    else if (number === 9) raw = bytes;
    else if (number === 13 || (number === 14 && value === EXTERNAL)) external = true;
  }
  if (external)
    throw unfit(
      `its tensor "${name}" lies in another file`,
      'save the model as one file, e.g. onnx.save_model(model, path, save_as_external_data=False)',
    );
  refuseHuge(dims, `its tensor "${name}"`);
  const shape = type === INT64 && dims.length === 1 ? (values.length > 0 ? values : int64s(raw)) : undefined;
  return { name, tensor: { dims, shape } };
}

function int64s(raw: Uint8Array | undefined): readonly bigint[] | undefined {
  if (raw === undefined || raw.length > 100 || raw.length % 8 !== 0) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  return Array.from({ length: raw.length / 8 }, (_, at) => view.getBigInt64(at * 8, true));
}

function refuseHuge(dims: readonly bigint[], what: string): void {
  const elements = dims.reduce((product, size) => product * (size < 0n ? 1n : size), 1n);
  if (dims.some((size) => size < -1n) || elements > MOST_ELEMENTS)
    throw unfit(
      `${what} has the shape [${dims.join(', ')}]: ${elements} elements are more than the ${MOST_ELEMENTS} that one may have`,
    );
}

/** ValueInfoProto → its name, and the shape of its TypeProto.Tensor. */
function valueInfo(info: Uint8Array): { readonly name: string; readonly shape: readonly number[] | undefined } {
  let name = '';
  let shape: readonly number[] | undefined;
  for (const { number, bytes } of fieldsOf(info)) {
    if (bytes === undefined) continue;
    if (number === 1) name = text.decode(bytes);
    if (number !== 2) continue;
    for (const type of fieldsOf(bytes)) {
      if (type.number !== 1 || type.bytes === undefined) continue;
      for (const part of fieldsOf(type.bytes))
        if (part.number === 2 && part.bytes !== undefined) shape = dimensions(part.bytes);
    }
  }
  return { name, shape };
}

function dimensions(shape: Uint8Array): readonly number[] {
  const dims: number[] = [];
  for (const { number, bytes } of fieldsOf(shape)) {
    if (number !== 1 || bytes === undefined) continue;
    let size = -1;
    for (const dimension of fieldsOf(bytes))
      if (dimension.number === 1) size = Number(BigInt.asIntN(64, dimension.value));
    dims.push(size);
  }
  return dims;
}
