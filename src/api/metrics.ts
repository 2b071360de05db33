/** Figures in Prometheus' text format 0.0.4. docs/metrics.md lists them all. */
import {
  type Cell,
  type CounterView,
  createCounter,
  createHistogram,
  type Distribution,
  type HistogramView,
  type Labels,
} from '../lib/instruments.ts';

export interface Metrics {
  /** One more prediction under these labels. */
  predicted(labels: Labels): void;
  /** One request more that was answered, and the time that it took. */
  answered(method: string, route: string, status: number, seconds: number): void;
  /** The same for the requests of one route. */
  meter(method: string, route: string): Meter;
  /** What was counted here. */
  families(): readonly Family[];
}

export type Meter = (status: number, seconds: number) => void;

/** A metric with all its series. One without any is told all the same, so that it can be asked for. */
export type Family = Gauge | HistogramFamily;

export interface Gauge {
  readonly name: string;
  readonly help: string;
  /** Default gauge. */
  readonly type?: 'gauge' | 'counter';
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
}

export interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'histogram';
  readonly bounds: readonly number[];
  readonly series: readonly Readonly<Distribution>[];
}

/** Upper bounds in seconds. */
const REQUEST_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export function createMetrics(): Metrics {
  const requests = createCounter(Number.POSITIVE_INFINITY);
  const durations = createHistogram(REQUEST_BOUNDS, Number.POSITIVE_INFINITY);
  const predictions = createCounter();

  /** What is counted of a route is found once: there are few routes and fewer statuses. */
  function meter(method: string, route: string): Meter {
    const byStatus = new Map<number, { readonly counted: Cell; readonly timed: Distribution }>();
    return (status, seconds) => {
      let cells = byStatus.get(status);
      if (cells === undefined) {
        cells = {
          counted: requests.cell({ method, route, status: String(status) }),
          timed: durations.cell({ method, route }),
        };
        byStatus.set(status, cells);
      }
      cells.counted.value += 1;
      durations.into(cells.timed, seconds);
    };
  }
  const meters = new Map<string, Meter>();

  return {
    predicted: (labels) => predictions.add(labels),
    meter,
    answered: (method, route, status, seconds) => {
      const key = `${method} ${route}`;
      let found = meters.get(key);
      if (found === undefined) {
        found = meter(method, route);
        meters.set(key, found);
      }
      found(status, seconds);
    },
    families: () => [
      counter('mlops_http_requests_total', 'HTTP requests answered, by method, route and status.', requests),
      histogram('mlops_http_request_duration_seconds', 'Time from the request to the end of its answer.', durations),
      counter('mlops_predictions_total', 'Predictions answered, by endpoint, variant, model and version.', predictions),
    ],
  };
}

/** A figure without labels; null: it cannot be told now. */
export const single = (name: string, help: string, value: number | null): Gauge => ({
  name,
  help,
  samples: value === null ? [] : [{ labels: {}, value }],
});

export const gauge = (name: string, help: string, samples: Gauge['samples']): Gauge => ({ name, help, samples });

export const counter = (name: string, help: string, counted: CounterView): Gauge => ({
  name,
  help,
  type: 'counter',
  samples: counted.list(),
});

export const histogram = (name: string, help: string, observed: HistogramView): HistogramFamily => ({
  name,
  help,
  type: 'histogram',
  bounds: observed.bounds,
  series: observed.list(),
});

/** The exposition. A family of one name comes once. */
export function exposition(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const family of families) {
    const { name } = family;
    lines.push(`# HELP ${name} ${escapedHelp(family.help)}`, `# TYPE ${name} ${family.type ?? 'gauge'}`);
    if (family.type !== 'histogram') {
      for (const { labels, value } of family.samples) lines.push(`${name}${braced(labels)} ${numberText(value)}`);
      continue;
    }
    for (const { labels, counts, sum, count } of family.series) {
      let within = 0;
      family.bounds.forEach((bound, index) => {
        within += counts[index] ?? 0;
        lines.push(`${name}_bucket${braced(labels, `le="${bound}"`)} ${within}`);
      });
      lines.push(`${name}_bucket${braced(labels, 'le="+Inf"')} ${count}`);
      lines.push(`${name}_sum${braced(labels)} ${numberText(sum)}`, `${name}_count${braced(labels)} ${count}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const escapedHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const escaped = (value: string): string => escapedHelp(value).replaceAll('"', '\\"');

const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);

function braced(labels: Labels, last?: string): string {
  const parts = Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escaped(labels[name] ?? '')}"`);
  if (last !== undefined) parts.push(last);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}
