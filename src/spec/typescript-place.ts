/**
 * Places in a TypeScript or JavaScript file: finds the builder call that made a resource and walks its object literal along
 * a JSON pointer. Files are parsed only when a diagnostic asks; a value that is computed is told by its nearest ancestor.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Expression, Node } from '@babel/types';
import type { SourceRange } from '../lib/source-range.ts';
import { parseJavascript, visitNodes } from './javascript-syntax.ts';
import { type LineIndex, type Locator, lineIndex, rangeOf, segmentsOf, standsFor } from './locator.ts';

export interface CallPlace {
  /** Name of the builder: `featureSet`. */
  readonly callee: string;
  /** First argument; undefined for defineConfig. */
  readonly name: string | undefined;
  readonly calledAt: { readonly stack?: string };
}

interface Call {
  readonly callee: string;
  readonly name: string | undefined;
  readonly node: Extract<Node, { type: 'CallExpression' }>;
}

interface ParsedFile {
  readonly path: string;
  readonly text: string;
  readonly lines: LineIndex;
  readonly calls: readonly Call[];
  readonly constants: ReadonlyMap<string, Node>;
  /** The object of `export default { … }`. */
  readonly defaultExport: Node | undefined;
}

export interface Frame {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** One for each load: it keeps the files that it parsed. `fileName` turns an absolute path into the one that people see. */
export function createTypescriptPlaces(fileName: (path: string) => string): {
  readonly locatorOf: (call: CallPlace) => Locator;
} {
  const files = new Map<string, ParsedFile | undefined>();
  const parsedFile = (path: string): ParsedFile | undefined => {
    if (!files.has(path)) files.set(path, parseFile(path));
    return files.get(path);
  };
  const locatorOf = (place: CallPlace): Locator => {
    const resolve = (pointer: string): Found | undefined => {
      const frame = framesOf(place.calledAt.stack)[0];
      const file = frame === undefined ? undefined : parsedFile(frame.path);
      if (frame === undefined || file === undefined) return undefined;
      return { file, frame, ...walk(file, findCall(file, place, frame), segmentsOf(pointer)) };
    };
    return {
      at: (pointer, part) => {
        const found = resolve(pointer);
        if (found === undefined) return atFrame(framesOf(place.calledAt.stack)[0], fileName);
        const node = part === 'key' && found.complete ? (found.key ?? found.node) : found.node;
        return node === undefined ? atFrame(found.frame, fileName) : rangeOfNode(found.file, node, found.key, fileName);
      },
      text: (pointer, written, start, end) => {
        const found = resolve(pointer);
        if (found === undefined) return atFrame(framesOf(place.calledAt.stack)[0], fileName);
        if (found.node === undefined) return atFrame(found.frame, fileName);
        const offsets = found.complete ? textOffsets(found.node, written, start, end) : undefined;
        if (offsets === undefined) return rangeOfNode(found.file, found.node, found.key, fileName);
        return rangeOf(fileName(found.file.path), found.file.lines, offsets[0], offsets[1]);
      },
      code: (pointer) => {
        const found = resolve(pointer);
        const node = found?.complete === true ? unwrapped(found.file, found.node) : undefined;
        return node !== undefined && FUNCTIONS.has(node.type) && typeof node.start === 'number'
          ? found?.file.text.slice(node.start, node.end ?? node.start)
          : undefined;
      },
      expression: (pointer) => {
        const found = resolve(pointer);
        const { start, end, type } = found?.node ?? {};
        if (found?.complete !== true || typeof start !== 'number' || typeof end !== 'number') return undefined;
        return { path: found.file.path, start, end, isMethod: type === 'ObjectMethod' };
      },
    };
  };
  return { locatorOf };
}

const FUNCTIONS: ReadonlySet<string> = new Set(['ArrowFunctionExpression', 'FunctionExpression', 'ObjectMethod']);

/** The frames of a stack that are files, ours and Node's own left out. */
export function framesOf(stack: string | undefined): Frame[] {
  const frames: Frame[] = [];
  for (const line of (stack ?? '').split('\n')) {
    const match = /(?:\(|at (?:async )?)((?:file:\/\/)?\/?[^()]*?):(\d+):(\d+)\)?$/.exec(line.trim());
    if (match?.[1] === undefined || match[1].startsWith('node:')) continue;
    const path = match[1].startsWith('file://') ? fileURLToPath(match[1].replace(/\?.*$/, '')) : match[1];
    if (path.includes('/node_modules/')) continue;
    frames.push({ path, line: Number(match[2]), column: Number(match[3]) });
  }
  return frames;
}

interface Found {
  readonly file: ParsedFile;
  readonly frame: Frame;
  readonly node: Node | undefined;
  readonly key: Node | undefined;
  readonly complete: boolean;
}

function atFrame(frame: Frame | undefined, fileName: (path: string) => string): SourceRange | undefined {
  if (frame === undefined) return undefined;
  const { line, column } = frame;
  return { file: fileName(frame.path), start: { line, column }, end: { line, column: column + 1 } };
}

function rangeOfNode(
  file: ParsedFile,
  node: Node,
  key: Node | undefined,
  fileName: (path: string) => string,
): SourceRange {
  const start = node.start ?? 0;
  const end = node.end ?? start;
  const manyLines = file.text.slice(start, end).includes('\n');
  // A value over many lines is told by its key.
  if (manyLines && key !== undefined)
    return rangeOf(fileName(file.path), file.lines, key.start ?? start, key.end ?? end);
  const shownEnd = manyLines ? file.text.indexOf('\n', start) : end;
  return rangeOf(fileName(file.path), file.lines, start, shownEnd);
}

function parseFile(path: string): ParsedFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Without the file there is still the line of the stack.
    return undefined;
  }
  // It ran, so some loader understands it; the line of the stack remains.
  const program = parseJavascript(text, path);
  if (program === undefined) return undefined;
  const calls: Call[] = [];
  const constants = new Map<string, Node>();
  let defaultExport: Node | undefined;
  visitNodes(program, (node) => {
    if (node.type === 'CallExpression') {
      const callee =
        node.callee.type === 'Identifier'
          ? node.callee.name
          : node.callee.type === 'MemberExpression' && node.callee.property.type === 'Identifier'
            ? node.callee.property.name
            : '';
      const first = node.arguments[0];
      calls.push({ callee, name: first?.type === 'StringLiteral' ? first.value : undefined, node });
    } else if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.init) {
      constants.set(node.id.name, node.init);
    } else if (node.type === 'ExportDefaultDeclaration') {
      defaultExport = node.declaration;
    }
  });
  return { path, text, lines: lineIndex(text), calls, constants, defaultExport };
}

