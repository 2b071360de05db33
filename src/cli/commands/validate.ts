import { hasErrors } from '../../lib/diagnostics.ts';
import { BaseCommand } from '../base-command.ts';
import { EXIT_ERROR, formatDiagnostics, writeJson } from '../report.ts';

export default class Validate extends BaseCommand {
  static override summary = 'Load and check the specs: every problem at once, with its place.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(Validate);
    const { loadDesired } = await import('../../compose/desired.ts');
    const { project, root, diagnostics } = await loadDesired(
      {
        cwd: process.cwd(),
        configFile: flags.config,
        environment: flags.env,
      },
      { asksStore: false },
    );
    const valid = project !== undefined && !hasErrors(diagnostics);
    if (!valid) process.exitCode = EXIT_ERROR;
    if (flags.json) {
      writeJson({ valid, project: project?.name ?? null, resources: project?.resources.size ?? null, diagnostics });
      return;
    }
    const text = formatDiagnostics(diagnostics, {
      json: false,
      color: flags.color ? undefined : false,
      root,
    });
    if (text !== '') this.print(text.trimEnd());
    const count = (severity: string): number =>
      diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    if (valid) {
      const warnings = count('warning');
      this.print(
        `${project.name} is valid: ${project.resources.size} resources${warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`}.`,
      );
    } else
      this.print(
        `\n${counted(count('error'), 'error')}${count('warning') === 0 ? '' : `, ${counted(count('warning'), 'warning')}`}.`,
      );
  }
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
