import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { string } from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.ts';
import { foundRun } from '../../runs.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';
import { writing } from '../../writing.ts';

export default class RunsArtifacts extends BaseCommand {
  static override summary = 'Files that the tasks of a run left.';
  static override args = {
    run: word({ description: 'Id of the run, or the begin of it.', required: true }),
    task: word({ description: 'Of one task. Default: of all.' }),
  };
  static override flags = {
    out: string({ description: 'Write them to this folder, as TASK/PATH.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsArtifacts);
    const { out } = flags;
    const items = await inEnvironment(this, flags, async (environment) => {
      const orchestrator = await environment.orchestrator();
      const { runId } = await foundRun(orchestrator, args.run);
      const found = await orchestrator.artifacts(runId, args.task === undefined ? undefined : [args.task]);
      if (out === undefined) return found;
      const store = await environment.runFiles();
      for (const { task, path, digest } of found) {
        const target = join(out, task, path);
        await writing(target, async () => {
          await mkdir(dirname(target), { recursive: true });
          await copyFile(await store.localPath(digest), target);
        });
      }
      return found;
    });
    this.result(flags, { items }, () =>
      items.length === 0
        ? 'No files.'
        : items.map(({ task, path, digest, bytes }) => `${task}/${path}  ${bytes} bytes  sha256 ${digest}`).join('\n'),
    );
  }
}
