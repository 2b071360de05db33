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

async function problems(batching: string, ofEnvironment = '{}'): Promise<string[]> {
  writeFileSync(
    join(directory.path, 'mlops.config.yaml'),
    `project: p
environments:
  dev: { serving: { memory: 2Gi, batching: ${ofEnvironment} } }
resources:
  - kind: Model
    name: risk
    framework: onnx
  - kind: Endpoint
    name: mortality
    key: id
    variants: { control: { model: risk } }
    batching: ${batching}
`,
  );
  const { diagnostics } = await loadProject({ root: directory.path });
  return diagnostics.map(({ code, detail, at }) => `${code} ${at?.start.line} ${detail}`.trim());
}

it('an endpoint lets its requests wait for others, a second at most, in batches of one row or more', async () => {
  expect(await problems('{ maxBatch: 1, maxDelay: 1s }')).toEqual([]);
  expect(await problems('{ max_delay: 5ms }')).toEqual([]);
  expect(await problems('{ maxDelay: 2s }')).toEqual(['SP103 12 Requests may wait for others 1s at most, not 2s.']);
  expect(await problems('{}', '{ maxDelay: 1m }')).toEqual([
    'SP103 3 Requests may wait for others 1s at most, not 1m.',
  ]);
  expect((await problems('{ maxBatch: 0 }'))[0]).toMatch(/^SP103 12 /);
});
