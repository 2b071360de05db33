/** Which features a change gives other values, and the rows of which sets have to be computed again for it. */
import { canonicallyEqual } from '../lib/canonical.ts';
import type { Address } from '../spec/address.ts';
import type { CanonicalEntity, CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { SourceColumn } from '../spec/column-lineage.ts';
import { operandsOf } from '../spec/feature-lineage.ts';
import { structureOf } from '../spec/feature-set-structure.ts';
import type { AnyResource, Resource } from '../spec/project.ts';
import { overSources } from '../spec/query-text.ts';
import type { AnyRecordedResource, RecordedResource } from '../stores/control/state.ts';
import { registeredKeysDiffer } from './analyzers/feature-set.ts';
import type { AttributeDiff } from './change.ts';
import { type ColumnChange, changedColumns, isColumn, type KnownColumns } from './changed-columns.ts';
import type { Lineage } from './downstream.ts';
import type { SetLineages } from './set-lineages.ts';

export interface Affected {
  /** `set.feature`, sorted. One of which it cannot be told counts in. */
  readonly features: readonly string[];
  /** Addresses, sorted. */
  readonly recomputed: readonly Address[];
  /** What lies below follows from these features; else from what depends on the resource. */
  readonly byFeature: boolean;
}

export interface AffectedContext {
  readonly desired: ReadonlyMap<Address, AnyResource>;
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  readonly stays: (address: Address) => boolean;
  readonly lineage: Lineage;
  readonly lineages: SetLineages;
  /** Of a source. */
  readonly known: (source: Address) => KnownColumns;
}

const NONE: Affected = { features: [], recomputed: [], byFeature: false };

/** Of the change of a recorded resource. `diffs` as under its new name. */
export function affectedBy(address: Address, diffs: readonly AttributeDiff[], context: AffectedContext): Affected {
  const resource = context.recorded.get(address);
  switch (resource?.kind) {
    case 'source':
      return bySource(resource, diffs, context);
    case 'feature_set':
      return byFeatureSet(resource, diffs, context);
    case 'entity':
      return byEntity(resource, diffs, context);
    case 'feature_service':
    case 'model':
    case 'pipeline':
    case 'endpoint':
    case 'policy':
    case 'environment':
    case undefined:
      return NONE;
  }
}

function setsBelow(
  address: Address,
  { lineage, recorded }: AffectedContext,
): readonly RecordedResource<'feature_set'>[] {
  return lineage.downstream(address).flatMap((other) => {
    const resource = recorded.get(other);
    return resource?.kind === 'feature_set' ? [resource] : [];
  });
}

const featuresOf = ({ name, features }: CanonicalFeatureSet): readonly string[] =>
  Object.keys(features).map((feature) => `${name}.${feature}`);

function bySource(
  source: RecordedResource<'source'>,
  diffs: readonly AttributeDiff[],
  context: AffectedContext,
): Affected {
  const desired = context.desired.get(source.address) as Resource<'source'> | undefined;
  const changes = desired === undefined ? 'all' : changedColumns(diffs, context.known(source.address));
  if (changes === undefined) return NONE;
  const sets = setsBelow(source.address, context);
  const isQuery =
    overSources(source.spec) !== undefined || (desired !== undefined && overSources(desired.spec) !== undefined);
  const features = sets.flatMap((set) =>
    isQuery ? readingOutputs(set, source.name, changes, context) : readingColumns(set, source.name, changes, context),
  );
  const touched = new Set(features.map((feature) => `feature_set.${feature.split('.', 1)[0]}`));
  return {
    features: [...features].sort(),
    recomputed:
      desired === undefined
        ? []
        : sets
            // What a query of a pipeline wrote stays as it is.
            .filter(({ address, spec }) => touched.has(address) && context.stays(address) && spec.push !== true)
            .map(({ address }) => address)
            .sort(),
    byFeature: changes !== 'all' || sets.length > 0,
  };
}

/** Of a source that is a query no lineage speaks, only of what is below it: which outputs a set takes says its own spec. */
function readingOutputs(
  { spec }: RecordedResource<'feature_set'>,
  source: string,
  changes: readonly ColumnChange[] | 'all',
  { recorded }: AffectedContext,
): readonly string[] {
  const entity = recorded.get(`entity.${spec.entity}`)?.spec as CanonicalEntity | undefined;
  if (changes === 'all' || spec.source !== source || entity === undefined) return featuresOf(spec);
  const changed = (name: string): boolean =>
    changes.some(({ column, change }) => change !== 'new' && column.toLowerCase() === name.toLowerCase());
  if ([...Object.keys(entity.keys), spec.eventTime, spec.createdTime ?? ''].some(changed)) return featuresOf(spec);
  const roots = Object.entries(spec.features).flatMap(([name, { expr, column }]) =>
    expr === undefined && changed(column ?? name) ? [name] : [],
  );
  return withReaders(roots, [spec]).map((name) => `${spec.name}.${name}`);
}

function readingColumns(
  set: RecordedResource<'feature_set'>,
  source: string,
  changes: readonly ColumnChange[] | 'all',
  { lineages }: AffectedContext,
): readonly string[] {
  const old = changes === 'all' ? changes : changes.filter(({ change }) => change !== 'new');
  if (old.length === 0) return [];
  const isOld = (read: SourceColumn): boolean =>
    old === 'all' ? read.source === source : old.some(({ column }) => isColumn(read, source, column));
  const reads = (feature: string): boolean =>
    [lineages.before(set.address), lineages.after(set.address)].some((lineage) => {
      const columns = lineage?.[feature];
      // Null: it may be any. Absent: a feature that is not there then.
      return columns === null || columns?.some(isOld) === true;
    });
  return Object.keys(set.spec.features)
    .filter(reads)
    .map((feature) => `${set.name}.${feature}`);
}

function byFeatureSet(
  set: RecordedResource<'feature_set'>,
  diffs: readonly AttributeDiff[],
  context: AffectedContext,
): Affected {
  const desired = context.desired.get(set.address) as Resource<'feature_set'> | undefined;
  if (desired === undefined) return { features: [...featuresOf(set.spec)].sort(), recomputed: [], byFeature: true };
  const entity = context.desired.get(`entity.${desired.spec.entity}`)?.spec as CanonicalEntity | undefined;
  const keysDiffer = registeredKeysDiffer(set.outputs, entity);
  if (diffs.length === 0 && !keysDiffer) return NONE;
  const keyless: CanonicalEntity = { name: '', keys: {} };
  const [old, next] = [structureOf(set.spec, keyless), structureOf(desired.spec, keyless)];
  const { features: _old, ...oldRows } = old;
  const { features: _next, ...nextRows } = next;
  const names = [...new Set([...Object.keys(old.features), ...Object.keys(next.features)])];
  const whole =
    keysDiffer ||
    !canonicallyEqual(oldRows, nextRows) ||
    (set.spec.entity !== desired.spec.entity && set.outputs['keys'] === undefined);
  const changed = names.filter((name) => whole || !canonicallyEqual(old.features[name], next.features[name]));
  if (changed.length === 0) return NONE;
  const affected = withReaders(changed, [set.spec, desired.spec]);
  return {
    features: affected.map((name) => `${set.name}.${name}`).sort(),
    recomputed: [set.address],
    byFeature: true,
  };
}

/** And the features whose expressions read them. */
function withReaders(changed: readonly string[], specs: readonly CanonicalFeatureSet[]): readonly string[] {
  const found = new Set(changed);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { features } of specs)
      for (const [name, { expr }] of Object.entries(features))
        if (expr !== undefined && operandsOf(expr, Object.keys(features)).some((one) => found.has(one)))
          found.add(name);
  }
  return [...found];
}

function byEntity(
  entity: RecordedResource<'entity'>,
  diffs: readonly AttributeDiff[],
  context: AffectedContext,
): Affected {
  if (!diffs.some(({ path }) => path === '/keys' || path.startsWith('/keys/'))) return NONE;
  const sets = setsBelow(entity.address, context).filter((set) => set.spec.entity === entity.name);
  return {
    features: sets.flatMap(({ spec }) => featuresOf(spec)).sort(),
    recomputed: sets
      .map(({ address }) => address)
      .filter(context.stays)
      .sort(),
    byFeature: true,
  };
}
