import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadProject } from '../../src/spec/load.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

async function problems(task: string): Promise<string[]> {
  writeFileSync(
    join(directory.path, 'mlops.config.yaml'),
    `project: p
environments:
  dev: { pools: { warehouse: 1 } }
  prod: { pools: { warehouse: 4 } }
resources:
  - kind: Pipeline
    name: nightly
    tasks: [{ name: a, operator: command, command: "true", ${task} }]
`,
  );
  const { diagnostics } = await loadProject({ root: directory.path });
  return diagnostics.map(({ code, detail, hint, at }) => `${code} ${at?.start.line} ${detail} ${hint ?? ''}`.trim());
}

it('a pool is one that some environment has, with as many slots as are asked for', async () => {
  expect(await problems('pool: warehouse')).toEqual([]);
  expect(await problems('pool: { warehouse: 4 }')).toEqual([]);
  expect(await problems('pool: warehose')).toEqual([
    'SP104 8 No environment has a pool "warehose". did you mean "warehouse"?',
  ]);
  expect(await problems('pool: { warehouse: 5 }')).toEqual([
    'SP103 8 The task "a" asks for 5 slots of the pool "warehouse", which has 4: it could never run.',
  ]);
});

it('only a task with items limits them, and their expressions are checked', async () => {
  expect(await problems('for_each: [1, 2], concurrency: 2, when: "item > 1 && index < 2"')).toEqual([]);
  expect(await problems('concurrency: 2')).toEqual([
    'SP103 8 The task "a" has no "forEach" whose items it could limit.',
  ]);
  expect((await problems('for_each: "params.list +"'))[0]).toMatch(/^SP114 8 /);
  expect((await problems('for_each: "item.list"'))[0]).toMatch(/^SP114 8 .*"item"/);
});
