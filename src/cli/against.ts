/** `--against SERIAL`: the project as it was applied then. */
import { loadSettings } from '../compose/settings.ts';
import type { OpenEnvironment } from '../compose.ts';
import { MlopsError } from '../lib/error.ts';
import { bundlesOf } from '../plan/code-changes.ts';
import { pastProject } from '../plan/past-project.ts';
import type { Plan } from '../plan/plan.ts';
import { withEnvironment } from '../spec/environment-resource.ts';
import type { Project } from '../spec/project.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import type { Desired } from './session.ts';
import { desiredOf } from './session.ts';

export interface Past {
  readonly serial: number;
  readonly gitCommit: string | null;
  readonly project: Project;
}

/** The project as written; where it has errors, which may be why somebody goes back, its settings without its resources. */
export async function projectOrSettings(command: BaseCommand, flags: GlobalFlags): Promise<Desired> {
  try {
    return await desiredOf(flags);
  } catch (error) {
    if (!(error instanceof MlopsError) || error.code !== 'AP001') throw error;
    const settings = await loadSettings({ cwd: process.cwd(), configFile: flags.config, environment: flags.env });
    command.note(
      'warning: the specs have errors, so the rules of the project are not known here; the rest is as it was',
    );
    const { root, configFile, project: name, environment } = settings;
    const project: Project = {
      name,
      description: undefined,
      root,
      configFile,
      environments: { [environment]: settings.spec },
      rules: {},
      resources: new Map(),
      digest: '',
      bundleFiles: new Map(),
    };
    return { settings, project: withEnvironment(project, environment) };
  }
}

/** AP114 where the serial is not known, with those that are near. */
export async function pastOf(environment: OpenEnvironment, project: Project, serial: number): Promise<Past> {
  const { state } = environment;
  const past = await state.history.at(serial);
  if (past === undefined) throw await unknownSerial(environment, serial);
  return { serial, gitCommit: past.gitCommit, project: pastProject(project, past, await state.read()) };
}

export async function unknownSerial({ state }: Pick<OpenEnvironment, 'state'>, serial: number): Promise<MlopsError> {
  const known = (await state.history.serials(10_000)).map((record) => record.serial);
  const near = [...known]
    .sort((a, b) => Math.abs(a - serial) - Math.abs(b - serial) || a - b)
    .slice(0, 3)
    .sort((a, b) => a - b);
  const first = known.at(-1);
  const begins = first !== undefined && serial < first ? `: it begins at serial ${first}` : '';
  return new MlopsError('AP114', {
    detail: `The history of this state has no serial ${serial}${begins}.`,
    hint: near.length === 0 ? 'nothing was applied yet' : `near it: ${near.join(', ')}; mlops state history lists them`,
    data: { serial, near },
  });
}

/** Code runs from the artifact store: AP115 where what the plan would bring back is neither there nor in the project. */
export async function requireCode(environment: OpenEnvironment, plan: Plan, project: Project): Promise<void> {
  const needed = bundlesOf(plan).filter(({ digest }) => !project.bundleFiles.has(digest));
  if (needed.length === 0) return;
  const artifacts = await environment.artifacts();
  for (const { address, file, digest } of needed) {
    if ((await artifacts.has(digest)) !== undefined) continue;
    throw new MlopsError('AP115', {
      detail: `${address} ran ${file} then, and that version of it is not in the artifact store any more.`,
      hint: 'bring the file back from version control, and apply the specs as they are',
      address,
    });
  }
}
