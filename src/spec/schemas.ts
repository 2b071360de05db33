/**
 * The JSON Schemas of schemas/, as objects and as validators. Read when first used, kind by kind. The build compiles the validators
 * (scripts/validators.mjs), because compiling takes a command longer than everything else; from the sources they are compiled here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Ajv, ValidateFunction } from 'ajv';
import { invariant } from '../lib/assert.ts';
import type { Kind } from './kinds.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;
/** `project`: the config file itself. */
export type SchemaName = Kind | 'project';

const FOLDER = new URL('../../schemas/', import.meta.url);
const files = new Map<string, JsonSchema>();

/** The schema as published: `mlops schema KIND` prints it. */
export function schemaOf(name: SchemaName | 'common' | 'plan'): JsonSchema {
  let schema = files.get(name);
  if (schema === undefined) {
    schema = JSON.parse(readFileSync(new URL(`${name}.schema.json`, FOLDER), 'utf8')) as JsonSchema;
    files.set(name, schema);
  }
  return schema;
}

/** A schema node with what `$ref` names in its place. `root` is the file that the node stands in. */
export interface SchemaNode {
  readonly node: JsonSchema;
  readonly root: JsonSchema;
}

const targets = new WeakMap<JsonSchema, SchemaNode>();

export function dereference(at: SchemaNode): SchemaNode {
  const { node, root } = at;
  const ref = node['$ref'];
  if (typeof ref !== 'string') return at;
  const known = targets.get(node);
  if (known !== undefined) return known;
  const [file = '', path = ''] = ref.split('#');
  const target = file === '' ? root : schemaOf(file.replace('.schema.json', '') as SchemaName);
  let found: unknown = target;
  for (const segment of path.split('/').slice(1)) found = (found as Record<string, unknown>)[segment];
  invariant(typeof found === 'object' && found !== null, `schema ${ref}`);
  const result = dereference({ node: found as JsonSchema, root: target });
  targets.set(node, result);
  return result;
}

let ajv: Ajv | undefined;
const validators = new Map<SchemaName, ValidateFunction>();

/** Checks values in which short forms are written out (see normalize.ts). */
export function validatorOf(name: SchemaName): ValidateFunction {
  let validate = validators.get(name);
  if (validate === undefined) {
    validate = builtValidator(name);
    if (validate === undefined) {
      ajv ??= createAjv();
      validate = compileValidator(ajv, name);
    }
    validators.set(name, validate);
  }
  return validate;
}

const require = createRequire(import.meta.url);

function builtValidator(name: SchemaName): ValidateFunction | undefined {
  const file = fileURLToPath(new URL(`./validators/${name}.cjs`, import.meta.url));
  return existsSync(file) ? (require(file) as ValidateFunction) : undefined;
}

/** `source`: keep the code of what is compiled, for the build to write. */
export function createAjv(source = false): Ajv {
  return new (require('ajv') as typeof import('ajv')).Ajv({
    allErrors: true,
    verbose: true,
    discriminator: true,
    strict: false,
    validateSchema: false,
    code: { source },
    schemas: [withoutShortForms(schemaOf('common')) as JsonSchema],
  });
}

export function compileValidator(compiler: Ajv, name: SchemaName): ValidateFunction {
  return compiler.compile(withoutShortForms(schemaOf(name)) as JsonSchema);
}

/** Where a short form is allowed, only the long one: errors then speak of one shape. */
function withoutShortForms(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutShortForms);
  if (typeof value !== 'object' || value === null) return value;
  const node = value as Record<string, unknown>;
  if (node['x-short'] !== undefined && Array.isArray(node['anyOf'])) return withoutShortForms(node['anyOf'].at(-1));
  return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, withoutShortForms(item)]));
}
