/** What of the registry people may change, and its deletion: checked, with who asks, and with words for what is not there. */
import { MlopsError } from '../lib/error.ts';
import type { ModelVersion, RegistryStore, StageMove } from '../stores/control/registry.ts';
import type { Deletion, LabelEdit, RegisteredModel, RegistryChange } from '../stores/control/registry-labels.ts';

export interface RegistryDeletion extends Deletion {
  /** The content of its artifacts goes too, where nothing in this control store has it any more. */
  readonly withArtifacts?: boolean;
}

/** One line of a model's history: a move between stages, or a change of labels. */
export type HistoryLine = ({ readonly kind: 'move' } & StageMove) | ({ readonly kind: 'change' } & RegistryChange);

export interface RegistryLabelService {
  /** MD201. */
  model(name: string): Promise<RegisteredModel>;
  /** MD201, API422. */
  labelModel(name: string, edit: LabelEdit, who: string): Promise<RegisteredModel>;
  labelVersion(id: string, edit: LabelEdit, who: string): Promise<ModelVersion>;
  /** MD201, MD209. */
  setAlias(model: string, alias: string, version: number, who: string): Promise<RegisteredModel>;
  /** MD201. */
  removeAlias(model: string, alias: string, who: string): Promise<RegisteredModel>;
  /** MD201. */
  atAlias(model: string, alias: string): Promise<ModelVersion>;
  /** MD201, MD208. `freed`: contents that went. */
  deleteVersion(
    id: string,
    deletion: RegistryDeletion,
  ): Promise<{ readonly version: ModelVersion; readonly freed: readonly string[] }>;
  deleteModel(
    name: string,
    deletion: RegistryDeletion,
  ): Promise<{ readonly model: RegisteredModel; readonly freed: readonly string[] }>;
  /** Moves and changes, newest first. MD201 where there never was such a model. */
  timeline(model: string): Promise<readonly HistoryLine[]>;
}

const KEY_LENGTH = 250;
const TEXT_LENGTH = 100_000;

export function createRegistryLabels(
  store: RegistryStore,
  forget: (digests: readonly string[]) => Promise<void>,
  unknownModel: (model: string) => Promise<MlopsError>,
): RegistryLabelService {
  const model: RegistryLabelService['model'] = async (name) => {
    const found = await store.model(name);
    if (found === undefined) throw await unknownModel(name);
    return found;
  };

  /** Those of them that nothing has any more. */
  const free = async (digests: readonly (string | null)[], asked: boolean | undefined): Promise<readonly string[]> => {
    const known = digests.filter((digest) => digest !== null);
    if (asked !== true || known.length === 0) return [];
    const unneeded = await store.unreferenced(known);
    await forget(unneeded);
    return unneeded;
  };

  return {
    model,
    labelModel: async (name, edit, who) => {
      checkLabels(edit);
      await model(name);
      return store.labelModel(name, edit, who);
    },
    labelVersion: async (id, edit, who) => {
      checkLabels(edit);
      return store.labelVersion(id, edit, who);
    },
    setAlias: async (name, alias, version, who) => {
      await model(name);
      return store.setAlias(name, alias, version, who);
    },
    removeAlias: async (name, alias, who) => {
      await model(name);
      return store.removeAlias(name, alias, who);
    },
    atAlias: async (name, alias) => {
      const found = await store.atAlias(name, alias);
      if (found !== undefined) return found;
      const names = Object.keys((await model(name)).aliases);
      throw new MlopsError('MD201', {
        detail: `Model ${name} has no alias "${alias}".`,
        hint:
          names.length === 0
            ? `give it one: mlops models alias ${name} ${alias} VERSION`
            : `it has: ${names.join(', ')}`,
        status: 404,
      });
    },
    deleteVersion: async (id, { withArtifacts, ...deletion }) => {
      const version = await store.deleteVersion(id, deletion);
      const freed = await free(
        version.artifacts.map(({ digest }) => digest),
        withArtifacts,
      );
      return { version, freed };
    },
    deleteModel: async (name, { withArtifacts, ...deletion }) => {
      await model(name);
      const digests: (string | null)[] = [];
      for (let cursor: string | undefined, more = withArtifacts === true; more; more = cursor !== undefined) {
        const page = await store.search({ name, limit: 1000, cursor });
        digests.push(...page.items.flatMap((version) => version.artifacts.map(({ digest }) => digest)));
        cursor = page.nextCursor ?? undefined;
      }
      const deleted = await store.deleteModel(name, deletion);
      return { model: deleted, freed: await free([...new Set(digests)], withArtifacts) };
    },
    timeline: async (name) => {
      const [moves, changes] = await Promise.all([store.history(name), store.changes(name)]);
      const lines: HistoryLine[] = [
        ...moves.map((move) => ({ kind: 'move' as const, ...move })),
        ...changes.map((change) => ({ kind: 'change' as const, ...change })),
      ];
      if (lines.length === 0) throw await unknownModel(name);
      // Each list is newest first already; a stable sort keeps what happened in one moment in its order.
      return lines.sort((a, b) => b.at.getTime() - a.at.getTime());
    },
  };
}

function checkLabels({ tags = {}, description }: LabelEdit): void {
  for (const [key, value] of Object.entries(tags)) {
    if (key === '' || key.length > KEY_LENGTH || key.includes('\0'))
      throw new MlopsError('API422', {
        detail: `"${key.slice(0, 40)}" is no key of a tag: it has 1 to ${KEY_LENGTH} characters.`,
        status: 422,
      });
    checkText(`The tag "${key}"`, value);
  }
  checkText('The description', description ?? null);
}

function checkText(what: string, text: string | null): void {
  if (text === null || (text.length <= TEXT_LENGTH && !text.includes('\0'))) return;
  throw new MlopsError('API422', {
    detail: `${what} is longer than ${TEXT_LENGTH} characters, or holds a null character.`,
    status: 422,
  });
}
