/** What depends on a resource, directly or not; all of it, or only what features lie between. */
import { type Address, addressOf, parseAddress } from '../spec/address.ts';
import type { AnyResource } from '../spec/project.ts';
import { mentionedIn } from '../spec/query-text.ts';
import { setsBehind } from '../spec/query-writes.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';

type Known = AnyRecordedResource | AnyResource;

export interface Lineage {
  /** Without the address itself, sorted. */
  downstream(address: Address): readonly Address[];
  /** Only what these features (`set.feature`) lie between. */
  downstreamOf(address: Address, features: readonly string[]): readonly Address[];
}

/** Over all of `resources` together: recorded and desired dependencies both count. Indexed on first use. */
export function createLineage(resources: () => Iterable<Known>): Lineage {
  let index: Index | undefined;
  const indexed = (): Index => {
    index ??= indexOf(resources());
    return index;
  };
  return {
    downstream: (address) => reached(address, indexed(), () => true),
    downstreamOf: (address, features) => {
      const { direct, specs } = indexed();
      const named = new Set(features);
      const sets = new Set(features.map((feature) => `feature_set.${feature.split('.', 1)[0]}`));
      // A query source lies between where one of the sets reads it.
      const between = (source: Address): boolean =>
        reached(source, { direct, specs }, () => true).some((below) => sets.has(below));
      return reached(address, { direct, specs }, (other, from) =>
        (specs.get(other) ?? []).some((resource) => {
          if (resource.kind === 'feature_set') return sets.has(other);
          if (resource.kind === 'source') return between(other);
          if (resource.kind === 'feature_service') return resource.spec.features.some((feature) => named.has(feature));
          // Which features a model learns from its inputs say; who trains it does not.
          return (
            resource.kind !== 'model' || resource.spec.inputs === undefined || parseAddress(from)?.kind !== 'pipeline'
          );
        }),
      );
    },
  };
}

interface Index {
  readonly direct: ReadonlyMap<Address, readonly Address[]>;
  /** As recorded and as the specs have it. */
  readonly specs: ReadonlyMap<Address, readonly Known[]>;
}

function reached(
  address: Address,
  { direct }: Index,
  passes: (other: Address, from: Address) => boolean,
): readonly Address[] {
  const found = new Set<Address>([address]);
  for (const at of found) for (const other of direct.get(at) ?? []) if (passes(other, at)) found.add(other);
  found.delete(address);
  return [...found].sort();
}

function indexOf(resources: Iterable<Known>): Index {
  const direct = new Map<Address, Address[]>();
  const specs = new Map<Address, Known[]>();
  for (const resource of resources) {
    const { address, dependsOn } = resource;
    const same = specs.get(address);
    if (same === undefined) specs.set(address, [resource]);
    else same.push(resource);
    for (const dependency of dependsOn) add(dependency, address);
  }
  // What a query of a pipeline reads stands above the set that it is written into, though neither names the other.
  for (const same of specs.values())
    for (const resource of same)
      if (resource.kind === 'pipeline')
        for (const { source, set } of writtenSets(resource)) if (isWritten(set, specs)) add(source, set);
  return { direct, specs };

  function add(above: Address, below: Address): void {
    const dependents = direct.get(above);
    if (dependents === undefined) direct.set(above, [below]);
    else dependents.push(below);
  }
}

function* writtenSets({
  spec,
  dependsOn,
}: Extract<Known, { kind: 'pipeline' }>): Iterable<{ readonly source: Address; readonly set: Address }> {
  const sources = dependsOn.flatMap((address) => {
    const parsed = parseAddress(address);
    return parsed?.kind === 'source' ? [parsed.name] : [];
  });
  for (const [name, task] of Object.entries(spec.tasks)) {
    if (task.operator === 'batch_prediction' && task.into !== undefined) {
      const read = task.source === undefined ? mentionedIn(task.query, new Set(sources)) : [task.source];
      for (const source of read)
        yield { source: addressOf('source', source), set: addressOf('feature_set', task.into) };
    }
    if (task.operator !== 'sql_query') continue;
    const read = mentionedIn(task.query, new Set(sources));
    for (const set of setsBehind(name, spec))
      for (const source of read) yield { source: addressOf('source', source), set: addressOf('feature_set', set) };
  }
}

/** Of a set that has rows of its own it cannot be told here whether a query carries it. */
function isWritten(set: Address, specs: ReadonlyMap<Address, readonly Known[]>): boolean {
  return (specs.get(set) ?? []).some((resource) => resource.kind === 'feature_set' && resource.spec.push === true);
}
