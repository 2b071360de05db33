/**
 * The types of features: a scalar, `array<T>` of scalars, or `vector<N>`, an embedding of N float32. `canonicalDtype` reads the
 * spellings that other tools have for the same.
 */
import type { Dtype, ScalarDtype } from './schema-types.ts';

/** What an array may hold: JSON has arrays of its own. */
export type ItemDtype = Exclude<ScalarDtype, 'json'>;

export type ParsedDtype =
  | { readonly kind: 'scalar'; readonly type: ScalarDtype }
  | { readonly kind: 'array'; readonly of: ItemDtype }
  | { readonly kind: 'vector'; readonly length: number };

export const ITEM_DTYPES: readonly ItemDtype[] = [
  'bool',
  'int32',
  'int64',
  'float32',
  'float64',
  'string',
  'timestamp',
  'date',
  'uuid',
  'bytes',
];

const parsed = new Map<string, ParsedDtype>();

export function parseDtype(dtype: Dtype): ParsedDtype {
  const known = parsed.get(dtype);
  if (known !== undefined) return known;
  const [, kind, inside = ''] = /^(array|vector)<(\w+)>$/.exec(dtype) ?? [];
  const made: ParsedDtype =
    kind === 'array'
      ? { kind, of: inside as ItemDtype }
      : kind === 'vector'
        ? { kind, length: Number(inside) }
        : { kind: 'scalar', type: dtype as ScalarDtype };
  parsed.set(dtype, made);
  return made;
}

export function isScalar(dtype: Dtype): dtype is ScalarDtype {
  return parseDtype(dtype).kind === 'scalar';
}

/** How many columns of a model it fills: an embedding one for each of its numbers. */
export function columnsOfDtype(dtype: string): number {
  const type = parseDtype(dtype as Dtype);
  return type.kind === 'vector' ? type.length : 1;
}

const SPELLINGS: readonly (readonly [RegExp, (inside: string) => string])[] = [
  [/^(?:array|list)[<(](\w+)[>)]$/, (item) => `array<${item}>`],
  [/^(\w+)\[\]$/, (item) => `array<${item}>`],
  [/^(?:vector|embedding)[<([](\d+)[>)\]]$/, (length) => `vector<${length}>`],
  [/^float32\[(\d+)\]$/, (length) => `vector<${length}>`],
];

/** `float64[]`, `list<float64>` → `array<float64>`; `embedding<8>`, `vector(8)`, `float32[8]` → `vector<8>`. Anything else stays. */
export function canonicalDtype(written: string): string {
  const text = written.replaceAll(/\s/g, '');
  for (const [spelling, canonical] of SPELLINGS) {
    const inside = spelling.exec(text)?.[1];
    if (inside !== undefined) return canonical(inside);
  }
  return written;
}
