/**
 * Counters and histograms of one process, as Prometheus wants them: they only grow, begin with the process, and hold one series for each
 * set of labels. Labels come from names in specs, so their number is bounded: beyond it everything is counted under `other`.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Cell {
  readonly labels: Labels;
  value: number;
}

/** What others see of it. */
export interface CounterView {
  list(): readonly Readonly<Cell>[];
}

export interface Counter extends CounterView {
  add(labels: Labels, by?: number): void;
  /** What is added to where the labels are known to be asked for again. */
  cell(labels: Labels): Cell;
}

/** `counts[i]` observations were above bound i - 1 and at most bound i; those above the last bound are in `count` alone. */
export interface Distribution {
  readonly labels: Labels;
  readonly counts: number[];
  sum: number;
  count: number;
}

/** What others see of it. */
export interface HistogramView {
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[];
  list(): readonly Readonly<Distribution>[];
}

export interface Histogram extends HistogramView {
  observe(labels: Labels, value: number): void;
  cell(labels: Labels): Distribution;
  /** An observation for a cell that is known. */
  into(cell: Distribution, value: number): void;
}

const SERIES_KEPT = 1_000;

export function createCounter(limit = SERIES_KEPT): Counter {
  const cells = seriesOf((labels): Cell => ({ labels, value: 0 }), limit);
  return {
    add: (labels, by = 1) => {
      cells.of(labels).value += by;
    },
    cell: cells.of,
    list: cells.list,
  };
}

export function createHistogram(bounds: readonly number[], limit = SERIES_KEPT): Histogram {
  const cells = seriesOf((labels): Distribution => ({ labels, counts: bounds.map(() => 0), sum: 0, count: 0 }), limit);
  function into(cell: Distribution, value: number): void {
    const bucket = bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) cell.counts[bucket] = (cell.counts[bucket] ?? 0) + 1;
    cell.sum += value;
    cell.count += 1;
  }
  return {
    bounds,
    observe: (labels, value) => into(cells.of(labels), value),
    cell: cells.of,
    into,
    list: cells.list,
  };
}

function seriesOf<Series>(make: (labels: Labels) => Series, limit: number) {
  const byKey = new Map<string, Series>();
  /** By the labels as they come: the same ones come again and again, in the same order. */
  const asWritten = new Map<string, Series>();
  const of = (labels: Labels): Series => {
    let text = '';
    for (const name in labels) text += `${name}\0${labels[name]}\0`;
    const known = asWritten.get(text);
    if (known !== undefined) return known;
    const found = find(labels, true);
    if (asWritten.size < SERIES_KEPT) asWritten.set(text, found);
    return found;
  };
  const find = (labels: Labels, bounded: boolean): Series => {
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    const found = byKey.get(key);
    if (found !== undefined) return found;
    if (bounded && byKey.size >= limit)
      return find(Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])), false);
    const made = make(labels);
    byKey.set(key, made);
    return made;
  };
  return { of, list: (): readonly Series[] => [...byKey.values()] };
}
