/** The arithmetic of ensembles against sums and counts written another way. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type MemberSaid, meanOf, scoreOf, voteOf } from '../../src/serving/combine.ts';

const said = (weight: number, prediction: MemberSaid['prediction'], at: number): MemberSaid => ({
  member: `m${at}`,
  weight,
  prediction,
});
const weights = fc.integer({ min: 1, max: 1000 });
const scores = fc.array(fc.tuple(weights, fc.integer({ min: 0, max: 1000 })), { minLength: 1, maxLength: 9 });

it('a weighted mean is that of as many equal members as each weighs', () => {
  fc.assert(
    fc.property(scores, (drawn) => {
      const copies = drawn.flatMap(([weight, score]) => new Array<number>(weight).fill(score));
      const expected = copies.reduce((sum, score) => sum + score, 0) / copies.length;
      const values = drawn.map(([weight, score], at) => said(weight, { value: score }, at));
      expect(scoreOf({ member: '', prediction: meanOf(values) })).toBeCloseTo(expected, 8);
      const binary = drawn.map(([weight, score], at) => said(weight, { label: 0, probability: score / 1000 }, at));
      const { probability, label } = meanOf(binary);
      expect(probability).toBeCloseTo(expected / 1000, 8);
      expect(label).toBe((probability as number) >= 0.5 ? 1 : 0);
    }),
    { seed: 20_261_126 },
  );
});

it('leaving out a member is the mean of the others, whatever the weights add up to', () => {
  fc.assert(
    fc.property(scores, fc.integer({ min: 1, max: 50 }), (drawn, scale) => {
      const of = (factor: number) => drawn.map(([weight, score], at) => said(weight * factor, { value: score }, at));
      expect(scoreOf({ member: '', prediction: meanOf(of(scale)) })).toBeCloseTo(
        scoreOf({ member: '', prediction: meanOf(of(1)) }),
        8,
      );
    }),
    { seed: 20_261_126 },
  );
});

it('a vote is the label that sorts last among the most frequent', () => {
  const labels = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(labels, (drawn) => {
      const vote = voteOf(drawn.map((label, at) => said(1, { label, values: [0, 0, 1] }, at)));
      const ranked = [...new Set(drawn)]
        .map((label) => ({ label, count: drawn.filter((one) => one === label).length }))
        .sort((one, other) => one.count - other.count || (one.label < other.label ? -1 : 1));
      expect(vote).toEqual({ label: ranked.at(-1)?.label, votes: ranked.at(-1)!.count / drawn.length });
    }),
    { seed: 20_261_126 },
  );
});

it('answers that are no answer to one question are refused', () => {
  const value = said(1, { value: 1 }, 0);
  const binary = said(1, { label: 1, probability: 1 }, 1);
  expect(() => meanOf([value, binary])).toThrow(/m0 answers a value, m1 the probability of 1/);
  expect(() => voteOf([value])).toThrow(/values cannot be voted on/);
  expect(() => meanOf([said(1, { values: [1, 2] }, 0), said(1, { values: [1] }, 1)])).toThrow(/different numbers/);
});
