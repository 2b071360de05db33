/** Against values of scipy 1.17. */
import { describe, expect, it } from 'vitest';
import {
  chiSquareUpper,
  logGamma,
  normalCdf,
  normalQuantile,
  normalTwoSided,
  studentCritical,
  studentTwoSided,
} from '../../src/lib/distributions.ts';

const near = (value: number, expected: number): void =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-10 * Math.max(1e-20, Math.abs(expected)) + 1e-300);

describe('distributions', () => {
  it.each([
    [-8.5, 9.47953482220325e-18],
    [-3, 0.0013498980316300933],
    [-1, 0.15865525393145707],
    [0, 0.5],
    [0.5, 0.6914624612740131],
    [1.96, 0.9750021048517795],
    [4, 0.9999683287581669],
  ])('the normal one up to %d is %d', (z, p) => {
    near(normalCdf(z), p);
    if (z <= 0) near(normalTwoSided(z), 2 * p);
  });

  it.each([
    [1e-9, -5.9978070150076865],
    [0.001, -3.090232306167813],
    [0.025, -1.9599639845400545],
    [0.8, 0.8416212335729143],
    [0.975, 1.959963984540054],
    [0.9999, 3.719016485455709],
  ])('the quantile of the normal one at %d is %d', (p, z) => near(normalQuantile(p), z));

  it.each([
    [0.5, 1, 0.7048327646991335],
    [2, 3, 0.13932596855884305],
    [2.5, 10.7, 0.03004707174217892],
    [4, 100, 0.00012152364430076177],
    [1.2, 2500, 0.2302530435573834],
    [1.96, 1e9, 0.04999579029644087],
  ])("Student's beyond %d with %d degrees of freedom is %d", (t, freedom, p) => near(studentTwoSided(t, freedom), p));

  it.each([
    [0.05, 1, 12.706204736174694],
    [0.05, 4.5, 2.6589123472044034],
    [0.01, 30, 2.7499956535672254],
    [0.1, 1000, 1.6463788172854643],
  ])("what Student's is beyond with %d, of %d degrees of freedom, is %d", (alpha, freedom, t) =>
    near(studentCritical(alpha, freedom), t),
  );

  it.each([
    [0.1, 1, 0.7518296340458492],
    [3.84, 1, 0.05004352124870519],
    [10, 3, 0.01856613546304325],
    [50, 20, 0.0002214766382487835],
    [0.5, 7, 0.9994464813904249],
  ])('chi-square beyond %d with %d degrees of freedom is %d', (x, freedom, p) => near(chiSquareUpper(x, freedom), p));

  it.each([
    [0.1, 2.252712651734206],
    [0.5, 0.5723649429247],
    [5.5, 3.9578139676187165],
    [100, 359.1342053695754],
  ])('the logarithm of gamma(%d) is %d', (x, value) => near(logGamma(x), value));
});
