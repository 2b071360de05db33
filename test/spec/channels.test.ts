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

async function problems(environments: string, pipeline = ''): Promise<string[]> {
  writeFileSync(
    join(directory.path, 'mlops.config.yaml'),
    `project: p
environments:
${environments}
resources:
  - kind: Pipeline
    name: nightly
    ${pipeline}
    tasks: [{ name: a, operator: command, command: "true" }]
`,
  );
  const { diagnostics } = await loadProject({ root: directory.path });
  return diagnostics.map(({ code, detail, hint, at }) => `${code} ${at?.start.line} ${detail} ${hint ?? ''}`.trim());
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: a reference as YAML writes it.
const OPS = '{ notifications: { ops: { slack: { url: "${env:SLACK_URL}" } } } }';

it('a channel is one that some environment has', async () => {
  expect(await problems(`  dev: {}\n  prod: ${OPS}`, 'notify: [{ to: ops }]')).toEqual([]);
  expect(await problems(`  dev: {}\n  prod: ${OPS}`, 'notify: [{ to: opps, on: [failed] }]')).toEqual([
    'SP104 8 No environment has a notification channel "opps". did you mean "ops"?',
  ]);
  expect(await problems('  dev: {}', 'notify: [{ to: ops }]')).toEqual([
    'SP104 7 No environment has a notification channel "ops". declare it: environments.NAME.notifications.ops',
  ]);
});

it('the rules of an environment name its own channels', async () => {
  expect(await problems(`  dev: { notify: [{ to: ops }] }\n  prod: ${OPS}`)).toEqual([
    'SP104 3 The environment "dev" has no notification channel "ops". declare it: environments.NAME.notifications.ops',
  ]);
});

it('a channel is of one kind, and an event one that there is', async () => {
  const [both] = await problems('  dev: { notifications: { ops: { slack: { url: a }, webhook: { url: b } } } }');
  expect(both).toMatch(/^SP10\d 3 /);
  const [event] = await problems(`  dev: ${OPS}`, 'notify: [{ to: ops, on: [fialed] }]');
  expect(event).toMatch(/^SP103 7 .*did you mean "failed"\?/s);
});

it('a time of day is expected of a schedule only', async () => {
  expect(await problems('  dev: {}', 'expect: { by: "06:00" }')).toEqual([
    'SP102 7 A time of day is expected after an instant of the schedule, and there is no "schedule". expect: { within: … } holds for every run',
  ]);
  expect(await problems('  dev: {}', 'expect: { within: 1h }')).toEqual([]);
  expect(await problems('  dev: {}', 'expect: { by: "06:00" }\n    schedule: { cron: "0 2 * * *" }')).toEqual([]);
  expect(await problems('  dev: {}', 'expect: { by: "6:00" }\n    schedule: { cron: "0 2 * * *" }')).not.toEqual([]);
});
