/** Holds OTLP's JSON to the published messages: schemas/README.md says where those are from. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor';

/** The extension adds it, and its types do not tell. */
const { fromDescriptor } = protobuf.Root as unknown as { fromDescriptor(set: Uint8Array): protobuf.Root };
const root = fromDescriptor(readFileSync(new URL('./schemas/opentelemetry-trace.binpb', import.meta.url)));

/** What OTLP's JSON mapping writes in hexadecimal where proto3's is base64. */
const HEX = new Map([
  ['traceId', 16],
  ['spanId', 8],
  ['parentSpanId', 8],
]);

/** What is wrong with a request that exports traces, by the messages and opentelemetry.io/docs/specs/otlp, JSON Protobuf Encoding. */
export function wrongTraceRequest(request: unknown): readonly string[] {
  const type = root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');
  return wrongMessage(type, request, '');
}

function wrongMessage(type: protobuf.Type, value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no ${type.name}`];
  const fields = new Map(type.fieldsArray.map((field) => [camelCase(field.name), field.resolve()] as const));
  const oneofs = type.oneofsArray
    .filter((oneof) => oneof.fieldsArray.filter((field) => camelCase(field.name) in value).length > 1)
    .map((oneof) => `${path} has several of ${oneof.name}`);
  return [
    ...oneofs,
    ...Object.entries(value).flatMap(([name, member]) => {
      const field = fields.get(name);
      const at = `${path}/${name}`;
      if (field === undefined) return [`${at}: ${type.name} has no such field`];
      if (!field.repeated) return wrongValue(field, member, name, at);
      if (!Array.isArray(member)) return [`${at} is no list`];
      return member.flatMap((item, index) => wrongValue(field, item, name, `${at}/${index}`));
    }),
  ];
}

function wrongValue(field: protobuf.Field, value: unknown, name: string, at: string): readonly string[] {
  if (field.resolvedType instanceof protobuf.Type) return wrongMessage(field.resolvedType, value, at);
  // "Enum values MUST be encoded as integer values."
  if (field.resolvedType instanceof protobuf.Enum)
    return typeof value === 'number' && value in field.resolvedType.valuesById ? [] : [`${at} is no ${field.type}`];
  return isScalar(field.type, value, name) ? [] : [`${at} is no ${field.type}: ${JSON.stringify(value)}`];
}

function isScalar(type: string, value: unknown, name: string): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'double':
    case 'float':
      return typeof value === 'number';
    case 'int32':
    case 'uint32':
    case 'fixed32':
      return Number.isInteger(value);
    // 64 bits are decimal texts.
    case 'int64':
      return typeof value === 'string' && /^-?\d{1,19}$/.test(value);
    case 'uint64':
    case 'fixed64':
      return typeof value === 'string' && /^\d{1,20}$/.test(value);
    case 'bytes': {
      const length = HEX.get(name);
      if (typeof value !== 'string') return false;
      return length === undefined
        ? /^[A-Za-z0-9+/]*={0,2}$/.test(value)
        : new RegExp(`^[0-9a-f]{${length * 2}}$`).test(value) && !/^0+$/.test(value);
    }
    default:
      return false;
  }
}

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
