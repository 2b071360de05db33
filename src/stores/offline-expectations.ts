/** What is expected of features, as an offline store checks it, and what it found. */
import type { Dtype } from '../spec/schema-types.ts';

export interface Expectation {
  readonly feature: string;
  readonly dtype: Dtype;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly maxNull?: number | undefined;
  readonly in?: readonly (string | number | boolean)[] | undefined;
  /** Items of an array, characters of a text, bytes. */
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
  /** Of a text: an expression that it must match somewhere. Without lookaround and back references. */
  readonly pattern?: string | undefined;
  /** Default `warn`. */
  readonly onFailure?: OnFailure | undefined;
}

export type OnFailure = 'warn' | 'quarantine' | 'fail';

export interface ExpectationFailure {
  readonly feature: string;
  readonly onFailure: OnFailure;
  /** e.g. `min 0`. */
  readonly expectation: string;
  readonly observed: number | string | null;
  readonly rows: number | null;
}
