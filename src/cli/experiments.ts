/** Experiments and runs as commands name and show them. */
import type { Experiment, TrackedRun, Tracking } from '../compose/views.ts';
import { MlopsError } from '../lib/error.ts';

/** By its id, or by its name. */
export async function experimentOf({ store }: Tracking, asked: string): Promise<Experiment> {
  const found = (await store.experiment(asked)) ?? (await store.experimentNamed(asked));
  if (found !== undefined) return found;
  throw new MlopsError('EX201', {
    detail: `There is no experiment "${asked}".`,
    hint: 'mlops experiments list shows them',
  });
}

export async function knownRun({ store }: Tracking, id: string): Promise<TrackedRun> {
  const run = await store.run(id);
  if (run !== undefined) return run;
  throw new MlopsError('EX201', {
    detail: `No run has the id "${id}".`,
    hint: 'mlops experiments show EXPERIMENT lists runs',
  });
}

export function valueText(value: string | number | null | undefined): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : value;
}
