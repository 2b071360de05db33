/**
 * The values a model gets for the rows of a request: from what came with it, else from the online store, else the feature's declared
 * default. What is still missing is EP203 with every name; what does not fit the model's tensors is EP204. Nothing is waited for that is
 * there already: where the store is in this process the answer is no promise.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureReader, FeatureStatus, OnlineRead } from './feature-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import { elementKind } from './onnx-tensors.ts';
import type { RequestRow } from './predict-request.ts';
import { broughtValues, type InputPlan, inputPlan, mismatch, readsOf } from './row-inputs.ts';

export interface ModelInputs {
  /** A column a feature, in the model's order. */
  readonly columns: readonly unknown[][];
  /** Where the values of each row came from. */
  readonly reads: readonly JsonObject[];
}

export interface ModelInputsOptions {
  readonly loaded: LoadedModel;
  readonly rows: readonly RequestRow[];
  /** Their positions in the request, for messages. */
  readonly positions: readonly number[];
  /** The endpoint's key, which may stand among the inputs. */
  readonly key: string;
  /** Under whose name reads are counted. Default: they are not. */
  readonly reader?: string | undefined;
  readonly features: FeatureReader;
  readonly catalog: Catalog;
}

interface Missing {
  readonly row: number;
  readonly feature: string;
  /** `absent`: the request brought inputs, without this one. */
  readonly status: FeatureStatus | 'absent';
}

/** What was read online for some of the rows. */
interface Online {
  readonly read: OnlineRead;
  /** By row of the group its row among those that were read; -1: none. */
  readonly rowOf: readonly number[];
  /** By place of a feature its place among what was read; -1: it was not read. */
  readonly placeOf: readonly number[] | undefined;
}

export function modelInputs(options: ModelInputsOptions): ModelInputs | Promise<ModelInputs> {
  const { loaded, rows, positions, key } = options;
  const plan = inputPlan(loaded);
  const brought = rows.map(({ inputs }, at) =>
    inputs === undefined ? undefined : broughtValues(plan, inputs, key, positions[at]!),
  );
  const online = readOnline(plan, brought, options);
  return online instanceof Promise
    ? online.then((found) => joined(plan, brought, found, options))
    : joined(plan, brought, online, options);
}

/** One round trip for all rows with an entity; only for features that some row did not bring. */
function readOnline(
  { reads }: InputPlan,
  brought: readonly (readonly unknown[] | undefined)[],
  { rows, features, reader }: ModelInputsOptions,
): Online | undefined | Promise<Online> {
  const entities: RequestRow['entity'][] = [];
  const rowOf = new Array<number>(rows.length).fill(-1);
  let isAll = false;
  for (let row = 0; row < rows.length; row += 1) {
    const { entity } = rows[row]!;
    if (entity === undefined) continue;
    rowOf[row] = entities.push(entity) - 1;
    isAll ||= brought[row] === undefined;
  }
  if (entities.length === 0) return undefined;
  let asked = reads;
  let placeOf: number[] | undefined;
  if (!isAll) {
    const needed = reads.map((_, place) => rowOf.some((at, row) => at >= 0 && brought[row]![place] === undefined));
    asked = reads.filter((_, place) => needed[place]);
    if (asked.length === 0) return undefined;
    let next = 0;
    placeOf = needed.map((isNeeded) => (isNeeded ? next++ : -1));
  }
  const read = features.readTraced(entities as NonNullable<RequestRow['entity']>[], asked, reader);
  const found = (done: OnlineRead): Online => ({ read: done, rowOf, placeOf });
  return read instanceof Promise ? read.then(found) : found(read);
}

