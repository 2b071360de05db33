/** Pools that tasks take slots of: some environment has them, with as many slots as a task asks for. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { toDiagnostic } from './problem.ts';
import type { ProjectSpec, Task } from './schema-types.ts';

export function checkPools(
  table: ResourceTable,
  environments: NonNullable<ProjectSpec['environments']>,
): readonly Diagnostic[] {
  const sizes = new Map<string, number>();
  for (const { pools = {} } of Object.values(environments))
    for (const [name, slots] of Object.entries(pools)) sizes.set(name, Math.max(slots, sizes.get(name) ?? 0));
  return [...table.ofKind('pipeline')].flatMap((pipeline) => {
    if (!pipeline.sound) return [];
    const tasks = Object.entries(pipeline.value['tasks'] as Readonly<Record<string, Task>>);
    return tasks.flatMap(([task, { pool }]) => {
      const asked = typeof pool === 'string' ? [[pool, 1] as const] : Object.entries(pool ?? {});
      return asked.flatMap(([name, slots]) => {
        const size = sizes.get(name);
        if (size !== undefined && slots <= size) return [];
        const problem =
          size === undefined
            ? {
                code: 'SP104' as const,
                detail: `No environment has a pool "${name}".`,
                hint: didYouMean(name, [...sizes.keys()]) ?? `declare it: environments.NAME.pools.${name}`,
              }
            : {
                code: 'SP103' as const,
                detail: `The task "${task}" asks for ${slots} slots of the pool "${name}", which has ${size}: it could never run.`,
              };
        return [toDiagnostic({ ...problem, pointer: `${pointerTo('/tasks', task)}/pool` }, pipeline)];
      });
    });
  });
}
