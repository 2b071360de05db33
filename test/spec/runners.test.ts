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

async function problems(environments: string, task: string): Promise<string[]> {
  writeFileSync(
    join(directory.path, 'mlops.config.yaml'),
    `project: p
environments:
${environments}
resources:
  - kind: Pipeline
    name: nightly
    tasks:
      - { name: a, operator: command, command: "true"${task} }
`,
  );
  const { diagnostics } = await loadProject({ root: directory.path });
  return diagnostics.map(({ code, detail, at }) => `${code} ${at?.start.line} ${detail}`);
}

it('a task that is to run in a cluster needs an environment that names one', async () => {
  expect(await problems('  dev: {}', ', runner: kubernetes')).toEqual([
    'SP132 8 The task "a" is to run in a cluster, and no environment names one.',
  ]);
  const prod = '  dev: {}\n  prod: { runner: { kubernetes: { namespace: ml, image: "python:3.12" } } }';
  expect(await problems(prod, ', runner: kubernetes')).toEqual([]);
});

it('something says which image it runs in', async () => {
  const prod = '  prod: { runner: { kubernetes: { namespace: ml } } }';
  expect(await problems(prod, '')).toEqual([
    'SP132 8 Nothing says which image the task "a" runs in, in the cluster of environment "prod".',
  ]);
  expect(await problems(prod, ', kubernetes: { image: "alpine:3" }')).toEqual([]);
  expect(await problems(prod, ', runner: process')).toEqual([]);
});

it('names, labels and sizes that Kubernetes would refuse are refused by plan, which asks no cluster', async () => {
  const prod = '  prod: { runner: { kubernetes: { namespace: ml, image: "python:3.12" } } }';
  expect(await problems('  prod: { runner: { kubernetes: { namespace: Not_A_Name } } }', '')).toHaveLength(1);
  for (const wrong of [
    'kubernetes: { queue: "Not a name" }',
    'kubernetes: { nodeSelector: { "a b": x } }',
    'kubernetes: { labels: { team: "no spaces" } }',
    'kubernetes: { tolerations: [{ effect: Never }] }',
    'resources: { memory: 12Q }',
  ])
    expect(await problems(prod, `, ${wrong}`)).not.toEqual([]);
});

it('a task that declares artifacts does not run in a cluster, and its artifacts lie below its directory', async () => {
  const prod = '  prod: { runner: { kubernetes: { namespace: ml, image: "python:3.12" } } }';
  expect(await problems(prod, ', artifacts: [report.html]')).toEqual([
    'SP132 8 The task "a" declares artifacts, and files that a program leaves in a pod do not come back.',
  ]);
  expect(await problems(prod, ', artifacts: [report.html], runner: process')).toEqual([]);
  expect(await problems('  dev: {}', ', artifacts: [out/*.csv, ../secret, /etc/passwd]')).toEqual([
    'SP103 8 "../secret" is not below the directory that the task runs in.',
    'SP103 8 "/etc/passwd" is not below the directory that the task runs in.',
  ]);
});
