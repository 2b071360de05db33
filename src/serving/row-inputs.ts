/**
 * What a version in memory needs to be known of it for each request, read once: where each feature stands, by which names it may be brought, and
 * what its tensor takes. Rows are then told by places, without a name for each value.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { OnlineRead } from './feature-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import { elementKind } from './onnx-tensors.ts';
import type { Values } from './predict-request.ts';

export interface InputPlan {
  /** `set.feature`, in the model's order. */
  readonly names: readonly string[];
  /** How these are read; always the same list, so that it is known by itself. */
  readonly reads: readonly string[];
  /** By name, with its set and, where no two sets share it, without. */
  readonly places: ReadonlyMap<string, number>;
  /** Names without a set that several sets share, with all that they may be. */
  readonly shared: ReadonlyMap<string, readonly string[]>;
  /** Of each: a number that is finite in 32 bits fits. Most are like that. */
  readonly isFloat: readonly boolean[];
  /** By set, as it is read, the features that are read of it where none came with the request. */
  readonly readOf: ReadonlyMap<string, readonly string[]>;
}

const plans = new WeakMap<LoadedModel, InputPlan>();

export function inputPlan(loaded: LoadedModel): InputPlan {
  const known = plans.get(loaded);
  if (known !== undefined) return known;
  const { features: names, reads, model } = loaded;
  const places = new Map<string, number>();
  const byShort = new Map<string, string[]>();
  for (const [place, name] of names.entries()) {
    const short = featureOf(name);
    const same = byShort.get(short);
    if (same === undefined) byShort.set(short, [name]);
    else same.push(name);
    if (same === undefined) places.set(short, place);
  }
  for (const [place, name] of names.entries()) places.set(name, place);
  const made: InputPlan = {
    names,
    reads: Object.freeze([...reads]),
    places,
    shared: new Map([...byShort].filter(([, same]) => same.length > 1)),
    isFloat: names.map((_, place) => {
      const dtype = model.featureTypes[place];
      return dtype !== undefined && elementKind(dtype) === 'float' && (model.featureWidths[place] ?? 1) === 1;
    }),
    readOf: featuresBySet(names, reads, undefined),
  };
  plans.set(loaded, made);
  return made;
}

/** The values that a row brought, by place; undefined where it brought none. EP204. `row`: its position in the request. */
export function broughtValues(
  { names, places, shared }: InputPlan,
  inputs: Values | readonly unknown[],
  key: string,
  row: number,
): readonly unknown[] {
  if (Array.isArray(inputs)) {
    if (inputs.length === names.length) return inputs;
    throw mismatch(`it has ${inputs.length} values, but the model takes ${names.length}: ${names.join(', ')}`, row, '');
  }
  const values = new Array<unknown>(names.length).fill(undefined);
  for (const written of Object.keys(inputs)) {
    const place = places.get(written);
    if (place === undefined) {
      if (written === key) continue;
      throw mismatch(`the model has no feature "${written}"`, row, written, didYouMean(written, names));
    }
    const all = shared.get(written);
    if (all !== undefined && names[place] !== written)
      throw mismatch(`"${written}" may be ${all.join(' or ')}`, row, written, 'write the name with its set');
    values[place] = (inputs as Values)[written];
  }
  return values;
}

/** EP204 about a row of the request. */
export function mismatch(what: string, row: number, name: string, hint?: string): MlopsError {
  const pointer = `/inputs/${row}${name === '' ? '' : `/${name}`}`;
  return new MlopsError('EP204', {
    detail: `Row ${row} does not match the model's signature: ${what}.`,
    hint,
    status: 422,
    data: { errors: [{ pointer, detail: what }] },
  });
}

/**
 * What a row was made from, for its log. `brought`: its values that came with the request, by place; undefined: none did. `defaults`: places that
 * had no value.
 */
export function readsOf(
  plan: InputPlan,
  brought: readonly unknown[] | undefined,
  defaults: readonly number[] | undefined,
  online: OnlineRead | undefined,
  row: number,
): JsonObject {
  const given = brought === undefined ? [] : plan.names.filter((_, place) => brought[place] !== undefined);
  const readOf = given.length === 0 ? plan.readOf : featuresBySet(plan.names, plan.reads, brought);
  const sets: Record<string, JsonObject> = {};
  const found: Record<string, JsonObject | string | string[]> = {};
  if (online !== undefined) {
    found['at'] = online.at;
    const origins = online.origins[row] ?? [];
    for (let at = 0; at < origins.length; at += 1) {
      const { version, record, expired } = origins[at]!;
      const set = online.sets[at]!;
      const told: Record<string, JsonObject[string]> = { version, features: (readOf.get(set) ?? []) as string[] };
      if (record !== null) {
        told['sequence'] = record.sequence;
        told['event_time'] = record.eventTime;
      }
      if (expired) told['expired'] = true;
      sets[set] = told;
    }
  }
  found['sets'] = sets;
  if (given.length > 0) found['given'] = given;
  if (defaults !== undefined && defaults.length > 0) found['defaults'] = defaults.map((place) => plan.names[place]!);
  return found;
}

function featuresBySet(
  names: readonly string[],
  reads: readonly string[],
  brought: readonly unknown[] | undefined,
): ReadonlyMap<string, readonly string[]> {
  const sets = new Map<string, string[]>();
  for (const [place, name] of names.entries()) {
    if (brought !== undefined && brought[place] !== undefined) continue;
    const read = reads[place] ?? name;
    const set = read.slice(0, read.indexOf('.'));
    const known = sets.get(set);
    if (known === undefined) sets.set(set, [featureOf(name)]);
    else known.push(featureOf(name));
  }
  return sets;
}

const featureOf = (name: string): string => name.slice(name.indexOf('.') + 1);
