/** What the plan cannot work out without the SQL parser: which outputs the edited queries of sources change. */
import type { State } from '../compose/views.ts';
import type { Project } from '../spec/project.ts';

/** By name of the source. One of which it may be any is absent. */
export async function changedOutputsOf(
  project: Project,
  state: State,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const recorded of state.resources) {
    const desired = project.resources.get(recorded.address);
    if (recorded.kind !== 'source' || desired?.kind !== 'source') continue;
    const [before, after] = [recorded.spec.query, desired.spec.query];
    // Of several texts any may have changed.
    if (typeof before !== 'string' || typeof after !== 'string' || before === after) continue;
    const { outputsChangedBy } = await import('../spec/sql-analysis.ts');
    const outputs = await outputsChangedBy(before, after);
    if (outputs !== undefined) found.set(recorded.name, outputs);
  }
  return found;
}
