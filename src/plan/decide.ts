/**
 * What is to be done with one resource, from what is wanted and what is recorded; and why, in words.
 *
 * recorded \ desired   absent                         present
 * absent               –                              create
 * ready                delete (protected: error)      update where anything differs, else no-op
 * ready, by the API    listed as unmanaged            update: taken over
 * creating             delete                         create again          reason: interrupted
 * updating             delete                         update again          reason: interrupted
 * deleting             delete again                   finish the delete, then create
 * under another name   –                              update, after the rename: see renames.ts
 */
import type { Address } from '../spec/address.ts';
import type { CanonicalEntity, CanonicalSpecs } from '../spec/canonical-specs.ts';
import type { Resource } from '../spec/project.ts';
import type { RecordedResource } from '../stores/control/state.ts';
import type { Action } from './action.ts';
import { registeredKeysDiffer } from './analyzers/feature-set.ts';
import type { AttributeDiff } from './change.ts';
import { codeChange } from './code-changes.ts';
import { dottedPath } from './diff.ts';
import { lastTime } from './last-time.ts';
import type { PlanContext } from './plan-context.ts';
import { columnDiffs, columnReason } from './source-columns.ts';

/** `reason` undefined: it follows from what differs. */
export function decide(
  address: Address,
  context: PlanContext,
  desired: Resource | undefined,
  recorded: RecordedResource | undefined,
): { readonly actions: readonly Action[]; readonly reason: string | undefined } {
  const rename = context.renames.to.get(address);
  if (desired === undefined) {
    const gone = context.mode === 'destroy' ? 'destroy asked for' : 'no longer in the specs';
    const before = recorded === undefined ? undefined : lastTime(recorded);
    return { actions: ['delete'], reason: before === undefined ? gone : `${before}; ${gone}` };
  }
  if (recorded === undefined) return { actions: ['create'], reason: 'not in the state yet' };
  const before = lastTime(recorded);
  const again = recorded.failure === undefined ? before : `${before}; tried again`;
  switch (recorded.status) {
    case 'creating':
      return { actions: ['create'], reason: again };
    case 'updating':
      return { actions: ['update'], reason: again };
    case 'deleting':
      return { actions: ['delete', 'create'], reason: `${before}; finished, then made again` };
    case 'ready':
      break;
  }
  if (rename !== undefined && rename.refused === undefined) return { actions: ['update'], reason: undefined };
  if (recorded.managedBy === 'api') return { actions: ['update'], reason: 'taken over from the HTTP interface' };
  if (desired.digest !== recorded.digest) return { actions: ['update'], reason: undefined };
  if (!sameAddresses(desired.dependsOn, recorded.dependsOn))
    return { actions: ['update'], reason: 'depends on other resources than before' };
  if (desired.kind === 'feature_set') {
    const { entity } = desired.spec as CanonicalSpecs['feature_set'];
    const keys = context.desired.get(`entity.${entity}`)?.spec as CanonicalEntity | undefined;
    if (registeredKeysDiffer(recorded.outputs, keys)) return { actions: ['update'], reason: undefined };
  }
  if (desired.kind === 'source') {
    const reason = columnReason(columnDiffs(recorded, desired));
    if (reason !== undefined) return { actions: ['update'], reason };
  }
  return { actions: ['no-op'], reason: 'as recorded' };
}

function sameAddresses(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, index) => address === b[index]);
}

/** Undefined where nothing is left to say. */
export function changedReason(diffs: readonly AttributeDiff[]): string | undefined {
  const names = diffs.flatMap((diff) => {
    // The reason says it already.
    if (diff.path === '/name' || diff.path === '/movedFrom') return [];
    const code = codeChange(diff);
    if (code === undefined) return dottedPath(diff.path);
    return code === 'bundle' ? [] : `${code.file} (code of tasks.${code.task})`;
  });
  if (names.length === 0) return undefined;
  return `changed: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
}
