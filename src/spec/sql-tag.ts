/**
 * The tag of queries in TypeScript. The text stays as written; what is interpolated becomes SQL by its type: a resource its
 * name and a feature its column (quoted where needed), another query its text, numbers, booleans and texts literals.
 */
import {
  type FeatureRef,
  featureOf,
  type Ref,
  type ResourceValue,
  resourceOf,
  SQL,
  type SqlText,
  sqlOf,
} from './resource-value.ts';

export type SqlValue = SqlText | Ref<'source'> | FeatureRef | string | number | boolean | null;

export function sql(strings: TemplateStringsArray, ...values: readonly SqlValue[]): SqlText {
  let text = strings[0] ?? '';
  const resources: ResourceValue[] = [];
  for (const [index, value] of values.entries()) text += render(value, resources) + (strings[index + 1] ?? '');
  return { [SQL]: { text, resources } };
}

function render(value: SqlValue, resources: ResourceValue[]): string {
  const nested = sqlOf(value);
  if (nested !== undefined) {
    resources.push(...nested.resources);
    return nested.text;
  }
  const resource = resourceOf(value);
  if (resource !== undefined) {
    resources.push(resource);
    return identifier(resource.name);
  }
  const feature = featureOf(value);
  if (feature !== undefined) return identifier(feature.feature);
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  throw new TypeError(
    `sql: a ${typeof value} cannot stand in a query; use a resource, a feature, sql\`…\`, a number or a text`,
  );
}

function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
