/** The members of a plan's JSON, by its published schema: what a policy reads that no plan has is a mistake, not a null. */
import { ITEM, type PathRead } from '../lib/expression-tree.ts';
import { didYouMean } from '../lib/suggest.ts';
import { dereference, type JsonSchema, type SchemaNode, schemaOf } from './schemas.ts';

/** `path` starts at `plan` or `change`. Undefined where all of it may be there; only the last member is told about. */
export function unknownPlanField(
  path: PathRead['path'],
): { readonly detail: string; readonly hint: string | undefined } | undefined {
  const root = schemaOf('plan');
  let at: SchemaNode | undefined = path[0] === 'change' ? definition('Change', root) : { node: root, root };
  let name = String(path[0]);
  for (const [index, segment] of path.slice(1).entries()) {
    at = at === undefined ? undefined : objectOf(dereference(at));
    // Specs and what the schema leaves open.
    if (at === undefined) return undefined;
    const { node } = at;
    const last = index === path.length - 2;
    const items = node['items'] as JsonSchema | undefined;
    const properties = node['properties'] as Readonly<Record<string, JsonSchema>> | undefined;
    if (items !== undefined && segment === ITEM) {
      at = { node: items, root };
      name = `an item of ${name}`;
      continue;
    }
    const open = properties === undefined && items === undefined && [node['type']].flat().includes('object');
    if (segment === ITEM || open) return undefined;
    const member: JsonSchema | undefined = properties?.[segment];
    if (member === undefined) {
      if (!last) return undefined;
      const known = Object.keys(properties ?? {});
      const why =
        items === undefined
          ? `There is no "${segment}" in ${name}${name === 'plan' ? '' : ' of a plan'}.`
          : `There is no "${segment}" in ${name}: it is a list.`;
      const list =
        items === undefined ? `known: ${known.sort().join(', ')}` : 'go through it with exists, all or filter';
      return { detail: why, hint: didYouMean(segment, known) ?? list };
    }
    at = { node: member, root };
    name = `${name}.${segment}`;
  }
  return undefined;
}

function definition(name: string, root: JsonSchema): SchemaNode {
  return { node: (root['$defs'] as Readonly<Record<string, JsonSchema>>)[name] as JsonSchema, root };
}

/** Where null stands beside something, that. */
function objectOf(at: SchemaNode): SchemaNode {
  const branches = at.node['oneOf'] as readonly JsonSchema[] | undefined;
  const branch = branches?.find((one) => one['type'] !== 'null');
  return branch === undefined ? at : objectOf(dereference({ node: branch, root: at.root }));
}
