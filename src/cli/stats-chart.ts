/** Statistics of features for a terminal: figures and a small histogram each, as wide as there is room. */
import { type ColumnProfile, type Histogram, QUANTILES } from '../compose/views.ts';
import { instant, number } from './output.ts';

export interface ChartOptions {
  /** Columns of the terminal. */
  readonly width: number;
  /** False: no characters beyond ASCII. */
  readonly unicode: boolean;
}

const BLOCKS = ' ▁▂▃▄▅▆▇█';
const PLAIN = ' .:-=+*#@';
const NARROW = 60;

/** Whether a terminal shows more than ASCII, as its environment says. */
export function showsUnicode(environment: NodeJS.ProcessEnv): boolean {
  if (environment['TERM'] === 'dumb' || environment['TERM'] === 'linux') return false;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return locale === '' ? environment['TERM'] !== undefined || true : /utf-?8/i.test(locale);
}

/** One feature: its figures, then its distribution. `before`: the same of an earlier time, to compare with. */
export function columnText(
  name: string,
  column: ColumnProfile,
  before: ColumnProfile | undefined,
  options: ChartOptions,
): string {
  const lines = [`${name} ${column.dtype}${column.sampled ? `, of a sample of ${column.count} rows` : ''}`];
  for (const line of figures(column, before, options))
    lines.push(...wrapped(line, options.width - 2).map((part) => `  ${part}`));
  lines.push(...distribution(column, before, options).map((line) => `  ${line}`.trimEnd()));
  return lines.join('\n');
}

function figures(
  column: ColumnProfile,
  before: ColumnProfile | undefined,
  { unicode }: ChartOptions,
): readonly string[][] {
  const arrow = unicode ? '→' : '->';
  const about = unicode ? '≈' : '~';
  const figure = (label: string, value: unknown, old?: unknown): string[] => {
    if (value === null || value === undefined) return [];
    const shown = plain(value);
    return [
      old === undefined || old === null || plain(old) === shown
        ? `${label} ${shown}`
        : `${label} ${plain(old)} ${arrow} ${shown}`,
    ];
  };
  const share = (profile: ColumnProfile | undefined): string | undefined =>
    profile === undefined ? undefined : `${profile.nulls} (${percent(profile.nulls, profile.count)})`;
  const distinct = (profile: ColumnProfile | undefined): string | undefined =>
    profile?.distinct == null ? undefined : `${profile.distinctEstimated ? about : ''}${profile.distinct}`;
  return [
    [
      ...figure('rows', column.count, before?.count),
      ...figure('nulls', share(column), share(before)),
      ...figure('distinct', distinct(column), distinct(before)),
      ...(column.invalid === null ? [] : figure('not as expected', column.invalid, before?.invalid)),
      ...(column.nonFinite === 0 ? [] : figure('NaN or infinite', column.nonFinite, before?.nonFinite)),
    ],
    [
      ...figure('min', shortTime(column.min), shortTime(before?.min)),
      ...figure('max', shortTime(column.max), shortTime(before?.max)),
      ...figure('mean', column.mean, before?.mean),
      ...figure('sd', column.sd, before?.sd),
      ...(column.lengths === null
        ? []
        : figure('length', lengths(column.lengths), before?.lengths ? lengths(before.lengths) : undefined)),
    ],
    QUANTILES.flatMap((quantile) => {
      const key = `p${Math.round(quantile * 100)}`;
      return figure(key, column.quantiles?.[key], before?.quantiles?.[key]);
    }),
  ].filter((line) => line.length > 0);
}

function distribution(
  column: ColumnProfile,
  before: ColumnProfile | undefined,
  options: ChartOptions,
): readonly string[] {
  if (column.histogram !== null) {
    const old = before?.histogram ?? null;
    const isComparable = old !== null && sameBins(old, column.histogram);
    return [
      ...(isComparable
        ? [`before ${bars(old, options)}`, `now    ${bars(column.histogram, options)}`]
        : [bars(column.histogram, options)]),
      bounds(column.histogram, options),
    ].filter((line) => line !== '');
  }
  return topLines(column, options);
}

/** One character a bin, each as high as its share of the fullest; more bins than there is room for are added up. */
function bars({ counts }: Histogram, { width, unicode }: ChartOptions): string {
  const room = Math.max(8, width - 12);
  const together = Math.ceil(counts.length / room);
  const merged = Array.from({ length: Math.ceil(counts.length / together) }, (_, index) =>
    counts.slice(index * together, (index + 1) * together).reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(...merged);
  const ramp = unicode ? BLOCKS : PLAIN;
  // What is there is seen, however little.
  const bar = (count: number): string =>
    count === 0 ? (ramp[0] ?? ' ') : (ramp[Math.max(1, Math.ceil((count / most) * 8))] ?? '');
  return `|${merged.map(bar).join('')}|`;
}

function bounds({ edges, counts }: Histogram, { unicode }: ChartOptions): string {
  const [first, last] = [edges[0], edges.at(-1)];
  if (first === undefined || last === undefined || edges.length === 1) return '';
  const [below, above] = [counts[0] ?? 0, counts.at(-1) ?? 0];
  const upTo = unicode ? '≤' : '<=';
  return [
    `${edges.length - 1} bins from ${number(first)} to ${number(last)}`,
    ...(below > 0 ? [`${below} ${upTo} ${number(first)}`] : []),
    ...(above > 0 ? [`${above} > ${number(last)}`] : []),
  ].join(', ');
}

function topLines({ top, count }: ColumnProfile, { width, unicode }: ChartOptions): readonly string[] {
  if (top === null || top.length === 0) return [];
  const label = (value: string | boolean): string => {
    const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
    const clean = unicode ? text : text.replace(/[^\x20-\x7e]/g, '?');
    return clean.length > 24 ? `${clean.slice(0, 21)}...` : clean;
  };
  const names = top.map(({ value }) => label(value));
  const widest = Math.max(...names.map((name) => name.length));
  const room = Math.max(0, Math.min(30, width - widest - 24));
  const most = Math.max(...top.map((each) => each.count));
  return top.map(({ count: times }, index) => {
    const bar = (unicode ? '█' : '#').repeat(room === 0 ? 0 : Math.max(1, Math.round((times / most) * room)));
    return `${(names[index] ?? '').padEnd(widest)}  ${bar.padEnd(room)}  ${times} (${percent(times, count)})`;
  });
}

function sameBins(a: Histogram, b: Histogram): boolean {
  return a.edges.length === b.edges.length && a.edges.every((edge, index) => edge === b.edges[index]);
}

function wrapped(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + word.length <= Math.max(width, NARROW / 2))
      lines[lines.length - 1] = `${last}  ${word}`;
    else lines.push(word);
  }
  return lines;
}

function plain(value: unknown): string {
  return typeof value === 'number' ? number(value) : String(value);
}

function lengths({ min, mean, max }: NonNullable<ColumnProfile['lengths']>): string {
  return `${min} to ${max}, mean ${number(mean)}`;
}

function shortTime(value: ColumnProfile['min'] | undefined): ColumnProfile['min'] | undefined {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value) ? instant(value) : value;
}

export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %';
  const share = (part / whole) * 100;
  return share < 0.1 ? '< 0.1 %' : `${share.toFixed(1)} %`;
}
