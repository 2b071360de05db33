/** Where traces and lineage go: as the environment says, else as the variables of OpenTelemetry and OpenLineage say. */
import { resolveEnv } from '../lib/secret.ts';
import type { TelemetrySpec } from '../spec/schema-types.ts';

export interface OtlpSettings {
  /** Whole address that traces are posted to. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** Of the resource, beside what is told of every one. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface OpenLineageSettings {
  readonly url: string;
  readonly apiKey: string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Undefined where nobody asked for traces. With every secret resolved: never log it. */
export function otlpSettings(spec: TelemetrySpec | undefined, variables: Variables): OtlpSettings | undefined {
  if (variables['OTEL_SDK_DISABLED'] === 'true') return undefined;
  const own = spec?.otlp;
  if (own === undefined && variables['OTEL_TRACES_EXPORTER'] === 'none') return undefined;
  const base = own === undefined ? variables['OTEL_EXPORTER_OTLP_ENDPOINT'] : resolveEnv(own.endpoint, variables);
  const traces = own === undefined ? variables['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] : undefined;
  const url = traces ?? (base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`);
  if (url === undefined || url === '') return undefined;
  const headers =
    own === undefined
      ? pairsOf(variables['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ?? variables['OTEL_EXPORTER_OTLP_HEADERS'])
      : Object.fromEntries(
          Object.entries(own.headers ?? {}).map(([name, value]) => [name, resolveEnv(value, variables)]),
        );
  const { 'service.name': named, ...attributes } = pairsOf(variables['OTEL_RESOURCE_ATTRIBUTES']);
  return { url, headers, serviceName: variables['OTEL_SERVICE_NAME'] ?? named ?? 'mlops', attributes };
}

export function openLineageSettings(
  spec: TelemetrySpec | undefined,
  variables: Variables,
): OpenLineageSettings | undefined {
  const own = spec?.openLineage;
  if (own === undefined) return undefined;
  return {
    url: `${resolveEnv(own.url, variables).replace(/\/+$/, '')}/api/v1/lineage`,
    apiKey: own.apiKey === undefined ? undefined : resolveEnv(own.apiKey, variables),
  };
}

/** `a=b,c=d`, percent-encoded. */
function pairsOf(text: string | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (text ?? '').split(',').flatMap((pair) => {
      const [name, ...rest] = pair.split('=');
      if (name === undefined || name.trim() === '' || rest.length === 0) return [];
      const value = rest.join('=').trim();
      try {
        return [[name.trim(), decodeURIComponent(value)] as const];
      } catch {
        return [[name.trim(), value] as const];
      }
    }),
  );
}
