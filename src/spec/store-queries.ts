/**
 * What a project's queries are on the store that will run them: for each a text in its dialect, its own or translated. What has none is told at
 * its place in the user's file, and the store is asked to check the texts without reading data.
 */

import { digestOf } from '../lib/canonical.ts';
import { CODES } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import { openCacheFile } from './cache-file.ts';
import type { CanonicalFeatureSet, CanonicalPipeline, CanonicalSource } from './canonical-specs.ts';
import type { Column } from './column.ts';
import type { QueryStore, StoreTable } from './engine-checks.ts';
import { fromDialect } from './from-dialect.ts';
import type { LoadedResource, ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { toDiagnostic } from './problem.ts';
import {
  type Dialect,
  isWritten,
  mapTexts,
  mentionedIn,
  overSources,
  type QueryText,
  textFor,
  textToTranslate,
  type WrittenDialect,
} from './query-text.ts';
import { codeOf, tidySql } from './sql-text.ts';
import { itemsQuery } from './task-texts.ts';
import { withNulls } from './template-text.ts';
import { type TranslatedSql, translateSql } from './translate-sql.ts';

export interface StoreQueries {
  readonly diagnostics: readonly Diagnostic[];
  /** Translated texts of a resource by the pointer of the query. */
  readonly translated: (address: string) => Readonly<Record<string, string>> | undefined;
}

interface Placed {
  readonly resource: LoadedResource;
  readonly pointer: string;
  readonly query: QueryText;
}

/** The text that the store runs. */
interface Runs extends Placed {
  readonly text: string;
  /** Where its own text stands; undefined where it is translated from the text there. */
  readonly own: boolean;
  readonly at: string;
  readonly written: string;
}

/** Counts up when a translation changes. */
const FORMAT = 1;

export async function storeQueries(
  table: ResourceTable,
  root: string,
  store: QueryStore,
  columnsOf: (source: string) => readonly Column[] | undefined,
): Promise<StoreQueries> {
  const cache = openCacheFile<TranslatedSql>(root, `translated-${FORMAT}`);
  const diagnostics: Diagnostic[] = [];
  const found: Runs[] = [];
  const runsAs = new Map<string, Record<string, string>>();
  for (const placed of queriesOf(table)) {
    const runs = await textOn(store, placed, cache, diagnostics);
    if (runs === undefined) continue;
    found.push(runs);
    const { address } = placed.resource;
    if (!runs.own) runsAs.set(address, { ...runsAs.get(address), [placed.pointer]: runs.text });
  }
  cache.save();
  if (store.explain !== undefined && diagnostics.length === 0)
    diagnostics.push(...(await explained(found, table, root, store, columnsOf)));
  return { diagnostics, translated: (address) => runsAs.get(address) };
}

function* queriesOf(table: ResourceTable): Iterable<Placed> {
  for (const resource of table.ofKind('source')) {
    const query = overSources((resource.draft as CanonicalSource | undefined) ?? {});
    if (query !== undefined) yield { resource, pointer: '/query', query };
  }
  for (const resource of table.ofKind('feature_set')) {
    const query = (resource.draft as CanonicalFeatureSet | undefined)?.query;
    if (query !== undefined) yield { resource, pointer: '/query', query };
  }
  for (const resource of table.ofKind('pipeline')) {
    const tasks = (resource.draft as CanonicalPipeline | undefined)?.tasks ?? {};
    for (const [name, task] of Object.entries(tasks)) {
      const pointer = pointerTo('/tasks', name);
      const items = itemsQuery(task.forEach);
      if (items !== undefined)
        yield { resource, pointer: `${pointer}/forEach/query`, query: mapTexts(items, withNulls) };
      if (task.operator === 'training_dataset')
        yield { resource, pointer: `${pointer}/spine`, query: mapTexts(task.spine, withNulls) };
      if ((task.operator === 'wait_for' || task.operator === 'batch_prediction') && task.query !== undefined)
        yield { resource, pointer: `${pointer}/query`, query: mapTexts(task.query, withNulls) };
      if (task.operator === 'sql_query')
        yield { resource, pointer: `${pointer}/query`, query: mapTexts(task.query, withNulls) };
    }
  }
}

async function textOn(
  { dialect }: QueryStore,
  placed: Placed,
  cache: {
    readonly get: (key: string) => TranslatedSql | undefined;
    readonly set: (key: string, value: TranslatedSql) => void;
  },
  diagnostics: Diagnostic[],
): Promise<Runs | undefined> {
  const { resource, pointer, query } = placed;
  const own = textFor(query, dialect);
  if (own !== undefined) {
    const at = `${pointer}${placeIn(query, dialect)}`;
    return { ...placed, text: own, own: true, at, written: own };
  }
  const source = textToTranslate(query, dialect);
  if (source === undefined) {
    const detail = `This query is written for other stores, but not for ${dialect}, which this environment uses.`;
    const hint = `add the text under ${dialect}`;
    diagnostics.push(toDiagnostic({ code: 'SP207', pointer, detail, hint }, resource));
    return undefined;
  }
  const { sql: written, dialect: from } = source;
  const at = `${pointer}${placeIn(query, from)}`;
  const key = digestOf(from === 'duckdb' ? [dialect, written] : [dialect, written, from]);
  const translation = cache.get(key) ?? (await translated(written, from, dialect));
  cache.set(key, translation);
  if (translation.sql !== null) return { ...placed, text: translation.sql, own: false, at, written };
  const tidy = tidySql(resource.written(at));
  for (const { message, start, end } of translation.problems) {
    const span = { start: tidy.toWritten(start), end: tidy.toWritten(end - 1) + 1 };
    const hint = 'write it without this, or give the store a text of its own: query: { duckdb: …, postgres: … }';
    diagnostics.push(toDiagnostic({ code: 'SP205', pointer: at, span, detail: `${message}.`, hint }, resource));
  }
  return undefined;
}

/** By way of DuckDB's dialect. What is found on the second half of the way has its place in no text that was written. */
async function translated(written: string, from: WrittenDialect, to: Dialect): Promise<TranslatedSql> {
  const first = await fromDialect(written, from);
  if (first.sql === null || to === 'duckdb') return first;
  const second = await translateSql(first.sql);
  if (second.sql !== null || from === 'duckdb') return second;
  return { sql: null, problems: second.problems.map(({ message }) => ({ message, start: 0, end: written.length })) };
}

function placeIn(query: QueryText, dialect: WrittenDialect): string {
  return typeof query === 'string' ? '' : isWritten(query) ? '/sql' : `/${dialect}`;
}

/** What was found right once is not asked again. */
async function explained(
  queries: readonly Runs[],
  table: ResourceTable,
  root: string,
  store: QueryStore,
  columnsOf: (source: string) => readonly Column[] | undefined,
): Promise<readonly Diagnostic[]> {
  const cache = openCacheFile<true>(root, `explained-${FORMAT}`);
  const texts = new Map(queries.map((runs) => [`${runs.resource.address}${runs.pointer}`, runs.text]));
  const asked = queries.flatMap((runs) => {
    const tables = tablesOf(runs.query, { table, texts, columnsOf });
    if (tables === undefined) return [];
    const key = digestOf([store.name, runs.text, tables.map(({ name, ...rest }) => [name, rest])]);
    return cache.get(key) === true ? [] : [{ runs, tables, key }];
  });
  const diagnostics: Diagnostic[] = [];
  try {
    const answers =
      asked.length === 0 ? [] : await store.explain?.(asked.map(({ runs, tables }) => ({ text: runs.text, tables })));
    for (const [index, answer] of (answers ?? []).entries()) {
      const one = asked[index];
      if (one === undefined || answer === 'not asked') continue;
      if (answer === 'right') cache.set(one.key, true);
      else diagnostics.push(refusal(one.runs, answer));
    }
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    const detail = `${error.detail} So the queries were not checked against it.`;
    diagnostics.push({ code: error.code, severity: 'warning', summary: CODES[error.code], detail, hint: error.hint });
  }
  cache.save();
  return diagnostics;
}

function refusal(
  { resource, at, written, own, text }: Runs,
  { message, place }: { readonly message: string; readonly place: number | undefined },
): Diagnostic {
  const token = place === undefined ? undefined : /^("(?:[^"]|"")*"|[\w$]+|.)/s.exec(text.slice(place))?.[0];
  const start = token === undefined ? -1 : own ? (place ?? 0) : placeOf(token, written);
  const tidy = tidySql(resource.written(at));
  const span =
    start < 0 || token === undefined
      ? undefined
      : {
          start: tidy.toWritten(start),
          end: tidy.toWritten(start + (own ? token : token.replaceAll('"', '')).length - 1) + 1,
        };
  const detail = `Postgres refuses ${own ? 'this query' : 'what this query is there'}: ${message}.${own ? '' : ` It would run: ${text}`}`;
  const hint = own ? undefined : 'give the store a text of its own: query: { duckdb: …, postgres: … }';
  return toDiagnostic({ code: 'SP206', pointer: at, span, detail, hint }, resource);
}

