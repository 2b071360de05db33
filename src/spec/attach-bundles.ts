/** Adds to every task that runs a program the bundle of files that it runs with. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { attachFunction } from './attach-functions.ts';
import type { BundleSource } from './bundle-source.ts';
import type { CanonicalPipeline, CanonicalTask } from './canonical-specs.ts';
import { bundleOf, namedFiles } from './code-bundle.ts';
import type { ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { type Problem, toDiagnostic } from './problem.ts';

/** Answers the files of all bundles: SHA-256 of the content → where it comes from. */
export function attachBundles(
  table: ResourceTable,
  root: string,
  diagnostics: Diagnostic[],
): ReadonlyMap<string, BundleSource> {
  const bundleFiles = new Map<string, BundleSource>();
  for (const resource of table.ofKind('pipeline')) {
    const spec = resource.spec as CanonicalPipeline | undefined;
    if (spec === undefined) continue;
    const tasks: Record<string, CanonicalTask> = {};
    for (const [name, task] of Object.entries(spec.tasks)) {
      tasks[name] = task;
      const named = namedFiles(task);
      if (named === undefined) continue;
      const found: Problem[] = [];
      const module = task.operator === 'typescript' ? attachFunction(resource, name, task, root, found) : undefined;
      const { bundle, files, problems } = bundleOf(named, pointerTo('/tasks', name), root, module?.files);
      for (const problem of [...found, ...problems]) diagnostics.push(toDiagnostic(problem, resource));
      for (const [digest, path] of files) bundleFiles.set(digest, path);
      if (bundle !== undefined)
        tasks[name] = { ...task, ...(module !== undefined && { run: module.run }), bundle } as CanonicalTask;
    }
    resource.spec = { ...spec, tasks };
  }
  return bundleFiles;
}
