/** Snapshots under the names that queries have for them. */
import type { Session } from './engine.ts';
import { snapshotRelation } from './manifest.ts';
import { ident } from './sql.ts';

/** Each input as a view of its source's name. */
export async function createViews(
  session: Session,
  root: string,
  inputs: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [source, location] of Object.entries(inputs)) {
    const relation = await snapshotRelation(root, location);
    await session.run(`create or replace temp view ${ident(source)} as select * from ${relation}`);
  }
}
