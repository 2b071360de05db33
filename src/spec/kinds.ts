/** The kinds of resource, their spelling in an address and in YAML. */
export const KINDS = ['source', 'entity', 'feature_set', 'feature_service', 'pipeline', 'model', 'endpoint'] as const;

export type Kind = (typeof KINDS)[number];

/** `kind: FeatureSet` in YAML. */
export const KIND_TITLES: Readonly<Record<Kind, string>> = {
  source: 'Source',
  entity: 'Entity',
  feature_set: 'FeatureSet',
  feature_service: 'FeatureService',
  pipeline: 'Pipeline',
  model: 'Model',
  endpoint: 'Endpoint',
};

export function isKind(value: string): value is Kind {
  return (KINDS as readonly string[]).includes(value);
}
