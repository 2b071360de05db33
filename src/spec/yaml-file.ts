/** YAML files: documents as plain values, and places in them when a diagnostic asks for one. */
import { createRequire } from 'node:module';
import type { Document, Node, Pair, Scalar } from 'yaml';
import { sha256 } from '../lib/canonical.ts';
import { CODES } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { type CacheFile, openCacheFile } from './cache-file.ts';
import { type LineIndex, type Locator, lineIndex, rangeOf, segmentsOf, standsFor } from './locator.ts';

type Yaml = typeof import('yaml');

export interface YamlDocument {
  readonly value: unknown;
  readonly locator: Locator;
}

export interface YamlFile {
  readonly documents: readonly YamlDocument[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A few lines of aliases to aliases can stand for billions of values. */
const MAX_ALIASED_NODES = 1000;

let loaded: Yaml | undefined;

/** Loaded when the first file is read: a project in TypeScript does without. */
function yaml(): Yaml {
  loaded ??= createRequire(import.meta.url)('yaml') as Yaml;
  return loaded;
}

/** The values of a file's documents, by the digest of its text; files with errors are not kept. */
export type YamlCache = CacheFile<readonly unknown[]>;

/** Opened once for a project. Parsing thousands of files takes seconds, reading the cache a tenth of one. */
export function openYamlCache(root: string): YamlCache {
  return openCacheFile(root, 'yaml-1');
}

/** `file` is the path as diagnostics name it. Empty documents are left out. */
export function parseYaml(text: string, file: string, cache?: YamlCache): YamlFile {
  const key = cache === undefined ? '' : sha256(text);
  const known = cache?.get(key);
  if (known !== undefined)
    return {
      documents: known.flatMap((value, index) => toDocument(value, index, placesOf(text, file))),
      diagnostics: [],
    };
  const found = parseText(text, file);
  if (found.diagnostics.length === 0) cache?.set(key, found.values);
  const places = placesOf(text, file);
  return {
    documents: found.values.flatMap((value, index) => toDocument(value, index, places)),
    diagnostics: found.diagnostics,
  };
}

function toDocument(value: unknown, index: number, places: () => Places): YamlDocument[] {
  if (value === null || value === undefined) return [];
  const locator: Locator = {
    at: (pointer, part) => places().at(index, pointer, part),
    text: (pointer, _written, start, end) => places().text(index, pointer, start, end),
  };
  return [{ value, locator }];
}

function placesOf(text: string, file: string): () => Places {
  let places: Places | undefined;
  return () => {
    places ??= createPlaces(text, file);
    return places;
  };
}

/** One value for each document; null for one that is empty or has errors. */
function parseText(
  text: string,
  file: string,
): { readonly values: readonly unknown[]; readonly diagnostics: readonly Diagnostic[] } {
  const parsed = parseDocuments(text);
  const diagnostics: Diagnostic[] = [];
  const places = placesOf(text, file);
  const values = parsed.map((document): unknown => {
    for (const error of document.errors) {
      const message = error.message.split('\n')[0] ?? '';
      diagnostics.push({
        code: 'SP003',
        severity: 'error',
        summary: CODES.SP003,
        detail: `${message.replace(/ at line \d+.*$/, '').replace(/[.:]$/, '')}.`,
        at: places().range(error.pos[0], error.pos[1]),
      });
    }
    if (document.errors.length > 0) return null;
    try {
      return document.toJS({ maxAliasCount: MAX_ALIASED_NODES }) ?? null;
    } catch {
      const detail = `The aliases of this document expand to more than ${MAX_ALIASED_NODES} values.`;
      const start = document.range?.[0] ?? 0;
      diagnostics.push({
        code: 'SP003',
        severity: 'error',
        summary: CODES.SP003,
        detail,
        at: places().range(start, endOfLine(text, start)),
      });
      return null;
    }
  });
  return { values, diagnostics };
}

function parseDocuments(text: string): readonly Document[] {
  // A stream without documents (an empty file) comes back as an empty list with a property.
  return [...yaml().parseAllDocuments(text, { prettyErrors: false, logLevel: 'silent' })] as Document[];
}

interface Places {
  readonly range: (start: number, end: number) => ReturnType<typeof rangeOf>;
  readonly at: (document: number, pointer: string, part?: 'key' | 'value') => ReturnType<typeof rangeOf>;
  readonly text: (document: number, pointer: string, start: number, end: number) => ReturnType<typeof rangeOf>;
}

/** Parses again: the nodes of thousands of files are not kept. */
function createPlaces(text: string, file: string): Places {
  const lines = lineIndex(text);
  const documents = parseDocuments(text);
  const range = (start: number, end: number): ReturnType<typeof rangeOf> => rangeOf(file, lines, start, end);
  const find = (document: number, pointer: string): Found =>
    walk(documents[document]?.contents ?? null, segmentsOf(pointer));
  return {
    range,
    at: (document, pointer, part) => {
      const found = find(document, pointer);
      const node = part === 'key' && found.complete && found.key !== undefined ? found.key : found.node;
      const at = node?.range ?? [0, 1];
      // A whole document is told by its first line; a map by its key.
      if (node === documents[document]?.contents && node !== undefined) return range(at[0], endOfLine(text, at[0]));
      if (node !== undefined && found.key?.range && !yaml().isScalar(node))
        return range(found.key.range[0], found.key.range[1]);
      return range(at[0], at[1]);
    },
    text: (document, pointer, start, end) => {
      const { node, complete } = find(document, pointer);
      if (!complete || node === undefined || !yaml().isScalar(node) || !node.range) {
        const at = node?.range ?? [0, 1];
        return range(at[0], at[1]);
      }
      return range(offsetInScalar(text, lines, node, start), offsetInScalar(text, lines, node, end));
    },
  };
}

interface Found {
  readonly node: Node | undefined;
  readonly key: Node | undefined;
  /** False where an ancestor stands for it. */
  readonly complete: boolean;
}

function walk(root: Node | null, segments: readonly string[]): Found {
  const { isAlias, isMap, isScalar, isSeq } = yaml();
  let node: Node | undefined = root ?? undefined;
  let key: Node | undefined;
  for (const segment of segments) {
    let next: Node | undefined;
    let nextKey: Node | undefined;
    if (isMap(node)) {
      const pairs = node.items as Pair<Node, Node | null>[];
      const named = (test: (written: string) => boolean): Pair<Node, Node | null> | undefined =>
        pairs.find((pair) => isScalar(pair.key) && test(String(pair.key.value)));
      const pair = named((written) => written === segment) ?? named((written) => standsFor(written, segment));
      next = pair?.value ?? pair?.key;
      nextKey = pair?.key;
    } else if (isSeq(node)) {
      const items = node.items as Node[];
      next = /^\d+$/.test(segment)
        ? items[Number(segment)]
        : items.find((item) => isMap(item) && item.get('name') === segment);
    } else if (isScalar(node) && segment === '0') {
      next = node;
      nextKey = key;
    }
    if (next === undefined || isAlias(next))
      return { node: next ?? node, key: next === undefined ? key : nextKey, complete: false };
    node = next;
    key = nextKey;
  }
  return { node, key, complete: true };
}

/** Where the character at `offset` of a scalar's value stands in the file. Exact but for folded and escaped text. */
function offsetInScalar(text: string, lines: LineIndex, node: Scalar, offset: number): number {
  const [start, end] = node.range ?? [0, 0, 0];
  const value = String(node.value);
  if (node.type === 'BLOCK_LITERAL') {
    const before = value.slice(0, offset).split('\n');
    const column = before.at(-1)?.length ?? 0;
    const first = lines.position(start).line + 1;
    const contentLine =
      text
        .slice(lines.lineStart(first), end)
        .split('\n')
        .find((line) => line.trim() !== '') ?? '';
    const indent = contentLine.length - contentLine.trimStart().length;
    const line = lines.lineStart(first + before.length - 1);
    return Math.min(line + indent + column, text.length);
  }
  const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE' ? 1 : 0;
  const verbatim = text.slice(start + quoted, start + quoted + value.length) === value;
  return verbatim ? start + quoted + offset : start;
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end;
}
