/** Who comes before a task. */
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';

/** All tasks before it, the nearest first; of equally near ones as `needs` names them. */
export function ancestorsOf(spec: CanonicalPipeline, task: string): readonly string[] {
  const seen = new Set<string>([task]);
  let near: readonly string[] = spec.tasks[task]?.needs ?? [];
  const ancestors: string[] = [];
  while (near.length > 0) {
    const next: string[] = [];
    for (const name of near) {
      if (seen.has(name)) continue;
      seen.add(name);
      ancestors.push(name);
      next.push(...(spec.tasks[name]?.needs ?? []));
    }
    near = next;
  }
  return ancestors;
}
