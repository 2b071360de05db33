/** What says the name of a renamed resource says the new one: recorded specs, and the structures of feature sets' versions. */
import { canonicallyEqual, digestOf } from '../../lib/canonical.ts';
import type { JsonObject } from '../../lib/json.ts';
import { parseAddress } from '../../spec/address.ts';
import type { FeatureSetStructure } from '../../spec/feature-set-structure.ts';
import type { Kind } from '../../spec/kinds.ts';
import { mapTexts } from '../../spec/query-text.ts';
import { renamedTables } from '../../spec/sql-text.ts';
import { type RecordedSpec, renamedDependent, renamedWithOutputs } from '../control/renamed-dependent.ts';
import type { Rename } from '../control/state.ts';
import type { Queryable } from './database.ts';
import { sqlFile } from './sql-file.ts';

/** Which change of the state they belong to. */
export interface RenameEntry {
  readonly serial: number;
  readonly who: string;
  readonly operation: string;
  readonly applyId: string | null;
  readonly gitCommit: string | null;
  readonly planDigest: string | null;
}

interface DependentRow extends Record<string, unknown>, RecordedSpec {
  readonly address: string;
  readonly kind: Kind;
  readonly spec: JsonObject;
  readonly digest: string;
  readonly dependsOn: readonly string[];
  readonly outputs: JsonObject;
  readonly previous: RecordedSpec | null;
  readonly past: (RecordedSpec & { readonly outputs: JsonObject }) | null;
}

export async function renameDependents(
  tx: Queryable,
  scopeId: number,
  rename: Rename,
  entry: RenameEntry,
): Promise<void> {
  // Pipelines name models that come later, and pipelines that start them, without depending on them.
  const kind = parseAddress(rename.from)?.kind;
  const weak = kind === 'model' || kind === 'pipeline' ? 'pipeline' : null;
  const rows = await tx.query<DependentRow>(sqlFile('rename-dependents-read'), [scopeId, rename.from, rename.to, weak]);
  const changed = rows.flatMap((row) => {
    const next = renamedRow(row, rename);
    if (canonicallyEqual(next, row)) return [];
    return [{ ...next, past: canonicallyEqual(next.past, row.past) ? null : next.past }];
  });
  if (changed.length === 0) return;
  const { serial, who, operation, applyId, gitCommit } = entry;
  await tx.query(sqlFile('rename-dependents'), [
    scopeId,
    JSON.stringify(changed),
    serial,
    who,
    operation,
    applyId,
    gitCommit,
  ]);
}

function renamedRow(row: DependentRow, rename: Rename): DependentRow {
  const { kind, outputs, previous, past } = row;
  // What an update was cut off stands at the version that was applied before.
  const applied = previous === null ? row : { ...previous, outputs };
  return {
    ...row,
    ...renamedDependent(kind, row, rename),
    outputs: renamedWithOutputs(kind, applied, rename).outputs,
    previous: previous && renamedDependent(kind, previous, rename),
    past: past && renamedWithOutputs(kind, past, rename),
  };
}

interface VersionRow extends Record<string, unknown> {
  readonly feature_set: string;
  readonly version: number;
  readonly structure: FeatureSetStructure;
  readonly inputs: Readonly<Record<string, string>> | null;
}

/** Of versions whose rows come from a source: which one that is, and how far each is read. */
export async function renameInVersions(tx: Queryable, scopeId: number, old: string, name: string): Promise<void> {
  const rows = await tx.query<VersionRow>(
    `select feature_set, version, structure, inputs from mlops.feature_set_versions
     where scope_id = $1 and (structure ->> 'source' = $2 or strpos(lower(structure ->> 'query'), $2) > 0)
     for update`,
    [scopeId, old],
  );
  const nameNow = (source: string): string => (source === old ? name : source);
  const changed = rows.map(({ feature_set, version, structure, inputs }) => {
    const { source, query } = structure;
    const next = {
      ...structure,
      source: source === null ? null : nameNow(source),
      query: query === null ? null : mapTexts(query, (text) => renamedTables(text, nameNow)),
    };
    const read =
      inputs && Object.fromEntries(Object.entries(inputs).map(([input, digest]) => [nameNow(input), digest]));
    return { feature_set, version, structure: next, digest: digestOf(next), inputs: read };
  });
  await tx.query(
    `update mlops.feature_set_versions as v set structure = i.structure, digest = i.digest, inputs = i.inputs
     from json_to_recordset($2::json) as i (feature_set text, version integer, structure json, digest text, inputs json)
     where v.scope_id = $1 and v.feature_set = i.feature_set and v.version = i.version`,
    [scopeId, JSON.stringify(changed)],
  );
}
