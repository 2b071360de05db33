/**
 * Rows answered by an ensemble. Its members are asked at once, each within its time, from features that are read in one round trip. One that
 * does not answer a row is left out of it where it is optional; else the variant fails, with what the member failed with.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { type AnswerParts, answerRows, type ModelSaid } from './answer-rows.ts';
import { type MemberSaid, meanOf, scoreOf, taskOfPrediction, voteOf } from './combine.ts';
import type { CompiledEndpoint, CompiledEnsemble, CompiledMember, CompiledVariant } from './compiled-endpoint.ts';
import { type Asked, readable } from './conditions.ts';
import { jointReader } from './joint-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { ModelSlots } from './model-slots.ts';
import type { ServedModel } from './predict-answer.ts';
import type { RequestRow, Values } from './predict-request.ts';
import { type Prediction, predictionsOf } from './prediction.ts';
import { inputPlan } from './row-inputs.ts';
import { within } from './time-out.ts';

/** What a member did for one row. */
export interface MemberAnswer {
  readonly member: string;
  readonly model: ServedModel | null;
  readonly said: ModelSaid | undefined;
  /** Why it said nothing: a code, or `internal`. */
  readonly failure: string | undefined;
  readonly latencyMs: number;
}

export interface EnsembleAnswer {
  readonly prediction: Prediction;
  /** Whose answer it is: the stacking model's, or that of the member that was picked; else nobody's alone. */
  readonly model: ServedModel | null;
  /** Of all members. */
  readonly features: JsonObject;
  readonly members: readonly MemberAnswer[];
}

export interface EnsembleParts extends AnswerParts {
  readonly slots: ModelSlots;
}

/** In the order of `positions`. */
export async function answerEnsemble(
  endpoint: CompiledEndpoint,
  variant: CompiledVariant & { readonly ensemble: CompiledEnsemble },
  positions: readonly number[],
  rows: readonly RequestRow[],
  context: Values,
  parts: EnsembleParts,
): Promise<readonly EnsembleAnswer[]> {
  const { ensemble } = variant;
  const loaded = new Map<string, LoadedModel>();
  for (const { name, target } of ensemble.members) {
    const current = parts.slots.current(target);
    if (current !== undefined) loaded.set(name, current);
  }
  const known = [...loaded.values()];
  const together = positions.map((position) => rows[position]!);
  const features = jointReader(known, together, parts.features);
  const picked = positions.map((position) =>
    ensemble.way === 'pick' ? pickedFor(ensemble, askedOf(endpoint, rows[position]!, context)) : undefined,
  );

  /** By member, what it did for each of `positions`; undefined where it was not asked. */
  const byMember = await Promise.all(
    ensemble.members.map(async (member) => {
      const asked = positions.filter((_, at) => picked[at] === undefined || picked[at] === member.name);
      if (asked.length === 0) return positions.map(() => undefined);
      const answers = await askMember(endpoint, variant.name, member, loaded.get(member.name), known, asked, rows, {
        ...parts,
        features,
      });
      const at = new Map(asked.map((position, index) => [position, answers[index]!]));
      return positions.map((position) => at.get(position));
    }),
  );

  const answered = positions.map((_, row) => byMember.flatMap((answers) => answers[row] ?? []));
  if (ensemble.stacking !== undefined) return stacked(endpoint, ensemble, answered, parts);
  return answered.map((members, row): EnsembleAnswer => {
    const said = ensemble.members.flatMap(({ name, weight }): MemberSaid[] => {
      const answer = members.find(({ member }) => member === name)?.said;
      return answer === undefined ? [] : [{ member: name, weight, prediction: answer.prediction }];
    });
    if (said.length === 0) throw nobody(variant.name, members);
    const only = picked[row] === undefined ? undefined : members.find(({ member }) => member === picked[row]);
    return {
      prediction: only?.said?.prediction ?? (ensemble.way === 'vote' ? voteOf(said) : meanOf(said)),
      model: only?.model ?? null,
      features: featuresOf(members),
      members,
    };
  });
}

/** The first entry that holds; a condition that cannot be evaluated does not. */
function pickedFor({ pick }: CompiledEnsemble, asked: Asked): string | undefined {
  return (pick.find(({ holds }) => holds === undefined || holds(asked) === true) ?? pick.at(-1))?.member;
}

function askedOf({ spec }: CompiledEndpoint, { entity, inputs }: RequestRow, context: Values): Asked {
  const named = Array.isArray(inputs) ? undefined : (inputs as Values | undefined);
  const key = named?.[spec.key] ?? context[spec.key];
  return { context, entity: readable(entity ?? (key === undefined ? undefined : { [spec.key]: key })) };
}

