/**
 * What every command shares: the global flags, where results and progress go, how a failure is told and how an
 * interruption is handled. Standard output gets the result (one JSON document with `--json`), standard error the rest.
 */
import { Command } from '@oclif/core/command';
import { boolean, string } from '@oclif/core/flags';
import pc from 'picocolors';
import { MlopsError } from '../lib/error.ts';
import type { LiveLine } from './live-line.ts';
import { EXIT_INTERRUPTED, reportFailure, useColor, writeJson, writeJsonLine } from './report.ts';

export interface GlobalFlags {
  readonly env: string | undefined;
  readonly config: string | undefined;
  readonly json: boolean;
  /** True unless `--no-color`. */
  readonly color: boolean;
}

/** Ctrl-C, `kill`, and a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    env: string({ description: 'Environment of the project. Default: MLOPS_ENV, else dev.', helpGroup: 'GLOBAL' }),
    config: string({
      description: 'Config file. Default: the nearest mlops.config.ts or .yaml upwards.',
      helpGroup: 'GLOBAL',
    }),
    json: boolean({
      description: 'One JSON document, or one JSON event a line, on standard output.',
      helpGroup: 'GLOBAL',
    }),
    color: boolean({ description: 'Colour the output.', allowNo: true, default: true, helpGroup: 'GLOBAL' }),
  };

  /** False while being stopped is how the command ends well: the daemon. */
  protected interruptionFails = true;

  /** Aborts on the first Ctrl-C; the second ends the process at once. */
  readonly interruption = new AbortController();
  /** A line that is being redrawn at the foot of the terminal: notes go above it. */
  live: LiveLine | undefined;
  private readonly onInterrupt = (): void => {
    if (this.interruption.signal.aborted) {
      this.live?.stop();
      process.exit(EXIT_INTERRUPTED);
    }
    this.interruption.abort(
      new MlopsError('AP106', { detail: 'Interrupted. The step in hand is finished first; once more stops now.' }),
    );
    if (this.interruptionFails) this.note('interrupted: finishing what is in hand; once more to stop now');
  };

  override async init(): Promise<void> {
    await super.init();
    for (const signal of SIGNALS) process.on(signal, this.onInterrupt);
  }

  override async finally(error: Error | undefined): Promise<void> {
    for (const signal of SIGNALS) process.off(signal, this.onInterrupt);
    if (this.interruption.signal.aborted && this.interruptionFails) process.exitCode = EXIT_INTERRUPTED;
    await super.finally(error);
  }

  override async catch(error: unknown): Promise<void> {
    const words = this.argv;
    const failure = reportFailure(error, {
      json: words.includes('--json'),
      color: words.includes('--no-color') ? false : undefined,
    });
    process.exitCode = failure;
  }

  /** Colours for standard output. */
  paint(flags: Pick<GlobalFlags, 'color'>): ReturnType<typeof pc.createColors> {
    return pc.createColors(useColor(flags.color ? undefined : false, process.stdout));
  }

  /** Colours for standard error. */
  paintErrors(flags: Pick<GlobalFlags, 'color'>): ReturnType<typeof pc.createColors> {
    return pc.createColors(useColor(flags.color ? undefined : false, process.stderr));
  }

  /** The result: `value` as one JSON document with `--json`, else `text()`. */
  result(flags: Pick<GlobalFlags, 'json'>, value: unknown, text: () => string): void {
    if (flags.json) writeJson(value);
    else this.print(text());
  }

  /** A line of the result. */
  print(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** One event of a stream of JSON lines. */
  event(value: unknown): void {
    writeJsonLine(value);
  }

  /** Progress, for people: standard error. */
  note(text: string): void {
    if (this.live === undefined) process.stderr.write(`${text}\n`);
    else this.live.print(text);
  }
}
