/**
 * Which route a request belongs to, by its method and its url alone. What is not plain (a query string, a name that cannot be decoded, several
 * routes that fit) is left to the framework. Clients ask for the same urls again and again: each is looked up once.
 */
import type { Route } from './route.ts';

export interface LeanPath<T> {
  readonly route: T;
  readonly params: Readonly<Record<string, string>>;
}

const KEPT = 1_000;
/** The framework takes no longer names either. */
const LONGEST_PARAM = 1_024;
const NONE = Object.freeze({});

/** `chosen`: what is answered for a route; undefined: the framework's. The urls of POST requests. */
export function leanPaths<T>(
  routes: readonly Route[],
  chosen: (route: Route) => T | undefined,
): (url: string) => LeanPath<T> | undefined {
  const known = new Map<string, LeanPath<T>>();
  const patterns: { readonly pattern: RegExp; readonly names: readonly string[]; readonly route: T | undefined }[] = [];
  for (const route of routes.filter(({ method }) => method === 'POST')) {
    const own = chosen(route);
    if (!route.path.includes('{')) {
      if (own !== undefined) known.set(route.path, { route: own, params: NONE });
      patterns.push({ pattern: new RegExp(`^${escaped(route.path)}$`), names: [], route: own });
      continue;
    }
    const names: string[] = [];
    const parts = route.path.split(/\{(\w+\*?)\}/);
    const text = parts.map((part, at) => {
      if (at % 2 === 0) return escaped(part);
      names.push(part);
      return part.endsWith('*') ? '(.*)' : '([^/?#]+)';
    });
    patterns.push({ pattern: new RegExp(`^${text.join('')}$`), names, route: own });
  }
  const fixed = known.size;

  function find(url: string): LeanPath<T> | undefined {
    if (url.includes('?') || url.includes('#')) return undefined;
    const fitting = patterns.filter(({ pattern }) => pattern.test(url));
    const [only] = fitting;
    if (fitting.length !== 1 || only?.route === undefined) return undefined;
    const found = only.pattern.exec(url) ?? [];
    const params: Record<string, string> = {};
    for (const [at, name] of only.names.entries()) {
      const value = decoded(found[at + 1] ?? '');
      if (value === undefined || value.length > LONGEST_PARAM) return undefined;
      params[name] = value;
    }
    return { route: only.route, params: Object.freeze(params) };
  }

  return (url) => {
    const seen = known.get(url);
    if (seen !== undefined) return seen;
    const found = find(url);
    if (found !== undefined && known.size < fixed + KEPT) known.set(url, found);
    return found;
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
