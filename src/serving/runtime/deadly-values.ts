/**
 * Values that end the whole process, because ONNX Runtime hands them to the processor unchecked: the least integer divided by -1, and a
 * Fourier transform by steps of 0. They are refused where the model has such an operator and a client could send them.
 */
import { MlopsError } from '../../lib/error.ts';
import type { TensorSpec } from '../../stores/control/registry.ts';
import type { RawTensors, TensorData } from './tensors.ts';

const LEAST: Readonly<Record<string, number | bigint>> = { int32: -(2 ** 31), int64: -(2n ** 63n) };

/** Throws EP206 for such a value; undefined where the model has nothing to fear. */
export function deadlyValues(
  operators: ReadonlySet<string>,
  inputs: readonly TensorSpec[],
): ((feeds: RawTensors) => void) | undefined {
  const divides = operators.has('Div') || operators.has('Mod');
  const transforms = operators.has('STFT');
  const names = inputs.flatMap(({ name, dtype }) => (LEAST[dtype] === undefined ? [] : [name]));
  if (names.length === 0 || !(divides || transforms)) return undefined;
  return (feeds) => {
    for (const name of names) {
      const { type, data, dims } = feeds[name]!;
      const least = LEAST[type];
      if (least === undefined) continue;
      if (divides && holds(data, (value) => value === least))
        throw refused(name, `${least}, the least ${type}, which the model might divide by -1`);
      if (transforms && dims.length === 0 && holds(data, (value) => value <= 0))
        throw refused(name, 'no more than 0, which no step or length of a Fourier transform is');
    }
  };
}

function holds(data: TensorData, is: (value: number | bigint) => boolean): boolean {
  const numbers = data as ArrayLike<number | bigint>;
  for (let at = 0; at < numbers.length; at += 1) if (is(numbers[at]!)) return true;
  return false;
}

function refused(name: string, what: string): MlopsError {
  return new MlopsError('EP206', { detail: `The input "${name}" holds a value that is ${what}.`, status: 422 });
}
