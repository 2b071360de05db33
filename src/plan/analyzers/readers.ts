/** Who reads what, as recorded: sets read sources, services read features, models read services, endpoints serve models. Indexed on first use. */
import type { Address } from '../../spec/address.ts';
import { modelsOf } from '../../spec/endpoint-models.ts';
import type { AnyRecordedResource, RecordedResource } from '../../stores/control/state.ts';

export interface Readers {
  /** Feature sets that depend directly on a source or an entity. */
  featureSetsOn(address: Address): readonly Address[];
  /** Feature sets over a source, directly or by way of sources that query it. */
  featureSetsOver(source: Address): readonly Address[];
  /** As recorded. */
  featureSet(address: Address): RecordedResource<'feature_set'> | undefined;
  /** Services that read `set.feature`. */
  servicesReading(feature: string): readonly Address[];
  /** Models whose inputs are one of the services. */
  modelsReading(services: readonly Address[]): readonly Address[];
  /** Endpoints that name one of the models: for a variant, a member, to stack them or for a shadow. */
  endpointsServing(models: readonly Address[]): readonly Address[];
}

export function createReaders(recorded: ReadonlyMap<Address, AnyRecordedResource>): Readers {
  let index: ReadonlyMap<string, readonly Address[]> | undefined;
  const readersOf = (keys: readonly string[]): readonly Address[] => {
    index ??= buildIndex(recorded.values());
    return [...new Set(keys.flatMap((key) => index?.get(key) ?? []))];
  };
  return {
    featureSetsOn: (address) => readersOf([`on ${address}`]),
    featureSetsOver: (source) => {
      const sources = new Set([source]);
      for (const at of sources) for (const derived of readersOf([`derived ${at}`])) sources.add(derived);
      return readersOf([...sources].map((at) => `on ${at}`));
    },
    featureSet: (address) => {
      const found = recorded.get(address);
      return found?.kind === 'feature_set' ? found : undefined;
    },
    servicesReading: (feature) => readersOf([`feature ${feature}`]),
    modelsReading: (services) => readersOf(services.map((service) => `inputs ${service}`)),
    endpointsServing: (models) => readersOf(models.map((model) => `serves ${model}`)),
  };
}

function buildIndex(recorded: Iterable<AnyRecordedResource>): ReadonlyMap<string, readonly Address[]> {
  const index = new Map<string, Address[]>();
  const add = (key: string, reader: Address): void => {
    const readers = index.get(key);
    if (readers === undefined) index.set(key, [reader]);
    else if (!readers.includes(reader)) readers.push(reader);
  };
  for (const resource of recorded) {
    switch (resource.kind) {
      case 'feature_set':
        for (const dependency of resource.dependsOn) add(`on ${dependency}`, resource.address);
        break;
      case 'feature_service':
        for (const feature of resource.spec.features) add(`feature ${feature}`, resource.address);
        break;
      case 'model':
        if (resource.spec.inputs !== undefined) add(`inputs feature_service.${resource.spec.inputs}`, resource.address);
        break;
      case 'endpoint':
        for (const { model } of modelsOf(resource.spec)) add(`serves model.${model}`, resource.address);
        break;
      case 'source':
        for (const dependency of resource.dependsOn) add(`derived ${dependency}`, resource.address);
        break;
      case 'entity':
      case 'pipeline':
      case 'policy':
      case 'environment':
        break;
    }
  }
  return index;
}
