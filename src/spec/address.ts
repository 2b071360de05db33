/** A resource's address: `kind.name`, e.g. `feature_set.patient_labs`. Unique within a project and environment. */
import { isKind, type Kind } from './kinds.ts';

export type Address = `${Kind}.${string}`;

export function addressOf(kind: Kind, name: string): Address {
  return `${kind}.${name}`;
}

/** Undefined where the text is no address. */
export function parseAddress(text: string): { readonly kind: Kind; readonly name: string } | undefined {
  const dot = text.indexOf('.');
  const kind = text.slice(0, dot);
  const name = text.slice(dot + 1);
  return dot > 0 && isKind(kind) && /^[a-z][a-z0-9_-]{0,62}$/.test(name) ? { kind, name } : undefined;
}

export const NAME_PATTERN = /^[a-z][a-z0-9_-]{0,62}$/;
