/**
 * openapi.json: OpenAPI 3.1 made from the routes and from the JSON Schemas that specs are checked with. Nothing is written
 * twice: what a route checks is what the document says.
 */
import { STATUS_CODES } from 'node:http';
import type { JsonSchema, Route } from './route.ts';

export interface OpenApiInput {
  readonly version: string;
  readonly routes: readonly Route[];
  /** By file name, e.g. `model.schema.json`. */
  readonly specSchemas: Readonly<Record<string, JsonSchema>>;
  /** Whether requests need an API key. */
  readonly secured: boolean;
}

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457.',
  required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string', description: 'Constant for a code.' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'See docs/codes.md.' },
    detail: { type: 'string' },
    hint: { type: 'string' },
    address: { type: 'string', description: '`kind.name` of the resource.' },
    retryable: { type: 'boolean' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer.' },
          detail: { type: 'string' },
          code: { type: 'string' },
        },
      },
    },
  },
};

export function openApiDocument({ version, routes, specSchemas, secured }: OpenApiInput): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace('*}', '}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route, secured);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'mlops',
      version,
      description: 'Registry, orchestrator, feature store and serving of one project and environment.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: PROBLEM, ...components(specSchemas) },
      ...(secured && { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } }),
    },
    ...(secured && { security: [{ key: [] }] }),
  };
}

function operation(route: Route, secured: boolean): Record<string, unknown> {
  const names = [...route.path.matchAll(/\{(\w+)\*?\}/g)].map((match) => match[1] ?? '');
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(route.query ?? {}).map(([name, { description, ...schema }]) => ({
      name,
      in: 'query',
      required: false,
      ...(description !== undefined && { description }),
      schema: openApiSchema(schema, undefined),
    })),
    ...(route.method === 'POST'
      ? [
          {
            name: 'Idempotency-Key',
            in: 'header',
            required: false,
            description: 'The same key gives the first answer again.',
            schema: { type: 'string', maxLength: 255 },
          },
        ]
      : []),
  ];
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.tag],
    ...(parameters.length > 0 && { parameters }),
    ...requestBody(route),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, { description, schema, contentType }]) => [
          status,
          {
            description: description || STATUS_CODES[status],
            ...((schema !== undefined || contentType !== undefined) && {
              content: {
                [contentType ?? 'application/json']:
                  schema === undefined ? {} : { schema: openApiSchema(schema, undefined) },
              },
            }),
          },
        ]),
      ),
      default: {
        description: 'What went wrong.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    ...(secured && route.open === true && { security: [] }),
  };
}

function requestBody(route: Route): Record<string, unknown> {
  if (route.takesStream === true)
    return { requestBody: { required: true, content: { 'application/octet-stream': {} } } };
  if (route.takesBytes === true)
    return {
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: openApiSchema(route.body ?? {}, undefined) },
          'application/octet-stream': {},
        },
      },
    };
  const schema = route.specBody === undefined ? route.body : { $ref: `#/components/schemas/${route.specBody}` };
  if (schema === undefined) return {};
  return {
    requestBody: { required: true, content: { 'application/json': { schema: openApiSchema(schema, undefined) } } },
  };
}

/** Each schema file is a component under its name, and so is each of its definitions. */
function components(files: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  const all: Record<string, JsonSchema> = {};
  for (const [file, schema] of Object.entries(files)) {
    const {
      $defs = {},
      $schema: _schema,
      $id: _id,
      ...own
    } = schema as { $defs?: Record<string, JsonSchema> } & JsonSchema;
    if (own['type'] !== undefined) all[stemOf(file)] = openApiSchema(own, file) as JsonSchema;
    for (const [name, definition] of Object.entries($defs)) {
      all[definitionName(file, name)] = openApiSchema(definition, file) as JsonSchema;
    }
  }
  return all;
}

const stemOf = (file: string): string => file.replace('.schema.json', '');

/** Definitions of the common file keep their names; those of a kind carry the kind's. */
const definitionName = (file: string, name: string): string =>
  file === 'common.schema.json' ? name : `${stemOf(file)}.${name}`;

/** References point into the document's components; our own `x-ref` notes and `$comment`s stay out. */
function openApiSchema(value: unknown, file: string | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => openApiSchema(item, file));
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (name === '$ref' && typeof member === 'string') out[name] = componentRef(member, file);
    else if (name !== '$comment') out[name] = openApiSchema(member, file);
  }
  return out;
}

function componentRef(ref: string, file: string | undefined): string {
  if (ref.startsWith('#/components/')) return ref;
  const [target = '', pointer = ''] = ref.split('#');
  const name = /^\/\$defs\/(.+)$/.exec(pointer)?.[1];
  const home = target === '' ? (file ?? '') : target;
  return `#/components/schemas/${name === undefined ? stemOf(home) : definitionName(home, name)}`;
}
