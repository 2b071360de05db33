/** Counters and histograms in Prometheus' text format 0.0.4. */

export interface Metrics {
  /** One more (or `by` more) of `name` under these labels. */
  count(name: MetricName, labels: Labels, by?: number): void;
  /** One observation, in seconds. */
  observe(name: HistogramName, labels: Labels, seconds: number): void;
  /** One request more that was answered, and the time that it took. */
  answered(method: string, route: string, status: number, seconds: number): void;
  /** The same for the requests of one route. */
  meter(method: string, route: string): Meter;
  /** The exposition; `gauges` are read at this moment. */
  render(gauges: readonly Gauge[]): string;
}

export type Meter = (status: number, seconds: number) => void;

type Labels = Readonly<Record<string, string>>;
type MetricName = keyof typeof COUNTERS;
type HistogramName = keyof typeof HISTOGRAMS;

export interface Gauge {
  readonly name: string;
  readonly help: string;
  /** Default gauge. */
  readonly type?: 'gauge' | 'counter';
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
}

const COUNTERS = {
  mlops_http_requests_total: 'HTTP requests answered, by method, route and status.',
  mlops_predictions_total: 'Predictions answered, by endpoint, variant, model and version.',
} as const;

const HISTOGRAMS = {
  mlops_http_request_duration_seconds: 'Time from the request to the end of its answer.',
} as const;

/** Upper bounds in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

export function createMetrics(): Metrics {
  const counters = new Map<MetricName, Map<string, { value: number }>>();
  const histograms = new Map<HistogramName, Map<string, Histogram>>();

  const counter = (name: MetricName, key: string): { value: number } =>
    getOrAdd(
      getOrAdd(counters, name, () => new Map<string, { value: number }>()),
      key,
      () => ({ value: 0 }),
    );

  const histogram = (name: HistogramName, key: string): Histogram =>
    getOrAdd(
      getOrAdd(histograms, name, () => new Map<string, Histogram>()),
      key,
      () => ({ counts: BUCKETS.map(() => 0), sum: 0, count: 0 }),
    );

  function time(one: Histogram, seconds: number): void {
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) one.counts[bucket] = (one.counts[bucket] ?? 0) + 1;
    one.sum += seconds;
    one.count += 1;
  }

  /** What is counted of a route is found once: there are few routes and fewer statuses. */
  function meter(method: string, route: string): Meter {
    const byStatus = new Map<number, { readonly counted: { value: number }; readonly timed: Histogram }>();
    return (status, seconds) => {
      const { counted, timed } = getOrAdd(byStatus, status, () => ({
        counted: counter('mlops_http_requests_total', labelText({ method, route, status: String(status) })),
        timed: histogram('mlops_http_request_duration_seconds', labelText({ method, route })),
      }));
      counted.value += 1;
      time(timed, seconds);
    };
  }
  const meters = new Map<string, Meter>();

  return {
    count: (name, labels, by = 1) => {
      counter(name, labelText(labels)).value += by;
    },
    observe: (name, labels, seconds) => time(histogram(name, labelText(labels)), seconds),
    meter,
    answered: (method, route, status, seconds) =>
      getOrAdd(meters, `${method} ${route}`, () => meter(method, route))(status, seconds),
    render: (gauges) => {
      const lines: string[] = [];
      for (const [name, series] of counters) {
        lines.push(`# HELP ${name} ${COUNTERS[name]}`, `# TYPE ${name} counter`);
        for (const [labels, { value }] of series) lines.push(`${name}${braced(labels)} ${value}`);
      }
      for (const [name, series] of histograms) {
        lines.push(`# HELP ${name} ${HISTOGRAMS[name]}`, `# TYPE ${name} histogram`);
        for (const [labels, { counts, sum, count }] of series) {
          let within = 0;
          BUCKETS.forEach((bound, index) => {
            within += counts[index] ?? 0;
            lines.push(`${name}_bucket${braced(labels, `le="${bound}"`)} ${within}`);
          });
          lines.push(`${name}_bucket${braced(labels, 'le="+Inf"')} ${count}`);
          lines.push(`${name}_sum${braced(labels)} ${sum}`, `${name}_count${braced(labels)} ${count}`);
        }
      }
      for (const { name, help, type = 'gauge', samples } of gauges) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
        for (const { labels, value } of samples) lines.push(`${name}${braced(labelText(labels))} ${value}`);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const labelText = (labels: Labels): string =>
  Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escaped(labels[name] ?? '')}"`)
    .join(',');

const braced = (...parts: readonly string[]): string => {
  const inside = parts.filter((part) => part !== '').join(',');
  return inside === '' ? '' : `{${inside}}`;
};
