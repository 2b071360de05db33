/** Resources that the HTTP interface made become the specs': what `import` records. */
import { MlopsError } from '../../lib/error.ts';
import type { RecordedResource } from '../control/state.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

type Adopted = Pick<RecordedResource, 'address' | 'digest'>;

/** All in one transaction, or none: AP117 where one is not as it was read. */
export async function adopt(db: Database, scopeId: number, resources: readonly Adopted[], who: string): Promise<void> {
  if (resources.length === 0) return;
  await db.transaction(async (tx) => {
    const asked = resources.map(({ address, digest }) => ({ address, digest }));
    const rows = await tx.query<{ address: string }>(sqlFile('adopt'), [scopeId, JSON.stringify(asked), who]);
    const taken = new Set(rows.map(({ address }) => address));
    const moved = resources.filter(({ address }) => !taken.has(address)).map(({ address }) => address);
    if (moved.length > 0) throw changedMeanwhile(moved);
  });
}

function changedMeanwhile(addresses: readonly string[]): MlopsError {
  return new MlopsError('AP117', {
    detail: `${addresses.join(', ')} was changed, destroyed or taken over meanwhile; nothing was taken over.`,
    hint: 'look at it again with mlops plan, then import it again',
    ...(addresses.length === 1 ? { address: addresses[0] } : {}),
  });
}