function joined(
  plan: InputPlan,
  brought: readonly (readonly unknown[] | undefined)[],
  online: Online | undefined,
  { rows, positions, catalog, loaded: { model } }: ModelInputsOptions,
): ModelInputs {
  const { names, isFloat } = plan;
  const columns = names.map(() => new Array<unknown>(rows.length));
  const missing: Missing[] = [];
  const reads = new Array<JsonObject>(rows.length);
  for (let row = 0; row < rows.length; row += 1) {
    const own = brought[row];
    const at = online === undefined ? -1 : online.rowOf[row]!;
    const stored = at < 0 ? undefined : online!.read.rows[at];
    let defaults: number[] | undefined;
    for (let place = 0; place < names.length; place += 1) {
      const from = online?.placeOf === undefined ? place : online.placeOf[place]!;
      const given = own === undefined ? undefined : own[place];
      // A null that was brought stands in for what is stored, as every input does.
      let value: unknown = (given === undefined ? stored?.values[from] : given) ?? undefined;
      if (value === undefined) {
        value = defaultOf(names[place]!, catalog);
        if (defaults === undefined) defaults = [place];
        else defaults.push(place);
      }
      if (value === undefined) {
        const status = given === null ? 'null' : (stored?.statuses[from] ?? 'absent');
        missing.push({ row: positions[row]!, feature: names[place]!, status });
        continue;
      }
      if (!(typeof value === 'number' && isFloat[place] === true && Number.isFinite(Math.fround(value))))
        checkType(value, model.featureTypes[place], model.featureWidths[place] ?? 1, names[place]!, positions[row]!);
      columns[place]![row] = value;
    }
    reads[row] = readsOf(plan, own, defaults, at < 0 ? undefined : online?.read, at);
  }
  if (missing.length > 0) throw missingFeatures(missing, rows, positions);
  return { columns, reads };
}

/** What a feature is where it is not known; undefined where that is not declared. */
export function defaultOf(feature: string, catalog: Catalog): unknown {
  const dot = feature.indexOf('.');
  return catalog.get('feature_set', feature.slice(0, dot))?.spec.features[feature.slice(dot + 1)]?.default;
}

/** EP204 where it does not fit the model's tensor. */
export function checkType(
  value: unknown,
  dtype: string | undefined,
  width: number,
  feature: string,
  row: number,
): void {
  if (dtype === undefined) return;
  if (width === 1) {
    if (fitsElement(value, dtype)) return;
    const list = Array.isArray(value) ? ', one value: a list of any length fills no input' : '';
    throw mismatch(`"${feature}" is ${shown(value)}, but the model takes ${dtype}${list}`, row, feature);
  }
  if (Array.isArray(value) && value.length === width && value.every((item) => fitsElement(item, dtype))) return;
  const is = Array.isArray(value) && value.length !== width ? `a list of ${value.length}` : shown(value);
  throw mismatch(`"${feature}" is ${is}, but the model takes an embedding of ${width} numbers`, row, feature);
}

function fitsElement(value: unknown, dtype: string): boolean {
  const kind = elementKind(dtype);
  if (kind === 'string') return typeof value === 'string';
  if (typeof value === 'boolean' || typeof value === 'bigint') return true;
  if (typeof value !== 'number') return false;
  return kind === 'float' ? Number.isFinite(dtype === 'float32' ? Math.fround(value) : value) : Number.isInteger(value);
}

const SHOWN_LENGTH = 100;

/** As JSON, integers that it has no number for in digits. */
function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? member.toString() : member)) ??
    String(value)
  );
}

function shown(value: unknown): string {
  const text = textOf(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

const SHOWN = 5;

function missingFeatures(
  missing: readonly Missing[],
  rows: readonly RequestRow[],
  positions: readonly number[],
): MlopsError {
  const shown = missing.slice(0, SHOWN).map(({ row, feature, status }) => {
    const entity = rows[positions.indexOf(row)]?.entity;
    return `${feature} (${status.replace('_', ' ')}${entity === undefined ? '' : `, ${textOf(entity)}`})`;
  });
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
  return new MlopsError('EP203', {
    detail: `No value for ${shown.join(', ')}${more}.`,
    hint: missing.every(({ status }) => status === 'absent')
      ? 'give every feature of the model, or `entities` to read them online'
      : 'materialize the feature set, give the value among the `inputs`, or declare a `default` for the feature',
    status: 422,
    data: { missing: missing.map((entry) => ({ ...entry })) },
  });
}
