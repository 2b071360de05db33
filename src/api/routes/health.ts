/** Probes and the description of the interface itself. */
import type { ApiContext } from '../context.ts';
import { openApiDocument } from '../openapi.ts';
import { type JsonSchema, json, type Route } from '../route.ts';

const tag = 'operation';

type HealthContext = Pick<ApiContext, 'scope' | 'version' | 'readiness' | 'secured'>;

export function healthRoutes(
  context: HealthContext,
  others: { readonly specSchemas: () => Readonly<Record<string, JsonSchema>>; readonly routes: () => readonly Route[] },
): readonly Route[] {
  const { scope, version } = context;
  let document: JsonSchema | undefined;
  return [
    {
      method: 'GET',
      path: '/healthz',
      operationId: 'health',
      summary: 'Whether the process lives.',
      tag,
      open: true,
      answers: { 200: { description: 'It does.' } },
      handle: async () => json(200, { status: 'ok', project: scope.project, environment: scope.environment, version }),
    },
    {
      method: 'GET',
      path: '/readyz',
      operationId: 'readiness',
      summary: 'Whether requests can be served now.',
      tag,
      open: true,
      answers: { 200: { description: 'They can.' }, 503: { description: 'They cannot; `checks` says why.' } },
      handle: async () => {
        const checks = await context.readiness();
        const ready = Object.values(checks).every((problem) => problem === null);
        return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
      },
    },
    {
      method: 'GET',
      path: '/openapi.json',
      operationId: 'openapi',
      summary: 'This interface as OpenAPI 3.1.',
      tag,
      open: true,
      answers: { 200: { description: 'The document.' } },
      handle: async () => {
        document ??= openApiDocument({
          version,
          routes: others.routes(),
          specSchemas: others.specSchemas(),
          secured: context.secured,
        });
        return json(200, document);
      },
    },
  ];
}
