/** What differs between two versions of a model: measures, parameters, data, features, signature and where they come from. Pure. */
import { canonicalJson } from '../lib/canonical.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { ModelVersion } from '../stores/control/registry.ts';
import { isBetterWhenLess } from './gates.ts';

export interface MetricComparison {
  readonly metric: string;
  readonly from: number | null;
  readonly to: number | null;
  /** `to` less `from`; null where one lacks it. */
  readonly difference: number | null;
  /** Which is better; null where they are equal or one lacks it. */
  readonly better: 'from' | 'to' | null;
}

export interface Difference {
  /** With dots into objects: `dataset.rows`. */
  readonly path: string;
  /** Null where it is not there. */
  readonly from: JsonValue;
  readonly to: JsonValue;
}

export interface VersionComparison {
  readonly from: ModelVersion;
  readonly to: ModelVersion;
  /** Of every metric that one of them has, also where they are equal. */
  readonly metrics: readonly MetricComparison[];
  readonly hyperparameters: readonly Difference[];
  /** What they learned from: the training set, its rows, the versions of its feature sets, its sources. */
  readonly data: readonly Difference[];
  readonly features: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    /** The same features in another order. */
    readonly reordered: boolean;
  };
  readonly signature: readonly Difference[];
  /** Run, code, trainer, environment. */
  readonly lineage: readonly Difference[];
  readonly artifacts: readonly Difference[];
  readonly labels: readonly Difference[];
}

export function compareVersions(from: ModelVersion, to: ModelVersion): VersionComparison {
  const { dataset: fromData = null, ...fromLineage } = from.lineage;
  const { dataset: toData = null, ...toLineage } = to.lineage;
  const [was, is] = [from.signature?.features ?? [], to.signature?.features ?? []];
  const added = is.filter((feature) => !was.includes(feature));
  const removed = was.filter((feature) => !is.includes(feature));
  return {
    from,
    to,
    metrics: [...new Set([...Object.keys(from.metrics), ...Object.keys(to.metrics)])]
      .sort()
      .map((metric) => metricComparison(metric, from.metrics[metric] ?? null, to.metrics[metric] ?? null)),
    hyperparameters: differences(from.hyperparameters, to.hyperparameters),
    data: differences(fromData, toData),
    features: {
      added,
      removed,
      reordered: added.length === 0 && removed.length === 0 && canonicalJson(was) !== canonicalJson(is),
    },
    signature: differences(withoutFeatures(from), withoutFeatures(to)),
    lineage: differences(
      { framework: from.framework, flavour: from.flavour, source: from.source, ...fromLineage },
      { framework: to.framework, flavour: to.flavour, source: to.source, ...toLineage },
    ),
    artifacts: differences(contents(from), contents(to)),
    labels: differences(
      { description: from.description, aliases: from.aliases, tags: from.tags },
      { description: to.description, aliases: to.aliases, tags: to.tags },
    ),
  };
}

function metricComparison(metric: string, from: number | null, to: number | null): MetricComparison {
  if (from === null || to === null) return { metric, from, to, difference: null, better: null };
  const better = from === to ? null : to < from === isBetterWhenLess(metric) ? 'to' : 'from';
  return { metric, from, to, difference: to - from, better };
}

function withoutFeatures({ signature }: ModelVersion): JsonValue {
  if (signature === null) return null;
  const { features: _, ...rest } = signature;
  return rest as unknown as JsonObject;
}

/** A digest by path, or where the content lies. */
function contents({ artifacts }: ModelVersion): JsonObject {
  return Object.fromEntries(artifacts.map(({ path, digest, uri }) => [path, digest ?? uri]));
}

function differences(from: unknown, to: unknown): Difference[] {
  const [was, is] = [leaves(from), leaves(to)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((path): Difference[] => {
    const [before, after] = [was.get(path) ?? null, is.get(path) ?? null];
    return canonicalJson(before) === canonicalJson(after) ? [] : [{ path, from: before, to: after }];
  });
}

/** Values by path; a list is one value. */
function leaves(value: unknown, path = ''): Map<string, JsonValue> {
  if (value === null || value === undefined) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) return new Map([[path, value as JsonValue]]);
  return new Map(
    Object.entries(value).flatMap(([key, below]) => [...leaves(below, path === '' ? key : `${path}.${key}`)]),
  );
}
