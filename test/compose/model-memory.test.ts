import { totalmem } from 'node:os';
import { expect, it } from 'vitest';
import { modelMemoryBytes } from '../../src/compose/model-memory.ts';

it('models may take what the environment says, else half of the memory that there is', () => {
  expect(modelMemoryBytes('512Mi')).toBe(512 * 2 ** 20);
  const byDefault = modelMemoryBytes(undefined);
  expect(byDefault).toBeGreaterThan(0);
  expect(byDefault).toBeLessThanOrEqual(totalmem() / 2);
});
