/** The progress of a materialization: a live line on a terminal, now and then a line elsewhere, an event a line for programs. */
import { type MaterializationProgress, snakeCaseKeys } from '../compose/views.ts';
import { secondsInWords } from '../lib/units.ts';
import type { BaseCommand } from './base-command.ts';
import { startLiveLine } from './live-line.ts';

/** Of what lasts shorter there is nothing to tell. */
const QUIET_MS = 5_000;

export interface ShownProgress {
  readonly tell: (progress: MaterializationProgress) => void;
  stop(): void;
}

export function showProgress(
  command: BaseCommand,
  flags: { readonly json: boolean; readonly progress: boolean; readonly color: boolean },
): ShownProgress {
  if (flags.json) {
    return {
      tell: (progress) => {
        if (flags.progress) command.event({ event: 'progress', ...(snakeCaseKeys(progress) as object) });
      },
      stop: () => {},
    };
  }
  let now: MaterializationProgress | undefined;
  if (process.stderr.isTTY) {
    const live = startLiveLine(
      process.stderr,
      (width) => (now === undefined ? undefined : lineOf(now).slice(0, width)),
      command.paintErrors(flags).dim,
    );
    command.live = live;
    return {
      tell: (progress) => {
        now = progress;
      },
      stop: () => {
        command.live = undefined;
        live.stop();
      },
    };
  }
  let toldAt = performance.now();
  return {
    tell: (progress) => {
      if (performance.now() - toldAt < QUIET_MS || progress.done === progress.total) return;
      toldAt = performance.now();
      command.note(`  ${lineOf(progress)}`);
    },
    stop: () => {},
  };
}

/** `patient_labs@2: writing 300,000 of 1,000,000 rows, about 12 s left`. */
function lineOf({ what, etaSeconds }: MaterializationProgress): string {
  return etaSeconds === null || etaSeconds === 0 ? what : `${what}, about ${secondsInWords(etaSeconds)} left`;
}
