/**
 * The inputs of a model by names: a value for each name of each row, one after the other. It is how they were told before they were told by
 * places, and stands here to be compared with.
 */
import { MlopsError } from '../../src/lib/error.ts';
import type { JsonObject } from '../../src/lib/json.ts';
import { didYouMean } from '../../src/lib/suggest.ts';
import type { FeatureStatus } from '../../src/serving/feature-reader.ts';
import type { LoadedModel } from '../../src/serving/loaded-model.ts';
import { elementKind } from '../../src/serving/onnx-tensors.ts';
import type { RequestRow, Values } from '../../src/serving/predict-request.ts';
import type { Catalog } from '../../src/stores/control/catalog.ts';

export interface OnlineRow {
  readonly entity: Readonly<Record<string, unknown>>;
  /** By the name asked for. Null unless present. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, FeatureStatus>>;
  /** ISO 8601 UTC by the name asked for; null where there is no record. */
  readonly eventTime: Readonly<Record<string, string | null>>;
  /** As of when it was read, ISO 8601 UTC, and by set as it was asked for the version and the record that answered. */
  readonly at?: string;
  readonly origins?: Readonly<
    Record<
      string,
      {
        readonly version: number;
        readonly record: { readonly sequence: number; readonly eventTime: string } | null;
        readonly expired: boolean;
      }
    >
  >;
}

export interface NamedReader {
  read(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): Promise<readonly OnlineRow[]>;
}

export interface ModelInputs {
  /** A column a feature, in the model's order. */
  readonly columns: readonly unknown[][];
  /** Where the values of each row came from. */
  readonly reads: readonly JsonObject[];
}

interface Missing {
  readonly row: number;
  readonly feature: string;
  /** `absent`: the request brought inputs, without this one. */
  readonly status: FeatureStatus | 'absent';
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
  readonly features: NamedReader;
  readonly catalog: Catalog;
}

export async function namedModelInputs({
  loaded,
  rows,
  positions,
  key,
  reader,
  features,
  catalog,
}: ModelInputsOptions): Promise<ModelInputs> {
  const { features: names, reads } = loaded;
  const given = rows.map((row, at) =>
    row.inputs === undefined ? undefined : byFeature(row.inputs, names, key, positions[at]!),
  );
  const online = await readOnline(rows, given, loaded, features, reader);
  const columns = names.map(() => new Array<unknown>(rows.length));
  const missing: Missing[] = [];
  const provenance = rows.map((_, row): JsonObject => {
    const came = new Set<string>();
    const defaults = new Set<string>();
    names.forEach((feature, at) => {
      const brought = given[row]?.[feature];
      const stored = online[row]?.features[reads[at]!];
      // A null that was brought stands in for what is stored, as every input does.
      let value: unknown = (brought === undefined ? stored : brought) ?? undefined;
      if (brought !== undefined) came.add(feature);
      if (value === undefined) {
        value = defaultOf(feature, catalog);
        defaults.add(feature);
      }
      if (value === undefined) {
        missing.push({
          row: positions[row]!,
          feature,
          status: brought === null ? 'null' : (online[row]?.status[reads[at]!] ?? 'absent'),
        });
      } else {
        checkType(value, loaded.model.featureTypes[at], loaded.model.featureWidths[at] ?? 1, feature, positions[row]!);
        columns[at]![row] = value;
      }
    });
    return loggedReads(names, reads, { given: came, defaults }, online[row]);
  });
  if (missing.length > 0) throw missingFeatures(missing, rows, positions);
  return { columns, reads: provenance };
}

/** One round trip for all rows with an entity; only for features that some row did not bring. Under the names that they are read by. */
async function readOnline(
  rows: readonly RequestRow[],
  given: readonly (Values | undefined)[],
  { features: names, reads }: Pick<LoadedModel, 'features' | 'reads'>,
  features: NamedReader,
  reader: string | undefined,
): Promise<readonly (OnlineRow | undefined)[]> {
  const asking = rows.flatMap((row, at) => (row.entity === undefined ? [] : [at]));
  const needed = reads.filter((_, at) => asking.some((row) => given[row]?.[names[at]!] === undefined));
  if (asking.length === 0 || needed.length === 0) return [];
  const answers = await features.read(
    asking.map((at) => rows[at]!.entity!),
    needed,
    reader,
  );
  const online = new Array<OnlineRow | undefined>(rows.length).fill(undefined);
  asking.forEach((at, position) => {
    online[at] = answers[position];
  });
  return online;
}

