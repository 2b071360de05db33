/**
 * Every code that a diagnostic or an error can carry, with its constant summary. docs/codes.md explains each; a test keeps
 * this table, the page and the code in step. Families: SP specs, FS feature sets, PL pipelines and runs, MD models,
 * EP endpoints, ST stores, AP plan and apply, API the HTTP interface. Codes are never reused.
 */
export const CODES = {
  // specs: reading and shape
  SP001: 'Config file not found',
  SP002: 'Config file does not load',
  SP003: 'YAML syntax error',
  SP101: 'Unknown field',
  SP102: 'Missing field',
  SP103: 'Wrong type or value',
  SP104: 'Unknown reference',
  SP105: 'Duplicate name',
  SP106: 'Invalid name',
  SP107: 'Dependency cycle',
  SP108: 'Ambiguous or missing operand',
  SP109: 'Unknown environment',
  SP110: 'Unset environment variable',
  SP111: 'Unknown kind',
  SP112: 'File not found',
  SP113: 'Resource not listed',
  SP114: 'Invalid expression',
  SP115: 'Invalid schedule',
  // specs: SQL
  SP201: 'SQL syntax error',
  SP202: 'Unknown table',
  SP203: 'Unknown column',
  SP204: 'Query refused by the engine',
  // plan and apply
  AP001: 'Project has errors',
  AP101: 'State is locked',
  AP102: 'Saved plan is stale',
  AP103: 'Saved plan cannot be read',
  AP104: 'Apply failed in part',
  AP105: 'Resource is protected',
  AP106: 'Interrupted',
  // analyzers
  FS101: 'Feature removed or retyped while it is read',
  FS102: 'New version of a feature set',
  FS103: 'Feature set with data is destroyed',
  FS104: 'Key columns changed',
  PL101: 'Pipeline destroyed while it runs',
  MD101: 'Model with versions is destroyed',
  EP101: 'Serving endpoint is destroyed',
  // runs
  PL201: 'Unknown pipeline',
  PL202: 'Unknown run',
  PL203: 'Task failed',
  PL204: 'Run cannot be changed',
  // features
  FS201: 'Unknown feature or feature set',
  FS202: 'Entity key missing or mistyped',
  FS203: 'Expectation not met',
  FS204: 'Source cannot be read',
  FS205: 'Spine cannot be used',
  // models and endpoints
  MD201: 'Unknown model or version',
  MD202: 'Promotion refused by a gate',
  MD203: 'Artifact missing or damaged',
  MD204: 'Model file cannot be loaded',
  MD205: 'Training failed',
  MD206: 'Stage change not allowed',
  EP201: 'Unknown endpoint',
  EP202: 'No version to serve',
  EP203: 'Feature missing for prediction',
  EP204: 'Input does not match the signature',
  // stores
  ST101: 'Control store unreachable',
  ST102: 'Control store is newer than this program',
  ST103: 'Embedded Postgres does not start',
  ST104: 'Store cannot be opened',
  ST105: 'Digest mismatch',
  // HTTP
  API400: 'Bad request',
  API401: 'Not authenticated',
  API404: 'Not found',
  API409: 'Conflict',
  API422: 'Request cannot be processed',
  API500: 'Internal error',
  API503: 'Not ready',
} as const;

export type DiagnosticCode = keyof typeof CODES;
