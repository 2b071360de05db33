/** A run where there is no terminal: one line a change of state. Of a mapped task's instances every first, second, fifth, tenth, … end. */
import type { RunEvent } from '../../compose/views.ts';
import { elapsed } from '../output.ts';
import { type Colors, createRunProgress } from '../run-view.ts';
import { mappedText } from './run-lines.ts';
import { instanceCounts, instanceOf, type RunModel } from './run-model.ts';

/** Undefined for what is not worth a line. The model has taken the event already. */
export function createPlainLines(model: RunModel, colors: Colors): (event: RunEvent) => string | undefined {
  const progress = createRunProgress(colors);
  const told = new Map<string, number>();
  return (event) => {
    const instance = event.task === null ? undefined : instanceOf(event.task);
    if (instance === undefined) return progress(event);
    const task = model.tasks.get(instance.task);
    if (task?.instances === undefined) return undefined;
    const { done } = instanceCounts(task.instances);
    if (done === (told.get(task.name) ?? 0) || !isMilestone(done)) return undefined;
    told.set(task.name, done);
    const took = task.startedAt === undefined ? '' : colors.dim(` ${elapsed(event.at.getTime() - task.startedAt)}`);
    return `  ▸ ${task.name.padEnd(18)} ${mappedText(task, 0)}${took}`;
  };
}

/** 1, 2, 5, 10, 20, 50, … */
function isMilestone(done: number): boolean {
  if (done < 1) return false;
  const lead = done / 10 ** Math.floor(Math.log10(done) + 1e-9);
  return lead === 1 || lead === 2 || lead === 5;
}
