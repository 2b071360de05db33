/** The settings of an environment from the config to the plan, the record and the history. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject, type TestProject } from '../support/project.ts';

let project: TestProject;
const settings = (text: string): void => {
  const file = join(project.folder, 'mlops.config.ts');
  const config = readFileSync(file, 'utf8').replace(/ {2}environments: .*\n/, '');
  writeFileSync(file, config.replace(/( {2}project: .*\n)/, `$1  environments: { dev: ${text} },\n`));
};
beforeAll(async () => {
  project = emptyProject('settings');
  expect((await project.mlops(['init'])).code).toBe(0);
  settings('{ pools: { warehouse: 8 } }');
  expect((await project.mlops(['apply', '--yes'])).code).toBe(0);
}, 60_000);
afterAll(() => project.remove(), 60_000);

describe('an environment whose settings changed', () => {
  it('is in the plan, at its line, and a plan that was saved before is refused', async () => {
    expect((await project.mlops(['plan', '--detailed-exitcode'])).code).toBe(0);
    settings('{ pools: { warehouse: 4 }, retention: { logs: "30d" } }');
    expect((await project.mlops(['plan', '--out', 'saved.plan'])).code).toBe(0);
    settings('{ pools: { warehouse: 2 }, retention: { logs: "30d" } }');
    const { code, stdout } = await project.mlops(['plan', '--detailed-exitcode']);
    expect(code).toBe(2);
    expect(stdout).toMatch(/~ environment\.dev +destructive +changed: pools\.warehouse, retention/);
    expect(stdout).toMatch(/~ pools\.warehouse +8 → 2/);
    expect(stdout).toMatch(/warning PL125 .* mlops\.config\.ts:\d+:\d+/);
    const stale = await project.mlops(['apply', 'saved.plan']);
    expect([stale.code, stale.stderr]).toEqual([1, expect.stringContaining('environment.dev')]);
  }, 60_000);

  it('is recorded by an apply, and in the history', async () => {
    expect((await project.mlops(['apply', '--yes'])).code).toBe(0);
    expect((await project.mlops(['plan', '--detailed-exitcode'])).code).toBe(0);
    const shown = JSON.parse((await project.mlops(['state', 'show', 'environment.dev', '--json'])).stdout);
    expect(shown).toMatchObject({ kind: 'environment', spec: { pools: { warehouse: 2 } } });
    const history = await project.mlops(['state', 'history', 'environment.dev']);
    expect([history.code, history.stdout]).toEqual([0, expect.stringContaining('environment.dev')]);
  }, 60_000);

  it('stays as the config has it in a plan that goes back', async () => {
    const { code, stdout } = await project.mlops(['plan', '--against', '1', '--detailed-exitcode']);
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('environment.dev')]);
  }, 60_000);

  it('cannot be declared', async () => {
    writeFileSync(join(project.folder, 'more.yaml'), 'kind: Environment\nname: dev\npools: { a: 1 }\n');
    const file = join(project.folder, 'mlops.config.ts');
    const config = readFileSync(file, 'utf8');
    writeFileSync(file, config.replace(/( {2}project: .*\n)/, "$1  specs: ['more.yaml'],\n"));
    const { code, stderr, stdout } = await project.mlops(['validate']);
    expect([code, stdout + stderr]).toEqual([1, expect.stringContaining('"Environment" is not a kind of resource.')]);
    writeFileSync(file, config);
  }, 60_000);
});
