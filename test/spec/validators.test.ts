/** The validators that the build writes, against those that are compiled from the same schemas. */
import { createRequire } from 'node:module';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/spec/kinds.ts';
import { compileValidator, createAjv } from '../../src/spec/schemas.ts';

const built = createRequire(import.meta.url);

const MISTAKEN: readonly unknown[] = [
  'a text',
  {},
  { name: 'Wrong Name', nope: true, project: 1 },
  { name: 'a', entity: 'b', source: 'c', query: 'd', eventTime: 'e', features: { f: { dtype: 'flot64' }, '0': {} } },
  { name: 'a', tasks: { one: { operator: 'comand' }, two: { operator: 'command' }, three: { operator: 7 } } },
  { name: 'a', tasks: { one: { operator: 'training_dataset', needs: 'two', retry: { limit: -1 }, timeout: 'soon' } } },
  { name: 'a', framework: 'onnx', gates: [{ metric: 'auc' }], variants: { v: { model: 1 } }, split: { v: 'x' } },
  { project: 'p', environments: { dev: { daemon: { ports: ['x'] }, control: { postgres: 5 } } } },
];

describe('the validator that the build wrote', () => {
  it.each([...KINDS, 'project'] as const)('of %s finds what the compiled one finds', (name) => {
    const validators = [
      built(`../../dist/spec/validators/${name}.cjs`) as ValidateFunction,
      compileValidator(createAjv(), name),
    ];
    for (const value of MISTAKEN) {
      const [fromBuild, compiled] = validators.map((validate) => {
        expect(validate(value)).toBe(false);
        return validate.errors?.map((error: ErrorObject) => ({ ...error }));
      });
      expect(fromBuild).toEqual(compiled);
    }
  });
});
