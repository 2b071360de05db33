/** Under which names and labels a cluster knows an attempt. Pure. */
import { sha256 } from '../../../lib/canonical.ts';

export interface AttemptName {
  /** Tells the control stores apart that use one namespace. */
  readonly owner: string;
  readonly runId: string;
  readonly pipeline: string;
  readonly task: string;
  readonly attempt: number;
}

export const MANAGED_BY = 'app.kubernetes.io/managed-by';
export const LABELS = {
  owner: 'mlops.dev/owner',
  run: 'mlops.dev/run',
  /** A digest: a task's name may be no label's value. */
  task: 'mlops.dev/task',
  attempt: 'mlops.dev/attempt',
} as const;
export const TASK_ANNOTATION = 'mlops.dev/task-name';
export const PIPELINE_ANNOTATION = 'mlops.dev/pipeline';

/** The same for the same attempt, another for every other; at most 63 characters, as a label's value must be. */
export function jobName({ owner, runId, pipeline, task, attempt }: AttemptName): string {
  const digest = sha256(`${owner}\n${runId}\n${task}`).slice(0, 12);
  return `${slug(pipeline, 18)}-${slug(task, 20)}-${digest}-${attempt}`;
}

export function labelsOf({ owner, runId, task, attempt }: AttemptName): Readonly<Record<string, string>> {
  return {
    [MANAGED_BY]: 'mlops',
    [LABELS.owner]: owner,
    [LABELS.run]: runId,
    [LABELS.task]: taskLabel(task),
    [LABELS.attempt]: String(attempt),
  };
}

export function taskLabel(task: string): string {
  return sha256(task).slice(0, 20);
}

/** Everything of this control store. */
export function ownerSelector(owner: string): string {
  return `${MANAGED_BY}=mlops,${LABELS.owner}=${owner}`;
}

/** Every attempt at one task. */
export function taskSelector({ owner, runId, task }: Pick<AttemptName, 'owner' | 'runId' | 'task'>): string {
  return `${ownerSelector(owner)},${LABELS.run}=${runId},${LABELS.task}=${taskLabel(task)}`;
}

/** Lower-case letters, digits and dashes; begins with a letter, ends with no dash. */
function slug(text: string, length: number): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, length)
    .replace(/-+$/, '');
  return plain === '' ? 'x' : plain;
}
