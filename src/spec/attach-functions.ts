/**
 * Gives every task that is a TypeScript function the module that its worker process loads, with all that it imports of the
 * project. A function written in the config becomes a module beside the file that it stands in.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { BundleSource } from './bundle-source.ts';
import type { TaskOf } from './canonical-specs.ts';
import { FUNCTION_EXPORT, functionModule } from './function-module.ts';
import type { LoadedResource } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { moduleFiles } from './module-files.ts';
import type { Problem } from './problem.ts';

export interface AttachedFunction {
  /** `MODULE#EXPORT`. */
  readonly run: string;
  /** Path below the root → where its content comes from. */
  readonly files: ReadonlyMap<string, BundleSource>;
}

/** Undefined where there are problems. */
export function attachFunction(
  resource: LoadedResource,
  name: string,
  task: TaskOf<'typescript'>,
  root: string,
  problems: Problem[],
): AttachedFunction | undefined {
  const pointer = `${pointerTo('/tasks', name)}/run`;
  const report = (detail: string, hint?: string): undefined => {
    problems.push({ code: 'SP130', pointer, detail, hint });
    return undefined;
  };
  const isFunction = resource.functions.has(pointer);
  const module = isFunction ? writtenInPlace() : named();
  if (module === undefined) return undefined;
  const { path, text, own } = module;
  const imported = moduleFiles(path, text, root);
  for (const problem of imported.problems) report(problem);
  if (imported.problems.length > 0) return undefined;
  const below = (file: string): string => relative(root, file).split(sep).join('/');
  const files = new Map<string, BundleSource>(imported.files.map((file) => [below(file), file]));
  files.set(below(path), own);
  return { run: `${below(path)}#${module.exported}`, files };

  function writtenInPlace() {
    const at = resource.locator.expression?.(pointer);
    const file = at === undefined ? undefined : readFileSync(at.path, 'utf8');
    const made = at === undefined || file === undefined ? undefined : functionModule(file, at);
    if (at === undefined || made === undefined) {
      return report(
        `The code of the function of task "${name}" cannot be told: it is made by other code.`,
        'write it in place, name a function of the file or one that it imports, or name a module: run: "tasks/score.ts#score"',
      );
    }
    if (made.captured.length > 0) {
      return report(
        `The function of task "${name}" uses ${made.captured.map((one) => `"${one}"`).join(', ')} of the function around it; in a process of its own that has no value.`,
        'declare it at the top level of the file, or pass it as a parameter of the pipeline',
      );
    }
    const ending = /\.[cm]?[jt]sx?$/.exec(at.path)?.[0] ?? '.ts';
    const path = join(dirname(at.path), `${basename(at.path, ending)}.${resource.name}.${name}${ending}`);
    return { path, text: made.text, own: { text: made.text }, exported: FUNCTION_EXPORT };
  }

  function named() {
    const [file = '', exported = ''] = task.run.split('#');
    const path = join(root, file);
    if (!/^[\w$]+$/.test(exported) || file === '')
      return report(`"${task.run}" names no function.`, 'write the module and its export: "tasks/score.ts#score"');
    if (!path.startsWith(root + sep) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
      return report(`The project has no file "${file}".`);
    return { path, text: readFileSync(path, 'utf8'), own: path, exported };
  }
}
