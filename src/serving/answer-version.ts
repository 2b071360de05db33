/** Rows answered by a version that was asked for by its number, whatever the endpoint serves: loaded for it where it is not in memory. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import { modelsOf } from '../spec/endpoint-models.ts';
import { type AnswerParts, answerRows } from './answer-rows.ts';
import type { RowAnswer } from './answer-variant.ts';
import type { CompiledEndpoint } from './compiled-endpoint.ts';
import type { PredictRequest, RequestRow } from './predict-request.ts';
import type { LoadedVersions } from './runtime/loaded-versions.ts';

/** EP210 where the endpoint does not name the model, or several and none was asked for; MD201 where there is no such version. */
export async function answerByVersion(
  endpoint: CompiledEndpoint,
  { model, version }: NonNullable<PredictRequest['version']>,
  rows: readonly RequestRow[],
  parts: AnswerParts & { readonly versions: Pick<LoadedVersions, 'acquire'> },
): Promise<readonly RowAnswer[]> {
  const lease = await parts.versions.acquire(modelAsked(endpoint, model), version);
  try {
    const loaded = lease.loaded.forFeatures();
    const positions = rows.map((_, position) => position);
    const said = await answerRows(endpoint, loaded, positions, rows, parts);
    const servedBy = { variant: `version ${version}`, model: { name: loaded.version.name, version } };
    return said.map((one, position) => ({ position, servedBy, why: 'asked', ...one, members: undefined }));
  } finally {
    lease.release();
  }
}

function modelAsked({ spec }: CompiledEndpoint, model: string | undefined): string {
  const named = modelsOf(spec).filter(({ role }) => role !== 'stacking');
  const all = [...new Set(named.map((one) => one.model))];
  const [only] = all;
  if (model === undefined && all.length === 1) return only!;
  if (model !== undefined && all.includes(model)) return model;
  throw new MlopsError('EP210', {
    detail:
      model === undefined
        ? `Endpoint ${spec.name} names several models: ${all.join(', ')}. Which one's version is meant is not said.`
        : `Endpoint ${spec.name} does not name the model "${model}".`,
    hint: model === undefined ? 'say it: ?model=NAME' : (didYouMean(model, all) ?? `it names: ${all.join(', ')}`),
    address: `endpoint.${spec.name}`,
    status: model === undefined ? 422 : 404,
  });
}
