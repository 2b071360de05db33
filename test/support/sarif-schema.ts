/**
 * The part of SARIF 2.1.0 (OASIS) that a log of findings uses, written from the standard, not its published schema: names, types, required members, bounds and
 * closed objects. What the standard allows and we do not write is left out, so that writing it fails until it is added here.
 */
const text = { type: 'string' };
const closed = (required: readonly string[], properties: Readonly<Record<string, unknown>>) => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
});
const list = (items: unknown, more: Readonly<Record<string, unknown>> = {}) => ({ type: 'array', items, ...more });
const propertyBag = { type: 'object', properties: { tags: list(text, { uniqueItems: true }) } };
const multiformatMessage = closed(['text'], { text, markdown: text, properties: propertyBag });
const message = {
  ...closed([], { text, markdown: text, id: text, arguments: list(text), properties: propertyBag }),
  anyOf: [{ required: ['text'] }, { required: ['id'] }],
};
const region = {
  ...closed([], {
    startLine: { type: 'integer', minimum: 1 },
    startColumn: { type: 'integer', minimum: 1 },
    endLine: { type: 'integer', minimum: 1 },
    endColumn: { type: 'integer', minimum: 1 },
  }),
};
const artifactLocation = closed([], {
  uri: { type: 'string', format: 'uri-reference' },
  uriBaseId: text,
  index: { type: 'integer', minimum: -1 },
});
const physicalLocation = {
  ...closed([], { artifactLocation, region, contextRegion: region }),
  anyOf: [{ required: ['address'] }, { required: ['artifactLocation'] }],
};
const logicalLocation = closed([], { name: text, fullyQualifiedName: text, kind: text });
const location = closed([], {
  id: { type: 'integer', minimum: -1 },
  physicalLocation,
  logicalLocations: list(logicalLocation, { uniqueItems: true }),
  message,
});
const level = { enum: ['none', 'note', 'warning', 'error'] };
const rule = closed(['id'], {
  id: text,
  name: text,
  shortDescription: multiformatMessage,
  fullDescription: multiformatMessage,
  help: multiformatMessage,
  helpUri: { type: 'string', format: 'uri' },
  defaultConfiguration: closed([], { enabled: { type: 'boolean' }, level }),
});
const driver = closed(['name'], {
  name: text,
  version: text,
  semanticVersion: text,
  informationUri: { type: 'string', format: 'uri' },
  rules: list(rule, { uniqueItems: true }),
});
const suppression = closed(['kind'], {
  kind: { enum: ['inSource', 'external'] },
  status: { enum: ['accepted', 'underReview', 'rejected'] },
  justification: text,
});
const result = closed(['message'], {
  ruleId: text,
  ruleIndex: { type: 'integer', minimum: -1 },
  level,
  message,
  locations: list(location),
  suppressions: list(suppression, { uniqueItems: true }),
  partialFingerprints: { type: 'object', additionalProperties: text },
  fingerprints: { type: 'object', additionalProperties: text },
  properties: propertyBag,
});
const run = closed(['tool'], {
  tool: closed(['driver'], { driver }),
  automationDetails: closed([], { id: text, description: message }),
  columnKind: { enum: ['utf16CodeUnits', 'unicodeCodePoints'] },
  results: list(result),
  properties: propertyBag,
});

export const SARIF_SCHEMA = closed(['version', 'runs'], {
  $schema: { type: 'string', format: 'uri' },
  version: { enum: ['2.1.0'] },
  runs: list(run),
  properties: propertyBag,
});
