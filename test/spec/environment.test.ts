import { describe, expect, it } from 'vitest';
import { MlopsError } from '../../src/lib/error.ts';
import { environmentOf } from '../../src/spec/environment.ts';

describe('environments', () => {
  it('has dev where none is declared', () => {
    expect(environmentOf({ name: 'clinic', environments: {} }, 'dev')).toEqual({});
    expect(environmentOf({ name: 'clinic', environments: {} })).toEqual({});
  });

  it('refuses an unknown one with a suggestion', () => {
    const error = ((): unknown => {
      try {
        return environmentOf({ name: 'clinic', environments: { prod: {}, dev: {} } }, 'prd');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(MlopsError);
    expect(error).toMatchObject({ code: 'SP109', hint: 'did you mean "prod"?' });
    expect(() => environmentOf({ name: 'clinic', environments: { prod: {} } }, 'dev')).toThrow(MlopsError);
  });
});
