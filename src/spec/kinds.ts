/** The kinds of resource that are declared, their spelling in an address and in YAML. */
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

export type DeclaredKind = (typeof KINDS)[number];

/** `environment`: what an environment says of runs, made of the project's settings; none declares one. */
export type Kind = DeclaredKind | 'environment';

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
  environment: 'Environment',
};

/** `an Entity`, `a Model`. */
export function aKind(kind: Kind): string {
  const title = KIND_TITLES[kind];
  return `${/^[AEIOU]/.test(title) ? 'an' : 'a'} ${title}`;
}

export function isKind(value: string): value is Kind {
  return value === 'environment' || isDeclaredKind(value);
}

export function isDeclaredKind(value: string): value is DeclaredKind {
  return (KINDS as readonly string[]).includes(value);
}
