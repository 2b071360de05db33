/**
 * What differs between two canonical specs, value by value. Deterministic: sorted by path, members by code unit.
 * Lists are compared as a whole: an index means nothing to people once something was inserted before it.
 */
import { canonicallyEqual } from '../lib/canonical.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { isEnvRef } from '../lib/secret.ts';
import type { AttributeDiff } from './change.ts';

export function diffSpecs(before: JsonObject, after: JsonObject): readonly AttributeDiff[] {
  const diffs: AttributeDiff[] = [];
  compareObjects('', before, after, diffs);
  return diffs;
}

function compareObjects(path: string, before: JsonObject, after: JsonObject, diffs: AttributeDiff[]): void {
  const keys = Object.keys(before);
  for (const key of Object.keys(after)) if (!Object.hasOwn(before, key)) keys.push(key);
  for (const key of keys.sort()) compareValues(`${path}/${escapePointer(key)}`, before[key], after[key], diffs);
}

function compareValues(
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  diffs: AttributeDiff[],
): void {
  if (before === after || (before ?? null) === (after ?? null)) return;
  if (isPlainObject(before) && isPlainObject(after)) {
    compareObjects(path, before, after, diffs);
  } else if (!isCompound(before) || !isCompound(after) || !canonicallyEqual(before, after)) {
    diffs.push({ path, before: before ?? null, after: after ?? null });
  }
}

function isCompound(value: JsonValue | undefined): boolean {
  return typeof value === 'object' && value !== null;
}

function isPlainObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isEnvRef(value);
}

/** RFC 6901. */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function pointerSegments(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** `/features/bili/dtype` as people write it: `features.bili.dtype`. */
export function dottedPath(pointer: string): string {
  return pointerSegments(pointer).join('.');
}

/** An object of the same shape with `true` where the spec refers to a secret; `{}` where it does not. */
export function sensitiveParts(spec: JsonObject | null): JsonObject {
  const mark = (value: JsonValue | undefined): JsonValue | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (isEnvRef(value)) return true;
    if (Array.isArray(value)) {
      const marks = value.map((item: JsonValue) => mark(item) ?? false);
      return marks.some((item) => item !== false) ? marks : undefined;
    }
    let found: Record<string, JsonValue> | undefined;
    for (const key in value) {
      const marked = mark((value as JsonObject)[key]);
      if (marked !== undefined) {
        found ??= {};
        found[key] = marked;
      }
    }
    return found;
  };
  return (mark(spec ?? undefined) as JsonObject | undefined) ?? {};
}
