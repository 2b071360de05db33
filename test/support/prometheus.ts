/**
 * Reads Prometheus' text format 0.0.4 strictly, and finds what `promtool check metrics` finds: by the format's page
 * (prometheus.io/docs/instrumenting/exposition_formats) and the page on names (prometheus.io/docs/practices/naming).
 */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)$/;

/** Throws at the first line that is wrong. */
export function parseExposition(text: string): readonly MetricFamily[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families: { name: string; type: string; help: string; samples: Sample[] }[] = [];
  const seen = new Set<string>();
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const wrong = (why: string): Error => new Error(`line ${index + 1}: ${why}: ${line}`);
    const help = new RegExp(`^# HELP (${NAME}) (.*)$`).exec(line);
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`).exec(line);
    const last = families.at(-1);
    if (help !== null) {
      const [, name = '', written = ''] = help;
      if (families.some((family) => family.name === name)) throw wrong('its family stands twice');
      if (/\\/.test(written.replace(/\\[\\n]/g, ''))) throw wrong('a wrong escape');
      const text = written.replace(/\\([\\n])/g, (_, what: string) => (what === 'n' ? '\n' : what));
      families.push({ name, type: '', help: text, samples: [] });
    } else if (type !== null) {
      if (last === undefined || last.name !== type[1] || last.type !== '' || last.samples.length > 0)
        throw wrong('TYPE does not follow its HELP');
      last.type = type[2] ?? '';
    } else if (line.startsWith('#')) {
      throw wrong('a comment');
    } else {
      const sample = sampleOf(line);
      if (sample === undefined) throw wrong('not a sample');
      if (last === undefined || last.type === '') throw wrong('a sample before its TYPE');
      const suffixes = last.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!suffixes.some((suffix) => sample.name === `${last.name}${suffix}`)) throw wrong(`not of ${last.name}`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(key)) throw wrong('a series that stands twice');
      seen.add(key);
      last.samples.push(sample);
    }
  }
  return families;
}

function sampleOf(line: string): Sample | undefined {
  const head = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
  if (head === null || !VALUE.test(head[3] ?? '')) return undefined;
  const labels: Record<string, string> = {};
  let rest = head[2] ?? '';
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
    if (label === null || label[1] === undefined || label[1] in labels) return undefined;
    labels[label[1]] = (label[2] ?? '').replace(/\\(["\\n])/g, (_, what: string) => (what === 'n' ? '\n' : what));
    rest = rest.slice(label[0].length);
  }
  const number = (head[3] ?? '').replace('Inf', 'Infinity');
  return { name: head[1] ?? '', labels, value: Number(number) };
}

const NOT_BASE_UNITS =
  /_(?:ms|milliseconds|microseconds|nanoseconds|minutes|hours|days|weeks|kilobytes|megabytes|gigabytes|kib|mib|gib|bits|percent)(?:_|$)/;

/** What a careful reader finds wrong; empty: nothing. */
export function lint(families: readonly MetricFamily[]): readonly string[] {
  return families.flatMap(({ name, type, help, samples }) => {
    const wrong: string[] = [];
    if (help.trim() === '') wrong.push(`${name} has no help`);
    if (type === '') wrong.push(`${name} has no type`);
    if (type === 'counter' && !name.endsWith('_total')) wrong.push(`${name}: a counter ends in _total`);
    if (type !== 'counter' && name.endsWith('_total')) wrong.push(`${name}: only a counter ends in _total`);
    if (/_(?:bucket|count|sum)$/.test(name)) wrong.push(`${name} ends as a part of a histogram does`);
    if (/(?:^|_)(?:gauge|counter|histogram|summary)(?:_|$)/.test(name)) wrong.push(`${name} holds its type`);
    if (NOT_BASE_UNITS.test(name)) wrong.push(`${name} is not in a base unit`);
    if (!/^[a-z][a-z0-9_]*$/.test(name)) wrong.push(`${name} is not in snake case`);
    if (type !== 'histogram' && samples.some(({ labels }) => 'le' in labels || 'quantile' in labels))
      wrong.push(`${name} has a label of a histogram`);
    if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) wrong.push(`${name} is below 0`);
    return type === 'histogram' ? [...wrong, ...wrongHistogram(name, samples)] : wrong;
  });
}

function wrongHistogram(name: string, samples: readonly Sample[]): string[] {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  return [...series].flatMap(([key, own]) => {
    const buckets = own.filter((sample) => sample.name.endsWith('_bucket'));
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    const count = own.find((sample) => sample.name.endsWith('_count'))?.value;
    const ascending = (values: readonly number[]): boolean =>
      values.every((value, index) => index === 0 || value >= (values[index - 1] ?? value));
    const right =
      ascending(bounds) &&
      new Set(bounds).size === bounds.length &&
      ascending(counts) &&
      bounds.at(-1) === Number.POSITIVE_INFINITY &&
      counts.at(-1) === count &&
      own.some((sample) => sample.name.endsWith('_sum'));
    return right ? [] : [`${name}${key} is no histogram`];
  });
}
