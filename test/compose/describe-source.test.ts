import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeSourceFor } from '../../src/compose/describe-source.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

it('describes data of a project that may only be read', async () => {
  const directory = await temporaryDirectory();
  writeFileSync(join(directory.path, 'a.csv'), 'id,x\n1,2.5\n');
  // As root every folder can be written to; nobody can make one where a file is.
  writeFileSync(join(directory.path, '.mlops'), '');
  const { describe, close } = describeSourceFor(directory.path);
  try {
    const columns = await describe({ name: 'a', file: 'a.csv' } as Parameters<typeof describe>[0], directory.path);
    expect(columns?.map(({ name }) => name)).toEqual(['id', 'x']);
  } finally {
    await close();
  }
  expect(existsSync(join(directory.path, '.mlops/offline'))).toBe(false);
  await directory.remove();
});
