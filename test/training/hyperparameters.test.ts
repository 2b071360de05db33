import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readHyperparameters } from '../../src/training/hyperparameters.ts';

it('docs/models.md lists every hyperparameter with its default, and no other', () => {
  const page = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| (\w+) \| (\w+) \| ([\d.e-]+) \|/gm)].map(([, ...row]) => row);
  const real = (['gradient_boosting', 'random_forest', 'logistic_regression'] as const).flatMap((trainer) =>
    Object.entries(readHyperparameters(trainer, {})).map(([name, value]) => [trainer, name, String(value)]),
  );
  expect(documented.map(([trainer, name, value]) => [trainer, name, String(Number(value))])).toEqual(real);
});