/** By callee and literal name where that is one call, else the innermost call of the builder around the line of the stack. */
function findCall(file: ParsedFile, place: CallPlace, frame: Frame): Call | undefined {
  const around = (call: Call): boolean =>
    (call.node.loc?.start.line ?? 0) <= frame.line && frame.line <= (call.node.loc?.end.line ?? 0);
  const byName = file.calls.filter((call) => call.callee === place.callee && call.name === place.name);
  if (byName.length === 1) return byName[0];
  const named = byName.filter(around);
  if (named.length > 0) return named.at(-1);
  const candidates = file.calls.filter((call) => around(call) && call.callee === place.callee);
  return (
    candidates.at(-1) ?? file.calls.filter((call) => around(call) && call.node.loc?.start.line === frame.line).at(-1)
  );
}

function walk(file: ParsedFile, call: Call | undefined, segments: readonly string[]): Omit<Found, 'file' | 'frame'> {
  const args = call?.node.arguments ?? [];
  if (call !== undefined && segments[0] === 'name' && segments.length === 1 && args.length > 1) {
    return { node: args[0], key: undefined, complete: true };
  }
  let node: Node | undefined = call === undefined ? unwrapped(file, file.defaultExport) : args.at(-1);
  if (segments.length === 0) return { node: call?.node ?? node, key: call?.node.callee, complete: true };
  let key: Node | undefined = call?.node.callee;
  for (const segment of segments) {
    const value = unwrapped(file, node);
    const next = member(file, value, segment);
    if (next === undefined) {
      // A short form (`albumin: 'float64'`) stands for its fields, one value for a list of one.
      return { node: node ?? call?.node, key, complete: false };
    }
    node = next.node;
    key = next.key ?? key;
  }
  return { node: node?.type === 'Identifier' ? node : (unwrapped(file, node) ?? node), key, complete: true };
}

