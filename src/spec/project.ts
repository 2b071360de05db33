/** A loaded project: what `plan` compares with the recorded state. */
import type { SourceRange } from '../lib/source-range.ts';
import type { Address } from './address.ts';
import type { CanonicalSpecs } from './canonical-specs.ts';
import type { Kind } from './kinds.ts';
import type { EnvironmentSpec } from './schema-types.ts';

export interface Resource<K extends Kind = Kind> {
  readonly kind: K;
  readonly name: string;
  readonly address: Address;
  readonly spec: CanonicalSpecs[K];
  /** SHA-256 of the canonical form of `spec`. */
  readonly digest: string;
  /** Resources that must exist before this one, sorted. */
  readonly dependsOn: readonly Address[];
  readonly at: SourceRange | undefined;
  /**
   * The place of a value inside the spec, by JSON pointer (`/features/bili/dtype`), or of its nearest ancestor.
   * Lazy: it may parse the file.
   */
  readonly locate: (pointer: string) => SourceRange | undefined;
}

export type AnyResource = { [K in Kind]: Resource<K> }[Kind];

export interface Project {
  readonly name: string;
  readonly description: string | undefined;
  /** Absolute path of the folder that holds the config file. */
  readonly root: string;
  /** Absolute path of the config file. */
  readonly configFile: string;
  readonly environments: Readonly<Record<string, EnvironmentSpec>>;
  /** By address, in order of address. */
  readonly resources: ReadonlyMap<Address, AnyResource>;
  /** SHA-256 over every resource's address and digest. */
  readonly digest: string;
  /** Files of code bundles to store when applying: SHA-256 of the content → absolute path. */
  readonly bundleFiles: ReadonlyMap<string, string>;
}