async function askMember(
  endpoint: CompiledEndpoint,
  variant: string,
  member: CompiledMember,
  loaded: LoadedModel | undefined,
  all: readonly LoadedModel[],
  positions: readonly number[],
  rows: readonly RequestRow[],
  parts: EnsembleParts,
): Promise<readonly MemberAnswer[]> {
  const startMs = parts.monotonicMs();
  const model = loaded === undefined ? null : { name: loaded.version.name, version: loaded.version.version };
  const failed = (code: string): MemberAnswer => ({
    member: member.name,
    model,
    said: undefined,
    failure: code,
    latencyMs: parts.monotonicMs() - startMs,
  });
  if (loaded === undefined) return positions.map(() => failed('EP202'));
  const own = ownInputs(rows, loaded, all, endpoint.spec.key);
  const ask = (some: readonly number[]): Promise<readonly ModelSaid[]> =>
    within(member.timeoutMs, `the member ${member.name} of ${variant}`, () =>
      answerRows(endpoint, loaded, some, own, parts),
    );
  try {
    let asked = positions;
    let said: readonly ModelSaid[];
    try {
      said = await ask(asked);
    } catch (error) {
      const missing = member.optional ? rowsWithout(error) : undefined;
      if (missing === undefined) throw error;
      // Its neighbours are not left without it because one row has no value.
      asked = positions.filter((position) => !missing.has(position));
      said = asked.length === 0 ? [] : await ask(asked);
    }
    const latencyMs = parts.monotonicMs() - startMs;
    const at = new Map(asked.map((position, index) => [position, said[index]!]));
    return positions.map((position) => {
      const answer = at.get(position);
      return answer === undefined
        ? failed('EP203')
        : { member: member.name, model, said: answer, failure: undefined, latencyMs };
    });
  } catch (error) {
    // What does not fit the signature is the caller's to mend, whoever it was for.
    if (!member.optional || (error instanceof MlopsError && error.code === 'EP204')) throw error;
    return positions.map(() => failed(error instanceof MlopsError ? error.code : 'internal'));
  }
}

/** Positions of the rows that had no value for a feature; undefined for any other failure. */
function rowsWithout(error: unknown): ReadonlySet<number> | undefined {
  if (!(error instanceof MlopsError) || error.code !== 'EP203') return undefined;
  const missing = error.data?.['missing'] as readonly { readonly row: number }[] | undefined;
  return new Set(missing?.map(({ row }) => row));
}

/** Inputs are given for all members together: each takes those that it knows, and one that nobody knows is refused, unless `lenient`. */
export function ownInputs(
  rows: readonly RequestRow[],
  loaded: LoadedModel,
  all: readonly LoadedModel[],
  key: string,
  { lenient = false }: { readonly lenient?: boolean } = {},
): readonly RequestRow[] {
  const { places } = inputPlan(loaded);
  const others = all.filter((one) => one !== loaded).map((one) => inputPlan(one).places);
  return rows.map((row) => {
    const { inputs } = row;
    if (inputs === undefined || Array.isArray(inputs)) return row;
    const names = Object.keys(inputs);
    const own = names.filter(
      (name) => places.has(name) || name === key || (!lenient && !others.some((known) => known.has(name))),
    );
    if (own.length === names.length) return row;
    return { ...row, inputs: Object.fromEntries(own.map((name) => [name, (inputs as Values)[name]])) };
  });
}

async function stacked(
  { batching }: CompiledEndpoint,
  { members, stacking }: CompiledEnsemble,
  answered: readonly (readonly MemberAnswer[])[],
  { slots }: EnsembleParts,
): Promise<readonly EnsembleAnswer[]> {
  const loaded = slots.current(stacking!)!;
  const names = loaded.features.map((feature) => feature.slice(feature.indexOf('.') + 1));
  const unknown = names.find((name) => !members.some((member) => member.name === name));
  if (unknown !== undefined || names.length !== members.length)
    throw new MlopsError('EP208', {
      detail: `Version ${loaded.version.version} of ${loaded.version.name} stacks ${names.join(', ')}, but the members are ${members.map(({ name }) => name).join(', ')}.`,
      hint: 'register a version whose signature has one feature for each member, called as it is',
      status: 500,
    });
  const columns = names.map((name) => {
    const { default: missing } = members.find((member) => member.name === name)!;
    return answered.map((row) => {
      const said = row.find(({ member }) => member === name)?.said;
      return said === undefined ? missing : scoreOf({ member: name, prediction: said.prediction });
    });
  });
  for (const row of answered) {
    const tasks = new Set(row.flatMap(({ said }) => (said === undefined ? [] : [taskOfPrediction(said.prediction)])));
    if (tasks.size > 1)
      throw new MlopsError('EP208', {
        detail: 'The members answer different tasks: some a probability, some a value.',
        status: 500,
      });
  }
  const answer = await loaded.use(() => loaded.model.answer(columns, answered.length, batching));
  const predictions = predictionsOf(answer, loaded.task);
  const model = { name: loaded.version.name, version: loaded.version.version };
  return answered.map((row, at) => ({ prediction: predictions[at]!, model, features: featuresOf(row), members: row }));
}

/** One feature is one value, also where several members read it; what each got stands in its own entry of the log. */
function featuresOf(members: readonly MemberAnswer[]): JsonObject {
  return Object.assign({}, ...members.map(({ said }) => said?.features ?? {}).reverse()) as JsonObject;
}

function nobody(variant: string, members: readonly MemberAnswer[]): MlopsError {
  const why = members.map(({ member, failure }) => `${member} (${failure})`).join(', ');
  return new MlopsError('EP202', {
    detail: `No member of ${variant} answered: ${why}.`,
    status: 503,
    retryable: true,
  });
}