function member(
  file: ParsedFile,
  value: Node | undefined,
  segment: string,
): { readonly node: Node; readonly key: Node | undefined } | undefined {
  if (value?.type === 'ArrayExpression') {
    const element = value.elements[Number(segment)];
    return element ? { node: element, key: undefined } : undefined;
  }
  if (value?.type !== 'ObjectExpression') return undefined;
  for (const property of [...value.properties].reverse()) {
    if (property.type === 'SpreadElement') {
      const inner = member(file, unwrapped(file, property.argument), segment);
      if (inner !== undefined) return inner;
    } else if (!property.computed) {
      const written =
        property.key.type === 'Identifier'
          ? property.key.name
          : property.key.type === 'StringLiteral'
            ? property.key.value
            : undefined;
      if (written === undefined || !standsFor(written, segment)) continue;
      return property.type === 'ObjectProperty'
        ? { node: property.value, key: property.key }
        : { node: property, key: property.key };
    }
  }
  return undefined;
}

/** Without type assertions and parentheses, and a constant of the file replaced by its value. */
function unwrapped(file: ParsedFile, node: Node | undefined, depth = 0): Node | undefined {
  if (node === undefined || depth > 20) return node;
  switch (node.type) {
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'ParenthesizedExpression':
      return unwrapped(file, node.expression, depth + 1);
    case 'Identifier':
      return file.constants.has(node.name) ? unwrapped(file, file.constants.get(node.name), depth + 1) : node;
    default:
      return node;
  }
}

/** Offsets in the file of characters of a text, or undefined where they were computed. */
function textOffsets(node: Node, written: string, start: number, end: number): readonly [number, number] | undefined {
  if (node.type === 'StringLiteral') {
    const raw = node.extra?.['raw'];
    const from = (node.start ?? 0) + 1;
    return typeof raw === 'string' && raw.slice(1, -1) === written ? [from + start, from + end] : undefined;
  }
  const template = node.type === 'TaggedTemplateExpression' ? node.quasi : node;
  if (template.type !== 'TemplateLiteral') return undefined;
  const at = templateOffset(template, written, start);
  const to = templateOffset(template, written, Math.max(start, end - 1));
  return at === undefined || to === undefined ? undefined : [at, to + 1];
}

/** Follows the fixed parts through the text; inside an interpolated value, where its expression starts. */
function templateOffset(
  template: Extract<Node, { type: 'TemplateLiteral' }>,
  written: string,
  offset: number,
): number | undefined {
  let from = 0;
  for (const [index, quasi] of template.quasis.entries()) {
    const cooked = quasi.value.cooked ?? quasi.value.raw;
    const last = index === template.quasis.length - 1;
    const begin = index === 0 ? 0 : last ? written.length - cooked.length : written.indexOf(cooked, from);
    if (begin < from) return undefined;
    if (offset < begin) return (template.expressions[index - 1] as Expression | undefined)?.start ?? undefined;
    if (offset < begin + cooked.length || last) {
      return cooked === quasi.value.raw ? (quasi.start ?? 0) + offset - begin : (quasi.start ?? undefined);
    }
    from = begin + cooked.length;
  }
  return undefined;
}
