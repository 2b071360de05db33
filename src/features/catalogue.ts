/** Search over what is applied: by name, tag, owner and description, the nearest first. */
import type { Kind } from '../spec/kinds.ts';
import type { Catalog } from '../stores/control/catalog.ts';

export const CATALOGUE_KINDS = [
  'feature',
  'feature_set',
  'feature_service',
  'source',
  'entity',
  'model',
  'endpoint',
  'pipeline',
] as const;
export type CatalogueKind = (typeof CATALOGUE_KINDS)[number];

export interface CatalogueQuery {
  /** Words that all occur in a name, description, unit, owner or tag. Default: everything. */
  readonly text?: string | undefined;
  readonly kinds?: readonly CatalogueKind[] | undefined;
  /** `name` or `name=value`. */
  readonly tag?: string | undefined;
  readonly owner?: string | undefined;
}

export interface CatalogueEntry {
  readonly kind: CatalogueKind;
  /** Of a feature `set.feature`. */
  readonly name: string;
  readonly description: string | null;
  /** Of a feature its set's, as are the tags. */
  readonly owner: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Of a feature. */
  readonly dtype: string | null;
  readonly unit: string | null;
  /** 0: named so; 1: the name begins so; 2: in the name; 3: elsewhere. */
  readonly rank: number;
}

/** By rank, then kind, then name. */
export function searchCatalogue(catalog: Catalog, query: CatalogueQuery): readonly CatalogueEntry[] {
  const words = (query.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return entriesOf(catalog)
    .filter(
      (entry) =>
        (query.kinds === undefined || query.kinds.length === 0 || query.kinds.includes(entry.kind)) &&
        (query.owner === undefined || entry.owner?.toLowerCase() === query.owner.toLowerCase()) &&
        (query.tag === undefined || hasTag(entry.tags, query.tag)),
    )
    .flatMap((entry) => {
      const rank = rankOf(entry, words);
      return rank === undefined ? [] : [{ ...entry, rank }];
    })
    .sort(
      (a, b) =>
        a.rank - b.rank ||
        CATALOGUE_KINDS.indexOf(a.kind) - CATALOGUE_KINDS.indexOf(b.kind) ||
        (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
    );
}

type Entry = Omit<CatalogueEntry, 'rank'>;

function entriesOf(catalog: Catalog): readonly Entry[] {
  const of = (kind: Exclude<CatalogueKind, 'feature'> & Kind): readonly Entry[] =>
    catalog.list(kind).map(({ name, spec }) => ({
      kind,
      name,
      description: spec.description ?? null,
      owner: spec.owner ?? null,
      tags: spec.tags ?? {},
      dtype: null,
      unit: null,
    }));
  const features = catalog.list('feature_set').flatMap(({ name: set, spec }) =>
    Object.entries(spec.features).map(
      ([name, feature]): Entry => ({
        kind: 'feature',
        name: `${set}.${name}`,
        description: feature.description ?? null,
        owner: spec.owner ?? null,
        tags: spec.tags ?? {},
        dtype: feature.dtype,
        unit: feature.unit ?? null,
      }),
    ),
  );
  return [
    ...features,
    ...(['feature_set', 'feature_service', 'source', 'entity', 'model', 'endpoint', 'pipeline'] as const).flatMap(of),
  ];
}

export function hasTag(tags: Readonly<Record<string, string>>, asked: string): boolean {
  const at = asked.indexOf('=');
  const name = at < 0 ? asked : asked.slice(0, at);
  return Object.hasOwn(tags, name) && (at < 0 || tags[name] === asked.slice(at + 1));
}

/** Undefined where a word occurs nowhere. */
function rankOf(entry: Entry, words: readonly string[]): number | undefined {
  const name = entry.name.toLowerCase();
  const short = name.slice(name.indexOf('.') + 1);
  const elsewhere = [
    entry.description,
    entry.owner,
    entry.unit,
    ...Object.entries(entry.tags).flatMap(([tag, value]) => [tag, value, `${tag}=${value}`]),
  ]
    .filter((text) => text !== null)
    .map((text) => text.toLowerCase());
  let rank = 0;
  for (const word of words) {
    if (name === word || short === word) continue;
    if (name.startsWith(word) || short.startsWith(word)) rank = Math.max(rank, 1);
    else if (name.includes(word)) rank = Math.max(rank, 2);
    else if (elsewhere.some((text) => text.includes(word))) rank = 3;
    else return undefined;
  }
  return rank;
}
