/** A project with a pipeline in it, on a machine with this checkout's `mlops`: `npm` does nothing, and what `curl` is called with is recorded. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bin, emptyProject, type TestProject } from '../project.ts';

const CURL = fileURLToPath(new URL('../curl.mjs', import.meta.url));

export interface PipelineProject {
  readonly project: TestProject;
  readonly temp: string;
  /** PATH of its steps. */
  readonly path: string;
  /** Words of `npm` and `curl`, a call each line. */
  calls(): string;
  edit(change: (config: string) => string): void;
}

export async function pipelineProject(ci: 'github' | 'gitlab'): Promise<PipelineProject> {
  const project = emptyProject(`ci ${ci}`);
  const made = await project.mlops(['init', '--ci', ci]);
  if (made.code !== 0) throw new Error(made.stderr);
  const [shims, temp] = ['shims', 'temp'].map((name) => join(dirname(project.folder), name)) as [string, string];
  const calls = join(dirname(project.folder), 'calls.log');
  mkdirSync(shims);
  mkdirSync(temp);
  writeFileSync(calls, '');
  const node = JSON.stringify(process.execPath);
  const shim = (name: string, text: string): void =>
    writeFileSync(join(shims, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const recorded = (name: string): string => `printf '%s\\n' "${name} $*" >> ${JSON.stringify(calls)}`;
  shim('npm', recorded('npm'));
  shim('npx', `test "$1" = mlops || exit 97\nshift\nexec ${node} ${JSON.stringify(bin)} "$@"`);
  shim('node', `exec ${node} "$@"`);
  shim('curl', `${recorded('curl')}\nexec ${realCurl() ?? `${node} ${JSON.stringify(CURL)}`} "$@"`);
  const config = join(project.folder, 'mlops.config.ts');
  return {
    project,
    temp,
    path: `${shims}${delimiter}${process.env['PATH']}`,
    calls: () => readFileSync(calls, 'utf8'),
    edit: (change) => {
      const before = readFileSync(config, 'utf8');
      const after = change(before);
      if (after === before) throw new Error('the edit changed nothing');
      writeFileSync(config, after);
    },
  };
}

/** The machine's, where it is one that the templates need: 7.76 or later. */
function realCurl(): string | undefined {
  if (process.env['MLOPS_TEST_CURL'] === 'shim') return undefined;
  const { status, stdout } = spawnSync('curl', ['--help', 'all'], { encoding: 'utf8' });
  if (status !== 0 || !stdout.includes('--fail-with-body')) return undefined;
  const found = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'curl'));
  return found.find((path) => existsSync(path));
}
