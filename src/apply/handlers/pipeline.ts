/**
 * Pipelines: the files of their code bundles are stored before the record names them. A pipeline goes only when none of
 * its runs is under way; runs that ended stay.
 */
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import { storeSource } from '../store-source.ts';
import type { Handler, HandlerContext } from './handler.ts';

export const pipelineHandler: Handler<'pipeline'> = {
  put: async (pipeline, context) => {
    await storeBundles(pipeline, context);
    return {};
  },
  remove: async ({ name }, { effects }) => {
    const live = await effects.liveRuns(name);
    if (live === 0) return;
    throw new MlopsError('PL101', {
      detail: `pipeline.${name} has ${live} ${live === 1 ? 'run' : 'runs'} that did not end.`,
      hint: 'wait for them or cancel them (mlops runs cancel RUN), then apply again',
      address: `pipeline.${name}`,
    });
  },
};

async function storeBundles(pipeline: CanonicalPipeline, { artifacts, bundleFiles }: HandlerContext): Promise<void> {
  for (const task of Object.values(pipeline.tasks)) {
    const bundle = 'bundle' in task ? task.bundle : undefined;
    for (const [file, digest] of Object.entries(bundle?.files ?? {})) {
      if ((await artifacts.has(digest)) !== undefined) continue;
      const source = bundleFiles.get(digest);
      const stored = source === undefined ? undefined : await storeSource(artifacts, source);
      if (stored?.digest === digest) continue;
      throw new MlopsError('ST105', {
        detail: `${file} is not what it was when the plan was made, so the code of pipeline.${pipeline.name} cannot be stored.`,
        hint: 'plan again',
        address: `pipeline.${pipeline.name}`,
      });
    }
  }
}
