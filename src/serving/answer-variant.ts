/** Rows answered by a variant within its time; where it cannot, by its fallback. */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { answerRows } from './answer-rows.ts';
import type { CompiledEndpoint, CompiledVariant } from './compiled-endpoint.ts';
import { answerEnsemble, type EnsembleParts, type MemberAnswer } from './ensemble.ts';
import type { ServedBy, ServedModel } from './predict-answer.ts';
import type { RequestRow, Values } from './predict-request.ts';
import type { Prediction } from './prediction.ts';
import { fallbackOf } from './route-rows.ts';
import { within } from './time-out.ts';

export interface RowAnswer {
  readonly position: number;
  readonly servedBy: ServedBy;
  /** Why this variant, where not for the reason that the row came with. */
  readonly why: string | undefined;
  readonly features: JsonObject;
  readonly prediction: Prediction;
  readonly reads: JsonObject;
  /** Of an ensemble. */
  readonly members: readonly MemberAnswer[] | undefined;
}

export interface VariantParts extends EnsembleParts {
  readonly serves: (variant: string) => boolean;
  /** A variant did not answer these rows; `model` where it is one. */
  readonly onFailure: (
    variant: string,
    model: ServedModel | null,
    positions: readonly number[],
    error: unknown,
  ) => void;
}

export async function answerVariant(
  endpoint: CompiledEndpoint,
  variant: CompiledVariant,
  positions: readonly number[],
  rows: readonly RequestRow[],
  context: Values,
  parts: VariantParts,
  why?: string,
): Promise<readonly RowAnswer[]> {
  const model = modelOf(variant, parts);
  try {
    return await within(variant.timeoutMs, `the variant ${variant.name} of endpoint ${endpoint.spec.name}`, () =>
      answer(endpoint, variant, positions, rows, context, parts, why),
    );
  } catch (error) {
    parts.onFailure(variant.name, model, positions, error);
    const next = isCallers(error) ? undefined : fallbackOf(endpoint.variants, variant.name, parts.serves);
    if (next === undefined) throw error;
    const reason = `fallback from ${variant.name}`;
    return answerVariant(endpoint, endpoint.variants.get(next)!, positions, rows, context, parts, reason);
  }
}

/** What the request lacks or says wrongly; another variant is not asked for it. */
function isCallers(error: unknown): boolean {
  return error instanceof MlopsError && (error.code === 'EP203' || error.code === 'EP204');
}

function modelOf({ target }: CompiledVariant, { slots }: VariantParts): ServedModel | null {
  const loaded = target && slots.current(target);
  return loaded === undefined ? null : { name: loaded.version.name, version: loaded.version.version };
}

async function answer(
  endpoint: CompiledEndpoint,
  variant: CompiledVariant,
  positions: readonly number[],
  rows: readonly RequestRow[],
  context: Values,
  parts: VariantParts,
  why: string | undefined,
): Promise<readonly RowAnswer[]> {
  const { name, target, ensemble } = variant;
  if (ensemble !== undefined) {
    const answers = await answerEnsemble(endpoint, { ...variant, ensemble }, positions, rows, context, parts);
    return answers.map(({ model, prediction, features, members }, at) => ({
      position: positions[at]!,
      servedBy: { variant: name, model },
      why,
      features,
      prediction,
      // What was read stands with each member.
      reads: { sets: {} },
      members,
    }));
  }
  const loaded = parts.slots.current(target!)!;
  const said = await answerRows(endpoint, loaded, positions, rows, parts);
  const servedBy = { variant: name, model: { name: loaded.version.name, version: loaded.version.version } };
  return said.map((one, at) => ({ position: positions[at]!, servedBy, why, ...one, members: undefined }));
}
