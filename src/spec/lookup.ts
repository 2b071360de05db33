/** What a resource may refer to: the project's other resources, or what is recorded. And the checks of references. */
import type { DiagnosticCode } from '../lib/codes.ts';
import { didYouMean } from '../lib/suggest.ts';
import { type Address, addressOf } from './address.ts';
import type { CanonicalSpecs } from './canonical-specs.ts';
import { aKind, KIND_TITLES, KINDS, type Kind } from './kinds.ts';
import type { Problem } from './problem.ts';

export interface Lookup {
  /** Undefined where there is none of that name, and where there is one that cannot be read. */
  get<K extends Kind>(kind: K, name: string): CanonicalSpecs[K] | undefined;
  /** Of every resource of the kind, those with errors included. */
  names(kind: Kind): ReadonlySet<string>;
}

/** Collects, while one resource is made canonical, what is wrong with it and what it depends on. */
export interface Canonicalizing {
  readonly lookup: Lookup;
  readonly address: Address;
  readonly problems: Problem[];
  readonly dependsOn: Set<Address>;
}

export function report(
  into: Canonicalizing,
  code: DiagnosticCode,
  pointer: string,
  detail: string,
  more: Pick<Problem, 'hint' | 'part' | 'span' | 'severity'> = {},
): void {
  into.problems.push({ code, pointer, detail, ...more });
}

/** What the name refers to; SP104 where there is nothing. A weak reference orders nothing: what it names may come later. */
export function refer<K extends Kind>(
  into: Canonicalizing,
  kind: K,
  name: string,
  pointer: string,
  weak = false,
): CanonicalSpecs[K] | undefined {
  const names = into.lookup.names(kind);
  if (!names.has(name)) {
    const other = KINDS.find((candidate) => into.lookup.names(candidate).has(name));
    const title = KIND_TITLES[kind];
    const detail =
      other === undefined ? `There is no ${title} "${name}".` : `"${name}" is ${aKind(other)}, not ${aKind(kind)}.`;
    const hint = didYouMean(name, names) ?? (names.size === 0 ? `this project has no ${title}` : undefined);
    report(into, 'SP104', pointer, detail, { hint });
    return undefined;
  }
  const address = addressOf(kind, name);
  if (!weak && address !== into.address) into.dependsOn.add(address);
  return into.lookup.get(kind, name);
}
