/** What an environment exports of its runs, and where to. */
import { packageVersion } from '../lib/package.ts';
import { decodeLineage } from '../spec/column-lineage.ts';
import { type Catalog, sourcesBelow } from '../stores/control/catalog.ts';
import type { RunTraceStore } from '../stores/control/run-traces.ts';
import type { Scope } from '../stores/control/state.ts';
import { type LineageCatalog, lineageEvent } from '../telemetry/open-lineage.ts';
import { traceRequests } from '../telemetry/otlp.ts';
import { openLineageSettings, otlpSettings } from '../telemetry/settings.ts';
import { createTelemetry, type Sink, type Telemetry } from '../telemetry/telemetry.ts';
import type { Settings } from './settings.ts';

/** SP110 where a variable is not set that the environment names. */
export function openTelemetry(
  { spec }: Settings,
  parts: {
    readonly scope: Scope;
    readonly store: RunTraceStore;
    readonly catalog: Catalog;
    readonly report: (message: string, error?: unknown) => void;
  },
): Telemetry {
  const { scope, store, catalog, report } = parts;
  const version = packageVersion();
  const sinks: Sink[] = [];
  const otlp = otlpSettings(spec.telemetry, process.env);
  if (otlp !== undefined) {
    sinks.push({
      name: 'otlp',
      url: otlp.url,
      headers: otlp.headers,
      requests: (move, run) =>
        move.status === 'queued' || move.status === 'running'
          ? []
          : traceRequests(run, { serviceName: otlp.serviceName, attributes: otlp.attributes, version, ...scope }),
    });
  }
  const lineage = openLineageSettings(spec.telemetry, process.env);
  if (lineage !== undefined) {
    sinks.push({
      name: 'open_lineage',
      url: lineage.url,
      headers: lineage.apiKey === undefined ? {} : { authorization: `Bearer ${lineage.apiKey}` },
      requests: (move, run) => {
        const event = lineageEvent(move, run, { ...scope, version }, lineageCatalog(catalog));
        return event === undefined ? [] : [{ body: event, items: 1 }];
      },
    });
  }
  return createTelemetry({ store, sinks, report });
}

function lineageCatalog(catalog: Catalog): LineageCatalog {
  return {
    featureSet: (name) => {
      const found = catalog.get('feature_set', name);
      if (found === undefined) return undefined;
      return {
        columns: Object.entries(found.spec.features).map(([feature, { dtype }]) => ({ name: feature, type: dtype })),
        lineage: decodeLineage(found.outputs?.['lineage']),
        sources: sourcesBelow(catalog, found),
      };
    },
  };
}
