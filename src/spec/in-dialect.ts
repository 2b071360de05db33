/** The queries of a resource as texts in the dialect that the project writes in. What is told of them is told where they stand. */
import type { LoadedResource } from './loaded-resource.ts';
import { type Locator, pointerTo } from './locator.ts';
import type { Dialect } from './schema-types.ts';

/** Those that are one text: one with a text for each store says its dialects itself, one over a database runs there. */
export function inDialect(resource: LoadedResource, dialect: Dialect): LoadedResource {
  if (dialect === 'duckdb') return resource;
  const moved = new Set<string>();
  const written = (holder: unknown, field: string, pointer: string): unknown => {
    if (!isRecord(holder)) return holder;
    const { [field]: sql } = holder;
    if (typeof sql !== 'string') return holder;
    moved.add(`${pointer}/${field}/sql`);
    return { ...holder, [field]: { dialect, sql } };
  };
  const value = ((): unknown => {
    switch (resource.kind) {
      case 'source':
        return resource.value['database'] === undefined ? written(resource.value, 'query', '') : resource.value;
      case 'feature_set':
        return written(resource.value, 'query', '');
      case 'pipeline': {
        const { tasks } = resource.value;
        if (!isRecord(tasks)) return resource.value;
        const all = Object.entries(tasks).map(([name, task]) => {
          const pointer = pointerTo('/tasks', name);
          return [name, written(written(task, 'query', pointer), 'spine', pointer)];
        });
        return { ...resource.value, tasks: Object.fromEntries(all) };
      }
      default:
        return resource.value;
    }
  })();
  if (moved.size === 0) return resource;
  const place = (pointer: string): string => (moved.has(pointer) ? pointer.slice(0, -'/sql'.length) : pointer);
  return {
    ...resource,
    value: value as Readonly<Record<string, unknown>>,
    locator: placed(resource.locator, place),
    written: (pointer) => resource.written(place(pointer)),
  };
}

function placed(locator: Locator, place: (pointer: string) => string): Locator {
  return {
    at: (pointer, part) => locator.at(place(pointer), part),
    text: (pointer, ...rest) => locator.text(place(pointer), ...rest),
    ...(locator.code !== undefined && { code: locator.code }),
    ...(locator.expression !== undefined && { expression: locator.expression }),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
