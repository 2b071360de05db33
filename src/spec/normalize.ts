/**
 * From what was written (TypeScript values, YAML, JSON) to plain values with the canonical spelling of every field, before
 * they are checked: references become names, `event_time` eventTime, a short form its long one, a list of named tasks a map,
 * `${env:NAME}` a reference, queries lose their indentation. What it does not understand stays as it is, for the check to report.
 */
import { canonicalDtype } from './dtype.ts';
import { camelCase, pointerTo } from './locator.ts';
import { featureOf, type ResourceValue, resourceOf, sqlOf } from './resource-value.ts';
import { dereference, type JsonSchema, type SchemaName, type SchemaNode, schemaOf } from './schemas.ts';
import { tidySql } from './sql-text.ts';

export interface NormalizeOptions {
  /** `${env:NAME}` in texts is a reference. In YAML and JSON; TypeScript has `env('NAME')`. */
  readonly envTexts: boolean;
  /** Called for each resource that a value refers to. */
  readonly onReference?: ((resource: ResourceValue) => void) | undefined;
}

export type PlainFunction = (...args: never[]) => unknown;

export interface Normalized {
  readonly value: Readonly<Record<string, unknown>>;
  /** Queries as written, by pointer, where they differ from the canonical text. */
  readonly writtenSql: ReadonlyMap<string, string>;
  /** Functions, by pointer, where the schema takes one: its text stands there. */
  readonly functions: ReadonlyMap<string, PlainFunction>;
}

export function normalize(
  name: SchemaName,
  raw: Readonly<Record<string, unknown>>,
  options: NormalizeOptions,
): Normalized {
  const writtenSql = new Map<string, string>();
  const functions = new Map<string, PlainFunction>();
  const root = schemaOf(name);
  const value = normalizeNode(raw, { node: root, root }, '', { ...options, writtenSql, functions, around: new Set() });
  return { value: value as Record<string, unknown>, writtenSql, functions };
}

interface Context extends NormalizeOptions {
  readonly writtenSql: Map<string, string>;
  readonly functions: Map<string, PlainFunction>;
  /** The objects and lists that the value at hand lies in. */
  readonly around: Set<object>;
}

/** A value that holds itself has no plain form: null stands there, which no field takes. */
function normalizeNode(written: unknown, at: SchemaNode | undefined, pointer: string, context: Context): unknown {
  if (typeof written !== 'object' || written === null) return normalizeValue(written, at, pointer, context);
  if (context.around.has(written)) return null;
  context.around.add(written);
  const value = normalizeValue(written, at, pointer, context);
  context.around.delete(written);
  return value;
}

function normalizeValue(written: unknown, at: SchemaNode | undefined, pointer: string, context: Context): unknown {
  const value = plainValue(written, context);
  const schema = at === undefined ? undefined : variantOf(dereference(at), value);
  const isSql = at?.node['x-sql'] !== undefined || schema?.node['x-sql'] !== undefined;
  if (typeof value === 'string') return normalizeText(value, isSql, schema, pointer, context);
  if (typeof value === 'function' && schema?.node['x-function'] === true) {
    context.functions.set(pointer, value as PlainFunction);
    return String(value);
  }
  if (Array.isArray(value)) {
    const map = schema?.node['x-named-list'] === true ? namedMap(value) : undefined;
    if (map !== undefined) return normalizeNode(map, schema, pointer, context);
    const items = child(schema, schema?.node['items']);
    return value.map((item, index) => normalizeNode(item, items, pointerTo(pointer, index), context));
  }
  if (typeof value === 'object' && value !== null)
    return normalizeObject(value as Record<string, unknown>, schema, pointer, context);
  return value;
}

