/** A version by what people write of it: `3`, `v3`, `latest`, a stage, an alias. */
import { MlopsError } from '../lib/error.ts';
import { type ModelVersion, type RegistryStore, STAGES } from '../stores/control/registry.ts';

interface Parts {
  readonly store: RegistryStore;
  /** MD201. */
  version(model: string, number: number): Promise<ModelVersion>;
  unknownModel(model: string): Promise<MlopsError>;
}

export async function findVersion(
  { store, version, unknownModel }: Parts,
  model: string,
  written: string,
): Promise<ModelVersion> {
  const number = /^v?(\d{1,9})$/i.exec(written)?.[1];
  if (number !== undefined) return version(model, Number(number));
  if (/^latest$/i.test(written)) {
    const [newest] = (await store.search({ name: model, limit: 1 })).items;
    if (newest !== undefined) return newest;
    throw (await store.model(model)) === undefined
      ? await unknownModel(model)
      : none(model, 'Model MODEL has no versions.');
  }
  const stage = STAGES.find((known) => known === written);
  const found = stage === undefined ? await store.atAlias(model, written) : await store.atStage(model, stage);
  if (found !== undefined) return found;
  const known = await store.model(model);
  if (known === undefined) throw await unknownModel(model);
  const aliases = Object.keys(known.aliases);
  throw stage === undefined
    ? none(
        model,
        `"${written}" is no version of MODEL.`,
        `write a number, latest, ${STAGES.join(', ')}${aliases.length === 0 ? '' : `, or an alias: ${aliases.join(', ')}`}`,
      )
    : none(model, `No version of MODEL is in ${stage}.`, `mlops models show ${model}`);
}

function none(model: string, detail: string, hint?: string): MlopsError {
  return new MlopsError('MD201', { detail: detail.replace('MODEL', model), hint, status: 404 });
}
