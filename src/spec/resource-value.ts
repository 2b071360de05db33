/**
 * What the builders return: plain objects that carry a resource, a feature of one, or SQL text under a symbol. The symbols
 * are registered ones, so that values made by another copy of this package (an installed one) are recognised too.
 */
import type { DeclaredKind } from './kinds.ts';

export const RESOURCE = Symbol.for('mlops.resource');
export const FEATURE = Symbol.for('mlops.feature');
export const SQL = Symbol.for('mlops.sql');
export const PROJECT = Symbol.for('mlops.project');
/** On globalThis: an AsyncLocalStorage with the list to which builder calls of the load that runs add what they made. */
export const COLLECTOR = Symbol.for('mlops.collector');

/** A builder call: what was written, and where. */
export interface ResourceValue<K extends DeclaredKind = DeclaredKind> {
  readonly kind: K;
  readonly name: string;
  /** As written, references and SQL still values of the builders. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Its `stack` names the caller of the builder; formatted only when a place is asked for. */
  readonly calledAt: { readonly stack?: string };
}

export interface Ref<K extends DeclaredKind> {
  readonly [RESOURCE]: ResourceValue<K>;
}

export interface FeatureRef {
  readonly [FEATURE]: { readonly set: Ref<'feature_set'>; readonly feature: string };
}

/** A query that knows it is one: nested, it is inserted as it is. */
export interface SqlText {
  readonly [SQL]: {
    readonly text: string;
    /** The resources that were interpolated. */
    readonly resources: readonly ResourceValue[];
  };
}

export interface ProjectValue {
  readonly [PROJECT]: {
    readonly spec: Readonly<Record<string, unknown>>;
    readonly calledAt: { readonly stack?: string };
  };
}

export function resourceOf(value: unknown): ResourceValue | undefined {
  return isObject(value) ? (value[RESOURCE] as ResourceValue | undefined) : undefined;
}

export function featureOf(value: unknown): FeatureRef[typeof FEATURE] | undefined {
  return isObject(value) ? (value[FEATURE] as FeatureRef[typeof FEATURE] | undefined) : undefined;
}

export function sqlOf(value: unknown): SqlText[typeof SQL] | undefined {
  return isObject(value) ? (value[SQL] as SqlText[typeof SQL] | undefined) : undefined;
}

export function projectOf(value: unknown): ProjectValue[typeof PROJECT] | undefined {
  return isObject(value) ? (value[PROJECT] as ProjectValue[typeof PROJECT] | undefined) : undefined;
}

function isObject(value: unknown): value is Record<symbol, unknown> {
  return typeof value === 'object' && value !== null;
}
