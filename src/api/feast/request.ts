/** What a request to Feast's `/get-online-features` asks for, in our words: a feature view is a feature set by name. */
import type { Catalog } from '../../stores/control/catalog.ts';
import { feastError } from './errors.ts';

export interface GetOnlineFeatures {
  /** Join key, or the name of an entity with one, to a value a row. */
  readonly entities: Readonly<Record<string, readonly unknown[]>>;
  readonly features?: readonly string[];
  readonly feature_service?: string | null;
  readonly full_feature_names?: boolean;
  readonly include_feature_view_version_metadata?: boolean;
}

export interface AskedFeature {
  /** As the answer calls it. */
  readonly name: string;
  readonly view: string;
  /** `set.feature` or `set@2.feature`. */
  readonly qualified: string;
}

type Read = Pick<Catalog, 'get' | 'list'>;

/** Features of one view stand together, as Feast has them. */
export function askedFeatures(asked: GetOnlineFeatures, catalog: Read, project: string): readonly AskedFeature[] {
  const full = asked.full_feature_names === true;
  const features = referencesOf(asked, catalog, project).map(({ view, version, feature }): AskedFeature => {
    const set = catalog.get('feature_set', view);
    const called = version === undefined ? view : `${view}@v${version}`;
    if (set === undefined)
      throw feastError(
        'FeatureViewNotFoundException',
        404,
        `Feature view ${called} does not exist in project ${project}`,
      );
    return {
      name: full ? `${called}__${feature}` : feature,
      view,
      qualified: `${view}${version === undefined ? '' : `@${version}`}.${feature}`,
    };
  });
  const twice = features.filter(({ name }, at) => features.findIndex((other) => other.name === name) !== at);
  if (twice.length > 0) {
    const names = [...new Set(twice.map(({ name }) => name))].join(', ');
    throw feastError(
      'FeatureNameCollisionError',
      422,
      `Duplicate features named ${names} found.\n${full ? 'Ask for each feature once.' : "To resolve this collision, either use the full feature name by setting 'full_feature_names=True', or ensure that the features in question have different names."}`,
    );
  }
  const views = [...new Set(features.map(({ view }) => view))];
  return views.flatMap((view) => features.filter((feature) => feature.view === view));
}

interface Reference {
  readonly view: string;
  readonly version: string | undefined;
  readonly feature: string;
}

function referencesOf(asked: GetOnlineFeatures, catalog: Read, project: string): readonly Reference[] {
  if (asked.feature_service) {
    const service = catalog.get('feature_service', asked.feature_service);
    if (service === undefined)
      throw feastError(
        'FeatureServiceNotFoundException',
        404,
        `Feature service ${asked.feature_service} does not exist in project ${project}`,
      );
    return service.spec.features.map((name) => ({
      view: name.slice(0, name.indexOf('.')),
      version: undefined,
      feature: name.slice(name.indexOf('.') + 1),
    }));
  }
  return (asked.features ?? []).map((reference) => {
    const [, view, version, feature] = /^([^:@]+)(?:@(?:v(\d{1,9})|latest))?:([^:@]+)$/.exec(reference) ?? [];
    if (view !== undefined && feature !== undefined) return { view, version, feature };
    throw feastError(
      'FeastError',
      422,
      `Invalid feature reference '${reference}'. Expected format: '<feature_view>:<feature>' or '<feature_view>@<version>:<feature>'`,
    );
  });
}

/** The join keys that the views have, by their columns; other columns are left out, as Feast does. */
export function joinKeys(
  asked: GetOnlineFeatures,
  features: readonly AskedFeature[],
  catalog: Read,
): readonly (readonly [string, readonly unknown[]])[] {
  const lengths = new Set(Object.values(asked.entities).map((values) => values.length));
  if (lengths.size > 1) throw feastError('FeastError', 422, 'All entity rows must have the same columns.');
  const keysOf = (entity: string): readonly string[] => Object.keys(catalog.get('entity', entity)?.spec.keys ?? {});
  const needed = new Set(features.flatMap(({ view }) => keysOf(catalog.get('feature_set', view)?.spec.entity ?? '')));
  const columns = new Map<string, readonly unknown[]>();
  for (const [name, values] of Object.entries(asked.entities)) {
    const [key, second] = needed.has(name) ? [name] : keysOf(name);
    if (key !== undefined && second === undefined && !columns.has(key)) columns.set(key, values);
  }
  return [...columns];
}
