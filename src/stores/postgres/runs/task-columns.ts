/**
 * The tasks of a new run as columns. They may be a hundred thousand, and most of them alike in all but their names and what they need:
 * what they have in common is said once.
 */
import type { NewRun, NewTask } from '../../control/runs.ts';
import { kindOf } from './kind-of.ts';

/** Names, needs and dependents as texts of arrays, the form of each; then the forms: operators, trigger rules, conditions and so on. */
export function taskColumns({ tasks, pipeline }: NewRun): readonly unknown[] {
  const dependents = tasks.map((): number[] => []);
  tasks.forEach((task, ordinal) => {
    for (const upstream of task.needs) dependents[upstream]?.push(ordinal);
  });
  const forms: NewTask[] = [];
  const known = new Map<string, number>();
  const formOf = tasks.map((task) => {
    const key = formKey(task);
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, forms.push(task));
    return forms.length;
  });
  const shared = forms.map((form) => (form.shares === null ? null : JSON.stringify(form.shares)));
  return [
    textArray(tasks.map((task) => task.name)),
    textArray(tasks.map((task) => `{${task.needs.join(',')}}`)),
    textArray(dependents.map((ordinals) => `{${ordinals.join(',')}}`)),
    `{${formOf.join(',')}}`,
    forms.map((form) => form.operator),
    forms.map((form) => form.trigger),
    forms.map((form) => form.when),
    forms.map((form) => form.priority),
    forms.map((form) => form.cpu),
    forms.map((form) => form.memoryBytes),
    forms.map((form) => form.gpu),
    forms.map((form) => form.deadlineMs),
    forms.map((form, index) => kindOf(pipeline, form, shared[index] ?? null)),
    shared,
  ];
}

/** The same for tasks that are alike in all but their names and what they need. */
function formKey({ operator, trigger, when, priority, cpu, memoryBytes, gpu, deadlineMs, shares }: NewTask): string {
  const written = when === null && shares === null ? '' : JSON.stringify([when, shares]);
  return `${operator} ${trigger} ${priority} ${cpu} ${memoryBytes} ${gpu} ${deadlineMs} ${written}`;
}

/** As Postgres writes an array of texts. */
function textArray(texts: readonly string[]): string {
  if (texts.length === 0) return '{}';
  const quoted = texts.join('","');
  const isPlain = !quoted.includes('\\') && quoted.split('"').length === 2 * texts.length - 1;
  return isPlain ? `{"${quoted}"}` : `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}
