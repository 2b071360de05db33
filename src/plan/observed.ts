/** What an apply records of a resource beside its spec. */
import type { JsonObject } from '../lib/json.ts';
import { encodeLineage } from '../spec/column-lineage.ts';
import type { Resource } from '../spec/project.ts';
import type { RecordedResource } from '../stores/control/state.ts';
import type { AttributeDiff } from './change.ts';
import { changedColumns, type KnownColumns } from './changed-columns.ts';
import { recordedColumns } from './source-columns.ts';

/** Columns that are not known now are kept while the source is read as before. */
export function observedOf(
  desired: Resource | undefined,
  recorded: RecordedResource | undefined,
  diffs: readonly AttributeDiff[],
  known: KnownColumns,
): { readonly observed?: JsonObject } {
  if (desired?.kind === 'source') {
    const columns =
      desired.columns ?? (changedColumns(diffs, known) === undefined ? recordedColumns(recorded) : undefined);
    return columns === undefined ? {} : { observed: { columns: columns.map(({ name, type }) => ({ name, type })) } };
  }
  if (desired?.kind !== 'feature_set') return {};
  return desired.lineage === undefined ? {} : { observed: { lineage: encodeLineage(desired.lineage) } };
}
