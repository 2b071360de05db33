/** Counters and histograms in Prometheus' text format 0.0.4. */

export interface Metrics {
  /** One more (or `by` more) of `name` under these labels. */
  count(name: MetricName, labels: Labels, by?: number): void;
  /** One observation, in seconds. */
  observe(name: HistogramName, labels: Labels, seconds: number): void;
  /** One request more that was answered, and the time that it took. */
  answered(method: string, route: string, status: number, seconds: number): void;
  /** The exposition; `gauges` are read at this moment. */
  render(gauges: readonly Gauge[]): string;
}

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

export function createMetrics(): Metrics {
  const counters = new Map<MetricName, Map<string, number>>();
  const histograms = new Map<HistogramName, Map<string, { counts: number[]; sum: number; count: number }>>();
  /** Texts of labels are made once: there are few routes and fewer statuses. */
  const texts = new Map<string, { readonly counted: string; readonly timed: string }>();

  function add(name: MetricName, key: string, by: number): void {
    const series = getOrAdd(counters, name, () => new Map<string, number>());
    series.set(key, (series.get(key) ?? 0) + by);
  }

  function time(name: HistogramName, key: string, seconds: number): void {
    const series = getOrAdd(histograms, name, () => new Map());
    const one = getOrAdd(series, key, () => ({ counts: BUCKETS.map(() => 0), sum: 0, count: 0 }));
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) one.counts[bucket] = (one.counts[bucket] ?? 0) + 1;
    one.sum += seconds;
    one.count += 1;
  }

  return {
    count: (name, labels, by = 1) => add(name, labelText(labels), by),
    observe: (name, labels, seconds) => time(name, labelText(labels), seconds),
    answered: (method, route, status, seconds) => {
      const { counted, timed } = getOrAdd(texts, `${method} ${status} ${route}`, () => ({
        counted: labelText({ method, route, status: String(status) }),
        timed: labelText({ method, route }),
      }));
      add('mlops_http_requests_total', counted, 1);
      time('mlops_http_request_duration_seconds', timed, seconds);
    },
    render: (gauges) => {
      const lines: string[] = [];
      for (const [name, series] of counters) {
        lines.push(`# HELP ${name} ${COUNTERS[name]}`, `# TYPE ${name} counter`);
        for (const [labels, value] of series) lines.push(`${name}${braced(labels)} ${value}`);
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
