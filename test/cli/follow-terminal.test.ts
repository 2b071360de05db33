/** Following a run as a process, on a terminal of its own and without one. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyProject, type TestProject, until } from '../support/project.ts';
import { screen } from '../support/screen.ts';

const project: TestProject = emptyProject('follow');
const SIZE = { columns: 90, rows: 20 };
const gate = join(project.folder, 'go');

beforeAll(async () => {
  const waiting = `until [ -e '${gate}' ]; do sleep 0.05; done; echo done waiting`;
  writeFileSync(
    join(project.folder, 'mlops.config.yaml'),
    `project: follow
resources:
  - kind: Pipeline
    name: nightly
    params: { code: 0 }
    tasks:
      - { name: first, operator: command, command: ["sh", "-c", ${JSON.stringify(waiting)}] }
      - { name: left, operator: command, command: "true", needs: [first] }
      - { name: right, operator: command, command: ["sh", "-c", "echo one; echo two >&2; exit $(sed 's/[^0-9]//g' $MLOPS_PARAMS)"], needs: [first] }
      - { name: last, operator: command, command: "true", needs: [left, right] }
`,
  );
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stderr).toBe(0);
}, 120_000);
beforeEach(() => rmSync(gate, { force: true }));
afterAll(() => project.remove(), 60_000);

const open = (): void => writeFileSync(gate, '');

/** What a terminal shows of what was written so far. */
function shown(text: string) {
  const terminal = screen(SIZE);
  terminal.write(text);
  return terminal;
}

it('draws the graph in place on a terminal, and leaves it with where the time went and what failed', async () => {
  const run = project.start(['run', 'nightly', '--follow', '-p', 'code=3'], { terminal: SIZE });
  await until(async () => /▸ first +\d/.test(shown(run.output().stdout).text()));
  const during = shown(run.output().stdout).text();
  expect(during).toMatch(/nightly running +\S+ \S+ +0\/4 done, 1 running/);
  expect(during).toMatch(/▸ first .*\n +├─○ left\n +└─○ right\n +○ last .*after left, right/);
  open();
  const { code, stdout } = await run.ended;
  expect(code).toBe(1);
  const terminal = shown(stdout);
  expect(terminal.cursorShown()).toBe(true);
  expect(terminal.cleared()).toBe(false);
  const all = [...terminal.scrollback(), ...terminal.text().split('\n')].join('\n');
  // Each line of the graph is there once: nothing of an earlier frame was left behind.
  expect(all.match(/ first /g)).toHaveLength(2);
  expect(all).toMatch(/✓ first/);
  expect(all).toMatch(/✗ right .*exit code 3/);
  expect(all).toMatch(/· last .*upstream failed/);
  expect(all).toMatch(/✗ failed after .*: 2 succeeded, 1 failed, 1 not run/);
  expect(all).toMatch(/where the time went:\n +first/);
  expect(all).toMatch(/right failed: .*exit code 3\n {2}│ one\n {2}│ two\n {2}mlops runs logs/);
  expect(all.trimEnd()).toMatch(/[0-9a-f-]{36} failed$/);
});

it('with Ctrl-C leaves the run to the daemon and says how to come back; who follows it again sees it whole', async () => {
  const daemon = await project.daemon();
  try {
    const run = project.start(['run', 'nightly', '--follow'], { terminal: SIZE });
    await until(async () => /▸ first +\d/.test(shown(run.output().stdout).text()));
    run.type('\u0003');
    const { code, stdout } = await run.ended;
    expect(code).toBe(130);
    expect(shown(stdout).cursorShown()).toBe(true);
    const [, id] = /watch it again: mlops runs follow ([0-9a-f-]{36})/.exec(shown(stdout).text()) ?? [];
    expect(id).toBeDefined();
    const again = project.start(['runs', 'follow', (id ?? '').slice(0, 8)]);
    await again.says('▸ first');
    open();
    const followed = await again.ended;
    expect(followed.code).toBe(0);
    expect(followed.stdout).toBe(`${id} succeeded\n`);
    // Lines for whoever reads a log: no colours, nothing redrawn.
    expect(followed.stderr).not.toContain('\u001b');
    expect(followed.stderr).toMatch(/✓ run +succeeded/);
    const events = await project.mlops(['runs', 'follow', id ?? '', '--json']);
    const parsed = events.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(parsed.map(({ seq }) => seq)).toEqual(parsed.map((_, index) => index + 1));
    expect(parsed.at(-1)).toMatchObject({ task: null, status: 'succeeded' });
  } finally {
    open();
    daemon.kill('SIGTERM');
    await daemon.ended;
  }
  expect(existsSync(gate)).toBe(true);
});

it('says that nobody works on a run that it follows', async () => {
  const { stderr, code } = await project.mlops(['runs', 'follow', 'nope']);
  expect(code).toBe(1);
  expect(stderr).toContain('PL202');
});
