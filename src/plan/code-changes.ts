/** Files of code bundles in a plan: which ones changed, and whose content is needed to show how. */
import { isJsonObject } from '../lib/json.ts';
import type { Address } from '../spec/address.ts';
import { isNoOp } from './action.ts';
import type { AttributeDiff } from './change.ts';
import { pointerSegments } from './diff.ts';
import type { Plan } from './plan.ts';

/** A file of a task's code. Digests are null where the file is new or gone. */
export interface CodeChange {
  readonly task: string;
  readonly file: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** `bundle`: its digest says no more than its files do. Undefined where the difference is not about code. */
export function codeChange({ path, before, after }: AttributeDiff): CodeChange | 'bundle' | undefined {
  const [tasks, task, bundle, part, file] = pointerSegments(path);
  if (tasks !== 'tasks' || bundle !== 'bundle' || task === undefined) return undefined;
  if (part === 'digest') return 'bundle';
  if (part !== 'files' || file === undefined) return undefined;
  return {
    task,
    file,
    before: typeof before === 'string' ? before : null,
    after: typeof after === 'string' ? after : null,
  };
}

/** Digests of the files that changed, before and after: what `RenderOptions.codeText` is asked for. Sorted. */
export function changedCodeDigests(plan: Plan): readonly string[] {
  const digests = new Set<string>();
  for (const { kind, diffs } of plan.changes) {
    if (kind !== 'pipeline') continue;
    for (const diff of diffs) {
      const change = codeChange(diff);
      if (change === undefined || change === 'bundle' || change.before === null || change.after === null) continue;
      digests.add(change.before).add(change.after);
    }
  }
  return [...digests].sort();
}

/** The files of a value that is a code bundle; undefined where it is none. */
export function bundleFilesOf(value: unknown): readonly string[] | undefined {
  if (!isJsonObject(value) || Object.keys(value).sort().join() !== 'digest,files') return undefined;
  const { digest, files } = value;
  return typeof digest === 'string' && isJsonObject(files) ? Object.keys(files).sort() : undefined;
}

export interface BundleFile {
  readonly address: Address;
  readonly file: string;
  readonly digest: string;
}

/** Every file of code that the pipelines to be made or changed run. */
export function bundlesOf(plan: Plan): readonly BundleFile[] {
  return plan.changes.flatMap(({ address, kind, actions, after }) => {
    if (kind !== 'pipeline' || after === null || isNoOp(actions)) return [];
    const tasks = isJsonObject(after['tasks']) ? Object.values(after['tasks']) : [];
    return tasks.flatMap((task) => {
      const bundle = isJsonObject(task) ? task['bundle'] : undefined;
      const files = isJsonObject(bundle) && isJsonObject(bundle['files']) ? bundle['files'] : {};
      return Object.entries(files).flatMap(([file, digest]) =>
        typeof digest === 'string' ? [{ address, file, digest }] : [],
      );
    });
  });
}
