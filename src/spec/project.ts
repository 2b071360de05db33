/** A loaded project: what `plan` compares with the recorded state. */
import type { DiagnosticCode } from '../lib/codes.ts';
import type { SourceRange } from '../lib/source-range.ts';
import type { Address } from './address.ts';
import type { PolicyCheck } from './attach-policies.ts';
import type { BundleSource } from './bundle-source.ts';
import type { CanonicalSpecs } from './canonical-specs.ts';
import type { Column } from './column.ts';
import type { FeatureLineage } from './column-lineage.ts';
import type { Kind } from './kinds.ts';
import type { EnvironmentSpec } from './schema-types.ts';

export interface Resource<K extends Kind = Kind> {
  readonly kind: K;
  readonly name: string;
  readonly address: Address;
  readonly spec: CanonicalSpecs[K];
  /** SHA-256 of the canonical form of `spec`, without `movedFrom`. */
  readonly digest: string;
  /** Resources that must exist before this one, sorted. */
  readonly dependsOn: readonly Address[];
  readonly at: SourceRange | undefined;
  /**
   * The place of a value inside the spec, by JSON pointer (`/features/bili/dtype`), or of its nearest ancestor.
   * Lazy: it may parse the file.
   */
  readonly locate: (pointer: string) => SourceRange | undefined;
  /** Of a source: its columns as they are now, added ones included. Undefined where they are not known. */
  readonly columns?: readonly Column[] | undefined;
  /** Of a feature set: what each feature is made from. */
  readonly lineage?: FeatureLineage | undefined;
  /** The texts that its queries are translated to for the store of the environment, by the pointer of the query. */
  readonly runs?: Readonly<Record<string, string>> | undefined;
  /** Of a policy that is a function: it gets the plan's JSON. */
  readonly check?: PolicyCheck | undefined;
}

/** How findings with a code count in this project; a code that is not named has its own severity. */
export type Rules = Readonly<Partial<Record<DiagnosticCode, 'error' | 'warn' | 'off'>>>;

export type AnyResource = { [K in Kind]: Resource<K> }[Kind];

export interface Project {
  readonly name: string;
  readonly description: string | undefined;
  /** Absolute path of the folder that holds the config file. */
  readonly root: string;
  /** Absolute path of the config file. */
  readonly configFile: string;
  readonly environments: Readonly<Record<string, EnvironmentSpec>>;
  /** The place of a value of the config, by JSON pointer (`/environments/dev/pools`), or of its nearest ancestor. */
  readonly locateSetting?: (pointer: string) => SourceRange | undefined;
  readonly rules: Rules;
  /** By address, in order of address. */
  readonly resources: ReadonlyMap<Address, AnyResource>;
  /** SHA-256 over every resource's address and digest. */
  readonly digest: string;
  /** Files of code bundles to store when applying: SHA-256 of the content → absolute path. */
  readonly bundleFiles: ReadonlyMap<string, BundleSource>;
}
