/** The resources of a project while it is loaded, findable by kind and name; duplicates are found here. */
import { CODES } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import type { SourceRange } from '../lib/source-range.ts';
import type { Address } from './address.ts';
import type { CanonicalSpec, CanonicalSpecs } from './canonical-specs.ts';
import { aKind, KINDS, type Kind } from './kinds.ts';
import type { Locator } from './locator.ts';
import type { Lookup } from './lookup.ts';
import type { PlainFunction } from './normalize.ts';

export interface LoadedResource {
  readonly kind: Kind;
  readonly name: string;
  readonly address: Address;
  /** Normalized. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Whether the value has the shape of its kind. */
  readonly sound: boolean;
  /** Whether it is near enough to that shape to look for further problems. */
  readonly readable: boolean;
  readonly locator: Locator;
  /** The text at a pointer as the user wrote it. */
  readonly written: (pointer: string) => string;
  /** Functions by pointer; their text stands in `value`. */
  readonly functions: ReadonlyMap<string, PlainFunction>;
  /** Undefined where there are errors. */
  spec: CanonicalSpec | undefined;
  /** The canonical form as far as it can be told: what the checks of this and of other resources look at. */
  draft: CanonicalSpec | undefined;
  dependsOn: readonly Address[];
}

export class ResourceTable implements Lookup {
  readonly diagnostics: readonly Diagnostic[];
  readonly #byKind = new Map<Kind, Map<string, LoadedResource>>();
  readonly #names = new Map<Kind, ReadonlySet<string>>();

  constructor(resources: readonly LoadedResource[]) {
    const diagnostics: Diagnostic[] = [];
    for (const kind of KINDS) this.#byKind.set(kind, new Map());
    for (const resource of resources) {
      const known = this.#byKind.get(resource.kind);
      const first = known?.get(resource.name);
      if (first === undefined) {
        known?.set(resource.name, resource);
        continue;
      }
      const [one, other] = inOrder(first.locator.at('/name'), resource.locator.at('/name'));
      const where = one === undefined ? '' : ` at ${one.file}:${one.start.line}`;
      diagnostics.push({
        code: 'SP105',
        severity: 'error',
        summary: CODES.SP105,
        detail: `There is ${aKind(resource.kind)} "${resource.name}" already${where}.`,
        at: other,
        address: resource.address,
        pointer: '/name',
      });
    }
    for (const [kind, known] of this.#byKind) this.#names.set(kind, new Set(known.keys()));
    this.diagnostics = diagnostics;
  }

  get<K extends Kind>(kind: K, name: string): CanonicalSpecs[K] | undefined {
    return this.#byKind.get(kind)?.get(name)?.draft as CanonicalSpecs[K] | undefined;
  }

  names(kind: Kind): ReadonlySet<string> {
    return this.#names.get(kind) ?? new Set();
  }

  find(kind: Kind, name: string): LoadedResource | undefined {
    return this.#byKind.get(kind)?.get(name);
  }

  ofKind(kind: Kind): Iterable<LoadedResource> {
    return this.#byKind.get(kind)?.values() ?? [];
  }

  /** By address. */
  sorted(): LoadedResource[] {
    const all = KINDS.flatMap((kind) => [...this.ofKind(kind)]);
    return all.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  }
}

/** Two places as people read them: in one file, from the top. */
function inOrder(
  a: SourceRange | undefined,
  b: SourceRange | undefined,
): [SourceRange | undefined, SourceRange | undefined] {
  const turned = a !== undefined && b !== undefined && a.file === b.file && a.start.line > b.start.line;
  return turned ? [b, a] : [a, b];
}
