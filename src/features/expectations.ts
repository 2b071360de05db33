/** What is expected of a set's rows: as its spec says it, with what happens where it is not met. */
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { OnFailure } from '../stores/control/feature-quality.ts';
import type { Expectation } from '../stores/offline-expectations.ts';
import type { ComputedFeature, RowChecks } from '../stores/offline-rows.ts';
import { compileComputed, neededFor } from './computed-features.ts';

const DEFAULT_ON_FAILURE: OnFailure = 'warn';

export function onFailureOf(spec: CanonicalFeatureSet): OnFailure {
  return spec.expect?.onFailure ?? DEFAULT_ON_FAILURE;
}

/** Of the features that a version of this structure has. */
export function expectationsOf(spec: CanonicalFeatureSet, structure: FeatureSetStructure): readonly Expectation[] {
  return Object.entries(spec.features).flatMap(([feature, { expect }]): Expectation[] => {
    const dtype = structure.features[feature]?.dtype;
    if (expect === undefined || dtype === undefined) return [];
    return [{ feature, dtype: dtype as Dtype, ...expect, onFailure: expect.onFailure ?? onFailureOf(spec) }];
  });
}

/** The computed features that expectations are of, and those that these read. */
export function computedFor(
  set: string,
  structure: FeatureSetStructure,
  expectations: readonly Expectation[],
): readonly ComputedFeature[] {
  return neededFor(
    expectations.map(({ feature }) => feature),
    compileComputed(set, structure),
  ).computed;
}

export function rowChecks(set: string, spec: CanonicalFeatureSet, structure: FeatureSetStructure): RowChecks {
  const expectations = expectationsOf(spec, structure);
  return {
    expectations,
    computed: computedFor(set, structure, expectations),
    rejectDuplicates: spec.expect?.unique === true && onFailureOf(spec) === 'quarantine',
  };
}

/**
 * What one value breaks: the rules that the stores also have as SQL, for rows that come one by one. Of a list each of its items
 * counts. e.g. `max 60`.
 */
export function brokenBy(expectation: Expectation, value: unknown): readonly string[] {
  const { min, max, maxNull, pattern, minLength, maxLength, in: allowed } = expectation;
  if (value === null || value === undefined) return maxNull === 0 ? ['maxNull 0'] : [];
  const broken: string[] = [];
  const isList = Array.isArray(value) || value instanceof Float32Array;
  const items: readonly unknown[] = isList
    ? [...(value as Iterable<unknown>)].filter((item) => item !== null)
    : [value];
  const numbers = items.filter((item) => typeof item === 'number' || typeof item === 'bigint');
  if (min !== undefined && numbers.some((number) => number < min)) broken.push(`min ${min}`);
  if (max !== undefined && numbers.some((number) => number > max)) broken.push(`max ${max}`);
  const length = minLength === undefined && maxLength === undefined ? 0 : lengthOf(expectation.dtype, value);
  if (minLength !== undefined && length < minLength) broken.push(`minLength ${minLength}`);
  if (maxLength !== undefined && length > maxLength) broken.push(`maxLength ${maxLength}`);
  if (allowed !== undefined && items.some((item) => !allowed.some((each) => String(each) === String(item))))
    broken.push(`in ${JSON.stringify(allowed)}`);
  if (pattern !== undefined && typeof value === 'string' && !new RegExp(pattern, 'u').test(value))
    broken.push(`pattern ${pattern}`);
  return broken;
}

function lengthOf(dtype: Dtype, value: unknown): number {
  if (typeof value !== 'string') return Array.isArray(value) || value instanceof Float32Array ? value.length : 0;
  // Characters, not UTF-16 code units: as the stores count them.
  return dtype === 'bytes' ? Buffer.from(value, 'base64').length : [...value].length;
}
