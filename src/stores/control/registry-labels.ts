/**
 * What of the registry may change: models are made and described, versions tagged, described, named by aliases, deleted. Each change is
 * appended to a history with who and when, in the transaction that makes it; what a version is never changes. Part of RegistryStore.
 */
import type { ModelVersion, TextOperator } from './model-version.ts';

export interface RegisteredModel {
  readonly name: string;
  readonly description: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, number>>;
  /** How many there are, deleted ones aside. */
  readonly versions: number;
  /** The greatest number that is there; 0 where none is. */
  readonly latest: number;
  readonly createdAt: Date;
  /** When it was last described or tagged, a version added or an alias set. */
  readonly updatedAt: Date;
}

export interface LabelEdit {
  /** Null takes the tag away; keys that are not named stay. */
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly description?: string | null;
}

export const REGISTRY_CHANGES = ['create', 'describe', 'tag', 'untag', 'alias', 'unalias', 'delete'] as const;

export interface RegistryChange {
  /** As it was called then. */
  readonly model: string;
  /** Null: of the model. Of an alias: the version that it names from now, or named until now. */
  readonly version: number | null;
  readonly change: (typeof REGISTRY_CHANGES)[number];
  /** Of the tag or alias. */
  readonly key: string | null;
  readonly before: string | null;
  readonly after: string | null;
  readonly at: Date;
  readonly who: string;
  readonly reason: string | null;
}

export type ModelCondition =
  | { readonly on: 'name'; readonly op: TextOperator; readonly value: string | readonly string[] }
  /** A model without the tag meets none. */
  | { readonly on: 'tag'; readonly key: string; readonly op: TextOperator; readonly value: string | readonly string[] };

export interface ModelFilter {
  /** Meets all of these. */
  readonly conditions?: readonly ModelCondition[];
  /** Ties in the order of names. Default: by name. */
  readonly order?: { readonly by: 'name' | 'createdAt' | 'updatedAt'; readonly ascending: boolean };
  readonly limit: number;
  /** Opaque, from an answer to the same filter and order. */
  readonly cursor?: string | undefined;
}

/** What keeps a version or a model from being deleted, e.g. `endpoint.risk` by `variants.control`. */
export interface RegistryReference {
  /** `stage`, `alias` or `resource`. */
  readonly by: 'stage' | 'alias' | 'resource';
  /** The stage, the alias, or the resource's address. */
  readonly name: string;
  readonly version: number | null;
}

export interface Deletion {
  readonly who: string;
  readonly reason?: string | null;
  /** Its aliases go with it. Default: they keep it. */
  readonly withAliases?: boolean;
}

export interface RegistryLabels {
  /** A model without versions yet. API409 where there is one of the name; one that was deleted is made anew, its numbers go on. */
  createModel(name: string, label: LabelEdit, who: string): Promise<RegisteredModel>;
  model(name: string): Promise<RegisteredModel | undefined>;
  searchModels(
    filter: ModelFilter,
  ): Promise<{ readonly items: readonly RegisteredModel[]; readonly nextCursor: string | null }>;
  /** The newest version of each of the models at each stage. */
  newestAtStages(models: readonly string[]): Promise<readonly ModelVersion[]>;
  /** What is as it is asked for already leaves no trace. MD201 where there is no such model. */
  labelModel(name: string, edit: LabelEdit, who: string): Promise<RegisteredModel>;
  /** As `labelModel`. MD201 where no version has the id. */
  labelVersion(id: string, edit: LabelEdit, who: string): Promise<ModelVersion>;
  /** The alias names this version from now, whatever it named before. MD201, MD209 where the alias is no alias. */
  setAlias(model: string, alias: string, version: number, who: string): Promise<RegisteredModel>;
  /** MD201 where there is no such model. Takes away what is not there without a word. */
  removeAlias(model: string, alias: string, who: string): Promise<RegisteredModel>;
  atAlias(model: string, alias: string): Promise<ModelVersion | undefined>;
  /**
   * The version is not found any more, its number is never given again, its moves and changes stay. MD201; MD208 with all that refers to
   * it in `data.references`: its stage where that is staging or production, aliases, and resources that name it.
   */
  deleteVersion(id: string, deletion: Deletion): Promise<ModelVersion>;
  /** With all of its versions. MD201; MD208 as for each of them, and for resources that name the model itself. */
  deleteModel(name: string, deletion: Deletion): Promise<RegisteredModel>;
  /** Of the model and of its versions, also of those that were deleted; newest first. */
  changes(model: string): Promise<readonly RegistryChange[]>;
  /** Of these contents, those that nothing in the control store has any more: no version, training set, running task or kept result. */
  unreferenced(digests: readonly string[]): Promise<readonly string[]>;
}

/** At most so long. */
export const ALIAS_LENGTH = 255;

/** Why a text is no alias; undefined where it is one. `latest` and `v3` mean versions everywhere. */
export function aliasProblem(alias: string): string | undefined {
  if (alias === '' || !/^[\w-]*$/.test(alias)) return 'it consists of letters, digits, "_" and "-"';
  if (alias.length > ALIAS_LENGTH) return `it has at most ${ALIAS_LENGTH} characters`;
  if (/^latest$/i.test(alias)) return '"latest" always means the newest version';
  if (/^v\d+$/i.test(alias)) return `"${alias}" always means the version of that number`;
  return undefined;
}
