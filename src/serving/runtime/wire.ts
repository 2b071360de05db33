/** Protocol Buffers' wire format, for reading what others wrote: fields one by one, every length checked against what is there. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

export interface WireField {
  readonly number: number;
  /** Of a varint. */
  readonly value: bigint;
  /** Of a field of bytes: a text, a message, packed numbers. Undefined for others. */
  readonly bytes: Uint8Array | undefined;
}

/** The bytes end too soon, or are no message. */
export class WireError extends Error {}

export function* fieldsOf(message: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw new WireError('it ends in the middle of a number');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number has more than ten bytes');
  };
  const skip = (length: number): Uint8Array => {
    if (length > message.length - at) throw new WireError(`it ends ${length - (message.length - at)} bytes too soon`);
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    if (number === 0) throw new WireError('a field has the number 0');
    switch (tag % 8) {
      case VARINT:
        yield { number, value: varint(), bytes: undefined };
        break;
      case BYTES:
        yield { number, value: 0n, bytes: skip(Number(varint())) };
        break;
      case FIXED64:
        skip(8);
        break;
      case FIXED32:
        skip(4);
        break;
      default:
        throw new WireError(`a field has the wire type ${tag % 8}`);
    }
  }
}

/** Numbers of a repeated field, packed or one by one. */
export function varintsOf(field: WireField): readonly bigint[] {
  if (field.bytes === undefined) return [BigInt.asIntN(64, field.value)];
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of field.bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    values.push(BigInt.asIntN(64, value));
    value = 0n;
    shift = 0n;
  }
  if (shift > 0n) throw new WireError('a list of numbers ends in the middle of one');
  return values;
}
