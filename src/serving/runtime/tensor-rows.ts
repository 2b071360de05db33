/** Tensors cut and joined along their first dimension. What is cut shares the memory of the whole. */
import type { RawTensor, TensorData } from './tensors.ts';

/** How many elements one row holds. */
export function rowSize({ dims }: Pick<RawTensor, 'dims'>): number {
  let size = 1;
  for (let at = 1; at < dims.length; at += 1) size *= dims[at]!;
  return size;
}

export function rowsOf(tensor: RawTensor, from: number, to: number): RawTensor {
  const size = rowSize(tensor);
  const { data, type } = tensor;
  const part = isText(data)
    ? data.slice(from * size, to * size)
    : (data.subarray(from * size, to * size) as TensorData);
  return { type, dims: [to - from, ...tensor.dims.slice(1)], data: part };
}

/** They must be of one type and agree in all dimensions but the first. */
export function joinRows(tensors: readonly RawTensor[]): RawTensor {
  const first = tensors[0]!;
  if (tensors.length === 1) return first;
  let rows = 0;
  for (const { dims } of tensors) rows += dims[0]!;
  const dims = [rows, ...first.dims.slice(1)];
  if (isText(first.data))
    return { type: first.type, dims, data: tensors.flatMap(({ data }) => data as readonly string[]) };
  const whole = new (first.data.constructor as new (length: number) => Writable)(rows * rowSize(first));
  let at = 0;
  for (const { data } of tensors) {
    whole.set(data as unknown as ArrayLike<never>, at);
    at += data.length;
  }
  return { type: first.type, dims, data: whole };
}

type Writable = Exclude<TensorData, readonly string[]> & { set(from: ArrayLike<never>, at: number): void };

function isText(data: TensorData): data is readonly string[] {
  return Array.isArray(data);
}