/** What a builder returned, as the name or text that it stands for. */
function plainValue(value: unknown, context: Context): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const resource = resourceOf(value);
  if (resource !== undefined) {
    context.onReference?.(resource);
    return resource.name;
  }
  const feature = featureOf(value);
  if (feature !== undefined) {
    const set = resourceOf(feature.set);
    if (set !== undefined) context.onReference?.(set);
    return `${set?.name}.${feature.feature}`;
  }
  const sql = sqlOf(value);
  if (sql === undefined) return value;
  for (const mentioned of sql.resources) context.onReference?.(mentioned);
  return sql.text;
}

function normalizeText(
  value: string,
  isSql: boolean,
  schema: SchemaNode | undefined,
  pointer: string,
  context: Context,
): unknown {
  if (isSql) {
    const { text } = tidySql(value);
    if (text !== value) context.writtenSql.set(pointer, value);
    return text;
  }
  const short = schema?.node['x-short'];
  if (typeof short === 'string') return { [short]: short === 'dtype' ? canonicalDtype(value) : value };
  if (schema?.node['x-dtype'] === true) return canonicalDtype(value);
  const reference = context.envTexts ? /^\$\{env:([^}]*)\}$/.exec(value) : null;
  return reference === null ? value : { $env: reference[1] };
}

function normalizeObject(
  value: Record<string, unknown>,
  schema: SchemaNode | undefined,
  pointer: string,
  context: Context,
): unknown {
  const properties = schema?.node['properties'] as Record<string, JsonSchema> | undefined;
  const rest = schema?.node['additionalProperties'];
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    let field = key;
    let fieldValue = item;
    if (properties !== undefined && !Object.hasOwn(properties, key)) {
      const camel = camelCase(key);
      if (Object.hasOwn(properties, camel)) field = camel;
      else if (properties[`${camel}s`]?.['x-singular'] === true) {
        field = `${camel}s`;
        fieldValue = Array.isArray(item) ? item : [item];
      }
      // Both spellings at once: the second stays as it is and is reported as unknown.
      if (field !== key && (Object.hasOwn(value, field) || Object.hasOwn(out, field))) field = key;
    }
    const fieldSchema = properties !== undefined && Object.hasOwn(properties, field) ? properties[field] : rest;
    out[field] = normalizeNode(fieldValue, child(schema, fieldSchema), pointerTo(pointer, field), context);
  }
  return out;
}

function child(parent: SchemaNode | undefined, node: unknown): SchemaNode | undefined {
  return parent !== undefined && typeof node === 'object' && node !== null
    ? { node: node as JsonSchema, root: parent.root }
    : undefined;
}

/** The branch that a value belongs to: by its operator, else the one for objects where it is one. */
function variantOf(schema: SchemaNode, value: unknown): SchemaNode {
  const { node } = schema;
  if (typeof value !== 'object' || value === null) return schema;
  const discriminator = node['discriminator'] as { propertyName: string } | undefined;
  const branches = (node['oneOf'] ?? node['anyOf']) as JsonSchema[] | undefined;
  if (branches === undefined) return schema;
  const variants = branches.map((branch) => dereference({ node: branch, root: schema.root }));
  if (discriminator === undefined) {
    if (node['oneOf'] !== undefined) return schema;
    return variants.find((variant) => variant.node['type'] === (Array.isArray(value) ? 'array' : 'object')) ?? schema;
  }
  const tag = (value as Record<string, unknown>)[discriminator.propertyName];
  const tagged = variants.find((variant) => {
    const property = (variant.node['properties'] as Record<string, JsonSchema>)[discriminator.propertyName];
    return property?.['const'] === tag;
  });
  return tagged ?? schema;
}

/** `[{ name, … }, …]` as a map by name, or undefined where it is no such list. */
function namedMap(list: readonly unknown[]): Record<string, unknown> | undefined {
  const map: Record<string, unknown> = {};
  for (const item of list) {
    if (typeof item !== 'object' || item === null) return undefined;
    const { name, ...rest } = item as Record<string, unknown>;
    if (typeof name !== 'string' || Object.hasOwn(map, name)) return undefined;
    map[name] = rest;
  }
  return map;
}
