/** The kinds of resource, their spelling in an address and in YAML. */
export const KINDS = [
  'source',
  'entity',
  'feature_set',
  'feature_service',
  'pipeline',
  'model',
  'endpoint',
  'policy',
] as const;

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
  policy: 'Policy',
};

/** `an Entity`, `a Model`. */
export function aKind(kind: Kind): string {
  const title = KIND_TITLES[kind];
  return `${/^[AEIOU]/.test(title) ? 'an' : 'a'} ${title}`;
}

export function isKind(value: string): value is Kind {
  return (KINDS as readonly string[]).includes(value);
}
