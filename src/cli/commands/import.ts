import { boolean, string } from '@oclif/core/flags';
import { hasErrors } from '../../lib/diagnostics.ts';
import { MlopsError } from '../../lib/error.ts';
import { BaseCommand, type GlobalFlags } from '../base-command.ts';
import { type ImportReport, importResources } from '../importing.ts';
import { EXIT_ERROR, reportDiagnostics } from '../report.ts';
import { settingsOf, within } from '../session.ts';
import { word } from '../word.ts';

export default class Import extends BaseCommand {
  static override summary = 'Write the YAML of what the HTTP interface made, and take it over.';
  static override args = { address: word({ description: 'kind.name, as `plan` lists it.' }) };
  static override flags = {
    all: boolean({ description: 'Everything that the HTTP interface made and the specs do not hold.', default: false }),
    out: string({ description: 'File to write, in the project. Default: specs/KIND/NAME.yaml.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Import);
    if ((args.address === undefined) !== flags.all) {
      throw new MlopsError('CL101', {
        detail: flags.all ? 'An address and --all ask for two things.' : 'Nothing says what to import.',
        hint: 'mlops import feature_set.vitals, or mlops import --all',
      });
    }
    const from = { cwd: process.cwd(), configFile: flags.config, environment: flags.env };
    const settings = await settingsOf(flags);
    const report = await within(this, settings, (environment) =>
      importResources(environment, { address: args.address, out: flags.out, from }),
    );
    if (!flags.json)
      reportDiagnostics(report.diagnostics, {
        json: false,
        color: flags.color ? undefined : false,
        root: settings.root,
      });
    this.result(flags, view(report), () => this.text(flags, report));
    if (hasErrors(report.diagnostics)) process.exitCode = EXIT_ERROR;
  }

  private text(flags: GlobalFlags, { imported, addToConfig, diagnostics }: ImportReport): string {
    const { green, dim, bold } = this.paint(flags);
    if (imported.length === 0) return 'There is nothing to import: the specs hold everything that is recorded.';
    const width = Math.max(...imported.map(({ address }) => address.length));
    const lines = imported.map(({ address, file, neededBy }) => {
      const why = neededBy === null ? '' : dim(`  needed by ${neededBy}`);
      return `  ${green('+')} ${address.padEnd(width)}  ${file ?? dim('in the specs already')}${why}`;
    });
    lines.push('');
    const taken = imported.filter(({ takenOver }) => takenOver).map(({ address }) => address);
    if (taken.length > 0)
      lines.push(
        `${bold('Taken over:')} ${taken.join(', ')}. The specs manage ${taken.length === 1 ? 'it' : 'them'} now.`,
      );
    for (const { address, reason } of imported)
      if (reason !== null) lines.push(`${bold('Not yet taken over:')} ${address}: ${reason}.`);
    if (addToConfig !== null) {
      const ts = /\.ya?ml$/.test(addToConfig.file) ? '' : ', in defineConfig({ … })';
      lines.push(
        `Set this in ${addToConfig.file}${ts}, so that the files are loaded:`,
        '',
        ...addToConfig.lines.map((line) => `  ${line}`),
        '',
      );
    }
    if (taken.length < imported.length) {
      const first =
        diagnostics.length > 0 ? 'Once the errors above are settled, ' : addToConfig !== null ? 'Then ' : '';
      lines.push(`${first}mlops apply takes ${imported.length - taken.length === 1 ? 'it' : 'them'} over.`);
    }
    return lines.join('\n');
  }
}

function view({ imported, addToConfig, diagnostics }: ImportReport) {
  return {
    imported: imported.map(({ address, file, neededBy, takenOver, reason }) => ({
      address,
      file,
      needed_by: neededBy,
      taken_over: takenOver,
      reason,
    })),
    add_to_config: addToConfig,
    diagnostics,
  };
}
