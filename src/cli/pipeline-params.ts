/** `--param NAME=VALUE` for an applied pipeline, as the types of its defaults. */
import type { OpenEnvironment } from '../compose.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import { keyValues, scalarLike } from './key-values.ts';

/** PL201 for a pipeline that is not applied. */
export async function paramsOf(
  environment: OpenEnvironment,
  pipeline: string,
  pairs: readonly string[],
): Promise<JsonObject> {
  const catalog = await environment.catalog();
  const recorded = catalog.get('pipeline', pipeline);
  if (recorded === undefined) {
    const known = catalog.list('pipeline').map(({ name }) => name);
    throw new MlopsError('PL201', {
      detail: `No pipeline "${pipeline}" is applied in ${environment.scope.environment}.`,
      hint: known.length === 0 ? 'mlops apply' : didYouMean(pipeline, known),
    });
  }
  const defaults = recorded.spec.params ?? {};
  return Object.fromEntries(
    Object.entries(keyValues(pairs, '--param')).map(([name, text]) => [name, scalarLike(text, defaults[name])]),
  );
}
