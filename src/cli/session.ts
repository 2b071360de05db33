/** From a command's flags to the project as written, and to the environment as it lives. */

import { loadSettings, type Settings } from '../compose/settings.ts';
import { type OpenEnvironment, type OpenOptions, openEnvironment } from '../compose.ts';
import { hasErrors } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import { withEnvironment } from '../spec/environment-resource.ts';
import type { Project } from '../spec/project.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import { reportDiagnostics } from './report.ts';

export function settingsOf(flags: Pick<GlobalFlags, 'env' | 'config'>): Promise<Settings> {
  return loadSettings({ cwd: process.cwd(), configFile: flags.config, environment: flags.env });
}

export interface Desired {
  readonly settings: Settings;
  readonly project: Project;
}

/** The specs, whole and checked. Warnings are told on standard error; errors end in AP001 with every diagnostic. */
export async function desiredOf(flags: GlobalFlags): Promise<Desired> {
  const { loadDesired } = await import('../compose/desired.ts');
  const { settings, project, root, diagnostics } = await loadDesired({
    cwd: process.cwd(),
    configFile: flags.config,
    environment: flags.env,
  });
  if (project === undefined || settings === undefined || hasErrors(diagnostics)) {
    const count = diagnostics.filter(({ severity }) => severity === 'error').length;
    throw new MlopsError('AP001', {
      detail: `The specs have ${count} ${count === 1 ? 'error' : 'errors'}; nothing was planned.`,
      diagnostics,
      root,
    });
  }
  if (!flags.json) reportDiagnostics(diagnostics, { json: false, color: flags.color ? undefined : false, root });
  return { settings, project: withEnvironment(project, settings.environment) };
}

/** Opens, works, closes; what `body` throws counts more than what closing throws. */
export async function within<T>(
  command: BaseCommand,
  settings: Settings,
  body: (environment: OpenEnvironment) => Promise<T>,
  options: Pick<OpenOptions, 'readOnly' | 'answersWithinMs'> = {},
): Promise<T> {
  const environment = await openEnvironment(settings, {
    ...options,
    signal: command.interruption.signal,
    report: (message, error) => {
      if (error !== undefined)
        command.note(`warning: ${message}: ${error instanceof Error ? error.message : String(error)}`);
    },
  });
  let result: T;
  try {
    result = await body(environment);
  } catch (error) {
    await environment.close().catch(() => {});
    throw error;
  }
  await environment.close();
  return result;
}

/** For commands that only need what is applied. */
export async function inEnvironment<T>(
  command: BaseCommand,
  flags: GlobalFlags,
  body: (environment: OpenEnvironment) => Promise<T>,
): Promise<T> {
  return within(command, await settingsOf(flags), body);
}
