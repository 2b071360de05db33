import { trackedRunRow } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { knownRun, valueText } from '../../experiments.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ExperimentsCompare extends BaseCommand {
  static override summary = 'Two runs side by side: parameters and metrics, and which of them differ.';
  static override args = {
    run: word({ description: 'Id of a run.', required: true }),
    with: word({ description: 'Id of another one.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ExperimentsCompare);
    const [one, other] = await inEnvironment(this, flags, async (environment) => {
      const tracking = await environment.tracking();
      const runs = await Promise.all([knownRun(tracking, args.run), knownRun(tracking, args.with)]);
      return runs.map(trackedRunRow);
    });
    const rows = (['params', 'metrics'] as const).flatMap((what) =>
      [...new Set([...Object.keys(one?.[what] ?? {}), ...Object.keys(other?.[what] ?? {})])].sort().map((name) => {
        const [from, to] = [one?.[what][name] ?? null, other?.[what][name] ?? null];
        return { what, name, from, to, differs: !Object.is(from, to) };
      }),
    );
    this.result(flags, { runs: [one, other], differences: rows.filter(({ differs }) => differs) }, () =>
      table(
        ['', 'NAME', one?.name ?? '', other?.name ?? '', ''],
        rows.map(({ what, name, from, to, differs }) => [
          what,
          name,
          valueText(from),
          valueText(to),
          differs ? '≠' : '',
        ]),
      ),
    );
  }
}
