/** Gathers what a model card tells: of the registry, of the specs that are applied, and of the rows that the version learned from. */
import type { Catalog } from '../../stores/control/catalog.ts';
import type { GateResult, ModelVersion, RegistryStore } from '../../stores/control/registry.ts';
import type { TableProfile } from '../../stores/profile.ts';
import { evaluateGates } from '../gates.ts';
import { type CardFacts, type CardFeature, cardDocument } from './document.ts';
import { cardHtml } from './html.ts';
import { cardMarkdown } from './markdown.ts';

export const CARD_FORMATS = ['markdown', 'html'] as const;
export type CardFormat = (typeof CARD_FORMATS)[number];

export interface CardParts {
  readonly store: RegistryStore;
  readonly catalog: Catalog;
  /** Statistics of a training set by its digest. Undefined where there are none. */
  readonly statistics: (digest: string) => Promise<TableProfile | undefined>;
}

export async function modelCard(parts: CardParts, version: ModelVersion, format: CardFormat): Promise<string> {
  const document = cardDocument(await factsOf(parts, version));
  return format === 'html' ? cardHtml(document) : cardMarkdown(document);
}

async function factsOf({ store, catalog, statistics }: CardParts, version: ModelVersion): Promise<CardFacts> {
  const spec = catalog.get('model', version.name)?.spec;
  const { digest } = (version.lineage['dataset'] ?? {}) as { readonly digest?: unknown };
  const [moves, model, profile, production, staging] = await Promise.all([
    store.history(version.name),
    store.model(version.name),
    typeof digest === 'string' ? statistics(digest) : undefined,
    store.atStage(version.name, 'production'),
    store.atStage(version.name, 'staging'),
  ]);
  const own = moves.filter((move) => move.version === version.version);
  const passed = own.find(({ gates }) => gates.length > 0)?.gates;
  const gates: readonly GateResult[] = passed ?? evaluateGates(spec?.gates ?? [], version, { production, staging });
  return {
    version,
    spec,
    description: model?.description ?? null,
    features: (version.signature?.features ?? []).map((name) => featureOf(catalog, name)),
    statistics: profile,
    moves: own,
    gates,
  };
}

/** As its set says now; a feature of a set that is gone has its name alone. */
function featureOf(catalog: Catalog, name: string): CardFeature {
  const [set = '', feature = ''] = name.split('.');
  const spec = catalog.get('feature_set', set)?.spec.features[feature];
  return {
    name,
    dtype: spec?.dtype ?? null,
    unit: spec?.unit ?? null,
    description: spec?.description ?? null,
  };
}
