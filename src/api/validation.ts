/**
 * Checks bodies and query strings with ajv. A body is taken as it is; a query string is text and is coerced.
 * ajv is loaded, and a schema compiled, when it is first needed, so that a daemon is ready sooner.
 */
import { createRequire } from 'node:module';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import type { FieldError } from './problem.ts';
import type { JsonSchema } from './route.ts';

export interface Validator {
  /** Empty where the value fits. May fill in defaults. */
  check(schema: JsonSchema, value: unknown): readonly FieldError[];
}

const require = createRequire(import.meta.url);

export function createValidator(kind: 'body' | 'query'): Validator {
  let ajv: Ajv | undefined;
  const compiled = new WeakMap<JsonSchema, ValidateFunction>();
  return {
    check: (schema, value) => {
      ajv ??= new (require('ajv') as typeof import('ajv')).Ajv({
        allErrors: true,
        strict: false,
        useDefaults: true,
        allowUnionTypes: true,
        coerceTypes: kind === 'query',
      });
      let validate = compiled.get(schema);
      if (validate === undefined) {
        validate = ajv.compile(schema);
        compiled.set(schema, validate);
      }
      return validate(value) ? [] : withoutBranches(validate.errors ?? []).map(fieldErrorOf);
    },
  };
}

/** A value that fits no branch is told once, not once a branch. */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  return errors.filter(
    (error) => unions.includes(error) || !unions.some((union) => error.schemaPath.startsWith(`${union.schemaPath}/`)),
  );
}

function fieldErrorOf(error: ErrorObject): FieldError {
  switch (error.keyword) {
    case 'required':
      return { pointer: `${error.instancePath}/${error.params['missingProperty']}`, detail: 'is required' };
    case 'additionalProperties':
      return {
        pointer: `${error.instancePath}/${error.params['additionalProperty']}`,
        detail: 'is not a known member',
      };
    case 'enum':
      return {
        pointer: error.instancePath,
        detail: `must be one of ${(error.params['allowedValues'] as unknown[]).join(', ')}`,
      };
    case 'anyOf':
    case 'oneOf':
      return { pointer: error.instancePath, detail: 'has none of the shapes that are allowed here' };
    default:
      return { pointer: error.instancePath, detail: error.message ?? 'does not fit' };
  }
}
