import { BaseCommand } from '../base-command.ts';
import { type Check, examine } from '../doctor.ts';
import { EXIT_ERROR } from '../report.ts';

export default class Doctor extends BaseCommand {
  static override summary = 'Check this machine and the environment: what works, what does not, and what to do.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const { green, yellow, red } = this.paint(flags);
    const symbol = { ok: green('✓'), warning: yellow('!'), error: red('✗') };
    const checks: Check[] = [];
    for await (const check of examine(
      { cwd: process.cwd(), configFile: flags.config, environment: flags.env },
      this.interruption.signal,
    )) {
      checks.push(check);
      if (flags.json) continue;
      this.print(`${symbol[check.status]} ${check.name.padEnd(16)} ${check.detail}`);
      if (check.hint !== undefined) this.print(`  ${' '.repeat(16)} ${check.hint}`);
    }
    if (flags.json) this.result(flags, { checks }, () => '');
    if (checks.some(({ status }) => status === 'error')) process.exitCode = EXIT_ERROR;
  }
}
