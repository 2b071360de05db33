import { describe, expect, it } from 'vitest';
import { MlopsError } from '../../src/lib/error.ts';
import { compileExpression } from '../../src/lib/expression.ts';

const evaluate = (text: string, values: Record<string, unknown>): unknown =>
  compileExpression(text, Object.keys(values)).evaluate(values);

function problemOf(text: string, variables: string[]): MlopsError {
  try {
    compileExpression(text, variables);
  } catch (error) {
    if (error instanceof MlopsError) return error;
  }
  throw new Error(`${text} compiled`);
}

describe('expressions over features', () => {
  it('computes with whole and decimal numbers alike', () => {
    expect(evaluate('bili / albumin', { bili: 6, albumin: 4 })).toBe(1.5);
    expect(evaluate('2 * a + 1', { a: 3 })).toBe(7);
    expect(evaluate('1 / 2', {})).toBe(0.5);
    expect(evaluate('a * 2 / 4', { a: 3n })).toBe(1.5);
    expect(evaluate('a % 2', { a: 5 })).toBe(1);
    expect(evaluate('-a - 1', { a: 5 })).toBe(-6);
  });

  it('gives null for a null in arithmetic, comparisons and functions', () => {
    for (const text of [
      'a / b',
      'b / a',
      'a + 1',
      '1 - a',
      'a + a',
      '2 * a',
      '-a',
      'a > 1',
      'a >= b',
      'log(a)',
      'max(a, b)',
      'a ? 1 : 2',
      '!a',
      'a % 2',
    ]) {
      expect(evaluate(text, { a: null, b: 2 }), text).toBeNull();
    }
  });

  it('lets an expression take up a null', () => {
    expect(evaluate('a == null ? 0 : a', { a: null })).toBe(0);
    expect(evaluate('coalesce(a, 3) * 2', { a: null })).toBe(6);
    expect(evaluate('a != null && a > 2', { a: null })).toBe(false);
  });

  it('gives null where the result is no finite number', () => {
    expect(evaluate('a / b', { a: 1, b: 0 })).toBeNull();
    expect(evaluate('a / 0', { a: 1 })).toBeNull();
    expect(evaluate('1 / 0', {})).toBeNull();
    expect(evaluate('log(a)', { a: -1 })).toBeNull();
    expect(evaluate('coalesce(a / b, 9)', { a: 1, b: 0 })).toBe(9);
  });

  it('answers strings and booleans', () => {
    expect(evaluate('bili > 1.2 ? "high" : "normal"', { bili: 3 })).toBe('high');
    expect(evaluate('stage in [3, 4]', { stage: 4 })).toBe(true);
    expect(evaluate('name + "!"', { name: 'a' })).toBe('a!');
    expect(evaluate('size(name) > 2', { name: 'abc' })).toBe(true);
  });

  it('computes with arrays and embeddings', () => {
    const values = { tags: ['a', 'b', null], scores: [1, 2.5, 4n], emb: Float32Array.of(0.5, -1) };
    expect(evaluate('size(tags)', values)).toBe(3);
    expect(evaluate('size(tags) == 3 && tags.size() > 2', values)).toBe(true);
    expect(evaluate('size(emb) / size(tags)', values)).toBeCloseTo(2 / 3);
    expect(evaluate('emb[0] * 2 + emb[1]', values)).toBe(0);
    expect(evaluate('scores[size(scores) - 1]', values)).toBe(4);
    expect(evaluate('"b" in tags', values)).toBe(true);
    expect(evaluate('4 in scores', values)).toBe(true);
    expect(evaluate('3 in scores', values)).toBe(false);
    expect(evaluate('scores.exists(s, s > 3)', values)).toBe(true);
    expect(evaluate('scores.filter(s, s > 2).map(s, s * 2)', values)).toEqual([5, 8]);
    expect(evaluate('emb.map(x, x * 2)', values)).toEqual([1, -2]);
    // Beyond the end there is nothing, and a null inside is one.
    for (const text of ['emb[2]', 'tags[2]', 'scores[9] + 1', 'scores[0 - 1]'])
      expect(evaluate(text, values), text).toBeNull();
    for (const text of ['size(tags)', '"a" in tags', 'tags[0]'])
      expect(evaluate(text, { tags: null }), text).toBeNull();
    expect(evaluate('scores.map(s, s * 2)', { scores: [1, null] })).toEqual([2, null]);
    expect(evaluate('scores.all(s, s > 0)', { scores: [1, null] })).toBeNull();
  });

  it('reads nested values, as conditions of tasks do', () => {
    expect(
      evaluate('outputs.validate.failures == 0 && params.force', {
        outputs: { validate: { failures: 0 } },
        params: { force: true },
      }),
    ).toBe(true);
    expect(evaluate('outputs.rows[1] * 2 > 3', { outputs: { rows: [1, 2] } })).toBe(true);
    expect(() => evaluate('outputs.nothing > 3', { outputs: {} })).toThrow(MlopsError);
  });

  it('names the variables that it reads, each once, without those that a macro binds', () => {
    expect(compileExpression('b + a * b', ['a', 'b', 'c']).references).toEqual(['b', 'a']);
    expect(compileExpression('[1, 2].exists(x, x > a)', ['a']).references).toEqual(['a']);
  });

  it('refuses an unknown variable with its place and a suggestion', () => {
    const error = problemOf('bili / albumn', ['bili', 'albumin']);
    expect(error.code).toBe('SP114');
    expect(error.hint).toBe('did you mean "albumin"?');
    expect(error.data).toEqual({ place: { start: 7, end: 13 } });
  });

  it('refuses one that is too large to be meant: nested more than 250 deep, a list of more than 1,000', () => {
    const nested = (depth: number): string => `${'('.repeat(depth)}1${')'.repeat(depth)}`;
    expect(compileExpression(nested(200), []).evaluate({})).toBe(1);
    expect(problemOf(nested(300), [])).toMatchObject({ code: 'SP114', detail: expect.stringContaining('maxDepth') });
    const list = (length: number): string => `size([${Array.from({ length }, (_, index) => index).join(', ')}])`;
    expect(compileExpression(list(1_000), []).evaluate({})).toBe(1_000);
    expect(problemOf(list(1_100), [])).toMatchObject({
      code: 'SP114',
      detail: expect.stringContaining('maxListElements'),
    });
  });

  it('refuses what does not parse or type', () => {
    expect(problemOf('bili /', ['bili']).code).toBe('SP114');
    expect(problemOf('"a" - 1', []).code).toBe('SP114');
    expect(problemOf('nofunction(a)', ['a']).code).toBe('SP114');
  });
});

it('means the same of a feature whether rules over documents are there or not', () => {
  const overValues = () => evaluate('bili > 2', { bili: null });
  expect(overValues()).toBeNull();
  expect(compileExpression('bili > 2', ['bili'], { documents: true }).evaluate({ bili: null })).toBe(false);
  expect(evaluate('bili > 3', { bili: null })).toBeNull();
  expect(overValues()).toBeNull();
});