/** A list is in the model's order; names may leave the set out where no two sets share the feature. */
function byFeature(inputs: Values | readonly unknown[], names: readonly string[], key: string, row: number): Values {
  if (Array.isArray(inputs)) {
    if (inputs.length !== names.length) {
      throw mismatch(
        `it has ${inputs.length} values, but the model takes ${names.length}: ${names.join(', ')}`,
        row,
        '',
      );
    }
    return Object.fromEntries(names.map((name, at) => [name, inputs[at]]));
  }
  const values: Record<string, unknown> = {};
  for (const [written, value] of Object.entries(inputs)) {
    const matches = names.filter((name) => name === written || name.slice(name.indexOf('.') + 1) === written);
    const name = names.includes(written) ? written : matches[0];
    if (name === undefined) {
      if (written === key) continue;
      throw mismatch(`the model has no feature "${written}"`, row, written, didYouMean(written, names));
    }
    if (matches.length > 1 && name !== written) {
      throw mismatch(`"${written}" may be ${matches.join(' or ')}`, row, written, 'write the name with its set');
    }
    values[name] = value;
  }
  return values;
}

/** What a feature is where it is not known; undefined where that is not declared. */
function defaultOf(feature: string, catalog: Catalog): unknown {
  const dot = feature.indexOf('.');
  return catalog.get('feature_set', feature.slice(0, dot))?.spec.features[feature.slice(dot + 1)]?.default;
}

/** EP204 where it does not fit the model's tensor. */
function checkType(value: unknown, dtype: string | undefined, width: number, feature: string, row: number): void {
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

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function mismatch(what: string, row: number, name: string, hint?: string): MlopsError {
  const pointer = `/inputs/${row}${name === '' ? '' : `/${name}`}`;
  return new MlopsError('EP204', {
    detail: `Row ${row} does not match the model's signature: ${what}.`,
    hint,
    status: 422,
    data: { errors: [{ pointer, detail: what }] },
  });
}

const SHOWN = 5;

function missingFeatures(
  missing: readonly Missing[],
  rows: readonly RequestRow[],
  positions: readonly number[],
): MlopsError {
  const shown = missing.slice(0, SHOWN).map(({ row, feature, status }) => {
    const entity = rows[positions.indexOf(row)]?.entity;
    return `${feature} (${status.replace('_', ' ')}${entity === undefined ? '' : `, ${JSON.stringify(entity)}`})`;
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

/** `names` as the model has them, `reads` as they were read, in one order. `given` came with the request, `defaults` had no value. */
function loggedReads(
  names: readonly string[],
  reads: readonly string[],
  { given, defaults }: { readonly given: ReadonlySet<string>; readonly defaults: ReadonlySet<string> },
  online: OnlineRow | undefined,
): JsonObject {
  const sets: Record<string, JsonObject> = {};
  const features = new Map<string, string[]>();
  for (const [at, name] of names.entries()) {
    if (given.has(name)) continue;
    const read = reads[at] ?? name;
    const set = read.slice(0, read.indexOf('.'));
    const known = features.get(set);
    const feature = name.slice(name.indexOf('.') + 1);
    if (known === undefined) features.set(set, [feature]);
    else known.push(feature);
  }
  for (const [set, origin] of Object.entries(online?.origins ?? {})) {
    const { version, record, expired } = origin;
    sets[set] = {
      version,
      features: features.get(set) ?? [],
      ...(record !== null && { sequence: record.sequence, event_time: record.eventTime }),
      ...(expired && { expired }),
    };
  }
  return {
    ...(online?.at !== undefined && { at: online.at }),
    sets,
    ...(given.size > 0 && { given: [...given] }),
    ...(defaults.size > 0 && { defaults: [...defaults] }),
  };
}
