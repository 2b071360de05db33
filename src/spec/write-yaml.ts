/**
 * A canonical spec as the YAML that a person would write: fields in the order of the schema, short forms, `${env:NAME}`, queries as
 * blocks, small maps on one line, and without what follows anyway (needs of tasks in the order written, the split of one
 * variant, a bundle of code). What it writes loads back to an equal spec.
 */
import { createRequire } from 'node:module';
import type { Node, Pair } from 'yaml';
import type { CanonicalEndpoint, CanonicalPipeline, CanonicalSpecs, CanonicalTask } from './canonical-specs.ts';
import { KIND_TITLES, type Kind } from './kinds.ts';
import { API_VERSION } from './read-project.ts';
import { dereference, type JsonSchema, type SchemaNode, schemaOf } from './schemas.ts';

/** A map or list of plain values that is not longer stands on one line. */
const LINE = 88;
/** These read better with one entry a line, however few they are. */
const ALWAYS_BLOCK: ReadonlySet<string> = new Set(['features', 'tasks', 'variants', 'gates']);

export function yamlOf<K extends Kind>(kind: K, spec: CanonicalSpecs[K]): string {
  const root = schemaOf(kind);
  const { name, ...fields } = written(shortened(kind, spec), { node: root, root }) as Record<string, unknown>;
  const { Document } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const document = new Document({ apiVersion: API_VERSION, kind: KIND_TITLES[kind], name, ...fields });
  layOut(document.contents as Node | null);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Without what the canonical form only makes explicit. */
function shortened<K extends Kind>(kind: K, spec: CanonicalSpecs[K]): unknown {
  if (kind === 'pipeline') return shortPipeline(spec as CanonicalPipeline);
  if (kind === 'endpoint') return shortEndpoint(spec as CanonicalEndpoint);
  return spec;
}

function shortPipeline(spec: CanonicalPipeline): unknown {
  const names = Object.keys(spec.tasks);
  const inOrder = Object.values(spec.tasks).every(
    ({ needs }, index) => needs.join() === names.slice(Math.max(0, index - 1), index).join(),
  );
  const tasks = Object.entries(spec.tasks).map(([name, task]) => {
    const { bundle: _, needs, ...rest } = task as CanonicalTask & { readonly bundle?: unknown };
    // Once one task declares what it needs, one that declares nothing needs nothing.
    return [name, inOrder || needs.length === 0 ? rest : { ...rest, needs }];
  });
  return { ...spec, tasks: Object.fromEntries(tasks) };
}

function shortEndpoint(spec: CanonicalEndpoint): unknown {
  const { split, ...rest } = spec;
  const [only, ...others] = Object.keys(spec.variants);
  return others.length === 0 && split[only ?? ''] === 100 ? rest : { ...rest, split };
}

/** Members in the order of the schema, short forms where it knows them, references to variables as text. */
function written(value: unknown, at: SchemaNode | undefined): unknown {
  if (Array.isArray(value)) {
    const items = branchOf(at, value);
    return value.map((item) => written(item, child(items, items?.node['items'])));
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const [first, ...others] = entries;
  if (first?.[0] === '$env' && others.length === 0) return `\${env:${String(first[1])}}`;
  const short = at === undefined ? undefined : dereference(at).node['x-short'];
  if (first !== undefined && first[0] === short && others.length === 0) return first[1];
  const schema = branchOf(at, value);
  const properties = (schema?.node['properties'] ?? {}) as Record<string, JsonSchema>;
  const order = Object.keys(properties);
  const rank = (key: string): number => (order.includes(key) ? order.indexOf(key) : order.length);
  const sorted = order.length === 0 ? entries : [...entries].sort(([a], [b]) => rank(a) - rank(b));
  return Object.fromEntries(
    sorted.map(([key, member]) => [
      key,
      written(member, child(schema, properties[key] ?? schema?.node['additionalProperties'])),
    ]),
  );
}

function child(parent: SchemaNode | undefined, node: unknown): SchemaNode | undefined {
  return parent !== undefined && typeof node === 'object' && node !== null
    ? { node: node as JsonSchema, root: parent.root }
    : undefined;
}

/** Of alternatives the one that fits: by its operator, else the one for objects or lists. */
function branchOf(at: SchemaNode | undefined, value: object): SchemaNode | undefined {
  if (at === undefined) return undefined;
  const schema = dereference(at);
  const branches = (schema.node['oneOf'] ?? schema.node['anyOf']) as readonly JsonSchema[] | undefined;
  if (branches === undefined || schema.node['properties'] !== undefined) return schema;
  const variants = branches.map((node) => dereference({ node, root: schema.root }));
  const operator = (value as { readonly operator?: unknown }).operator;
  const operators = (variant: SchemaNode): unknown =>
    (variant.node['properties'] as Record<string, JsonSchema> | undefined)?.['operator']?.['const'];
  return (
    variants.find((variant) => operator !== undefined && operators(variant) === operator) ??
    variants.find(({ node }) => node['type'] === (Array.isArray(value) ? 'array' : 'object'))
  );
}

function layOut(node: Node | null, key = '', depth = 0): void {
  const { isMap, isScalar, isSeq } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  if (!isMap(node) && !isSeq(node)) return;
  const pairs = isMap(node) ? (node.items as Pair<Node, Node | null>[]) : [];
  const members = isMap(node) ? pairs.map(({ value }) => value) : (node.items as (Node | null)[]);
  const text = JSON.stringify(node);
  const plain = members.every((member) => isScalar(member) || member === null);
  const oneLine = plain && text.length + key.length + 2 * depth <= LINE && !text.includes('\\n');
  if (depth > 0 && oneLine && !ALWAYS_BLOCK.has(key)) {
    node.flow = true;
    return;
  }
  for (const { key: name, value } of pairs) layOut(value, isScalar(name) ? String(name.value) : '', depth + 1);
  if (isSeq(node)) for (const member of members) layOut(member, '', depth + 1);
}
