/** Which feature a name means: `set.age`, `set@2.age`, or `age` alone where only one set that fits has it. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Catalog } from '../stores/control/catalog.ts';

/** `set.feature` (or `set@version.feature`) for each name asked for, in order. */
export function qualifiedFeatures(
  names: readonly string[],
  entityKeys: readonly string[],
  catalog: Catalog,
): readonly string[] {
  return names.map((name) => (name.includes('.') ? name : `${setOf(name, entityKeys, catalog)}.${name}`));
}

/** Whether each name says its set; told once of a list that nobody can change. */
export function qualifiedAlready(names: readonly string[]): boolean {
  const known = qualified.get(names);
  if (known !== undefined) return known;
  const found = names.every((name) => name.includes('.'));
  if (Object.isFrozen(names)) qualified.set(names, found);
  return found;
}

const qualified = new WeakMap<readonly string[], boolean>();

/** The features of a service as `set.feature`, in its order. */
export function serviceFeatures(service: string, catalog: Catalog): readonly string[] {
  const recorded = catalog.get('feature_service', service);
  if (recorded !== undefined) return recorded.spec.features;
  throw new MlopsError('FS201', {
    detail: `There is no feature service "${service}".`,
    status: 404,
    hint: didYouMean(
      service,
      catalog.list('feature_service').map(({ name }) => name),
    ),
  });
}

/** The one set that has all these features and that an entity with these keys can be looked up in. */
export function setWith(
  features: readonly string[],
  entityKeys: readonly string[] | undefined,
  catalog: Catalog,
): string {
  const having = catalog
    .list('feature_set')
    .filter(({ spec }) => features.every((feature) => Object.hasOwn(spec.features, feature)));
  const fitting = having.filter(
    ({ spec }) => entityKeys === undefined || keysOf(spec.entity, catalog).every((key) => entityKeys.includes(key)),
  );
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only.name;
  const what = features.length === 1 ? `feature "${features[0]}"` : `features ${features.join(', ')}`;
  if (fitting.length > 1) {
    throw new MlopsError('FS201', {
      detail: `More than one feature set has the ${what}: ${fitting.map(({ name }) => name).join(', ')}.`,
      hint: `write ${fitting[0]?.name}.${features[0]}`,
      status: 422,
    });
  }
  const all = catalog.list('feature_set').flatMap(({ spec }) => Object.keys(spec.features));
  throw new MlopsError('FS201', {
    detail:
      having.length === 0
        ? `No feature set has the ${what}.`
        : `The ${what} of ${having.map(({ name }) => name).join(', ')} cannot be looked up by ${entityKeys?.join(', ') || 'no key'}.`,
    hint: having.length === 0 ? didYouMean(features[0] ?? '', all) : undefined,
    status: 404,
  });
}

const setOf = (feature: string, entityKeys: readonly string[], catalog: Catalog): string =>
  setWith([feature], entityKeys, catalog);

export function keysOf(entity: string, catalog: Catalog): readonly string[] {
  return Object.keys(catalog.get('entity', entity)?.spec.keys ?? {});
}
