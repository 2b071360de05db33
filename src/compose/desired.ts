/** The project as its files say, whole and checked, SQL against the real columns of its data. */
import { dirname } from 'node:path';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { loadProject } from '../spec/load.ts';
import type { Project } from '../spec/project.ts';
import { describeSourceFor } from './describe-source.ts';
import { queryStoreOf } from './query-store.ts';
import { configFileOf, type Settings, type SettingsRequest, settingsFor } from './settings.ts';

export interface DesiredProject {
  /** Undefined where the specs have errors. */
  readonly project: Project | undefined;
  readonly settings: Settings | undefined;
  /** The folder of the config file: where files of diagnostics start. */
  readonly root: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** `asksStore`: the store of the environment checks what its queries are there. Default true; `validate` needs no server. */
export async function loadDesired(
  request: SettingsRequest,
  { asksStore = true }: { readonly asksStore?: boolean } = {},
): Promise<DesiredProject> {
  const configFile = configFileOf(request);
  const root = dirname(configFile);
  const { describe, parses, close } = describeSourceFor(root);
  try {
    const { project, diagnostics } = await loadProject({
      root,
      configFile,
      describeSource: describe,
      parsesQuery: parses,
      queryStore: (settings) => queryStoreOf(request, settings, asksStore),
    });
    return { project, root, diagnostics, settings: project === undefined ? undefined : settingsFor(request, project) };
  } finally {
    await close();
  }
}