/** Where the text that was translated says the same word; -1 where it does not. */
function placeOf(token: string, written: string): number {
  const word = token.replaceAll('"', '').toLowerCase();
  if (!/^\w/.test(word)) return -1;
  for (const { index, 0: other } of codeOf(written).matchAll(/[\w$]+/g)) if (other.toLowerCase() === word) return index;
  return -1;
}

interface Known {
  readonly table: ResourceTable;
  readonly texts: ReadonlyMap<string, string>;
  readonly columnsOf: (source: string) => readonly Column[] | undefined;
}

/** The sources that a query reads, each after those that it reads itself; undefined where the types of one are not known. */
function tablesOf(query: QueryText, known: Known, above: readonly string[] = []): readonly StoreTable[] | undefined {
  const tables = new Map<string, StoreTable>();
  for (const name of mentionedIn(query, known.table.names('source'))) {
    if (above.includes(name)) return undefined;
    const spec = known.table.get('source', name);
    const below = spec && overSources(spec);
    if (below !== undefined) {
      const text = known.texts.get(`source.${name}/query`);
      const read = tablesOf(below, known, [...above, name]);
      if (text === undefined || read === undefined) return undefined;
      for (const one of read) tables.set(one.name, one);
      tables.set(name, { name, query: text });
      continue;
    }
    const columns = known.columnsOf(name);
    if (columns === undefined || columns.some(({ type }) => type === 'UNKNOWN')) return undefined;
    tables.set(name, { name, columns });
  }
  return [...tables.values()];
}
