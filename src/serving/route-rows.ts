/** Which variant answers each row of a request: the one that was asked for, a rule, or the split by the key; where it serves nothing, another. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import { keyText } from './bucket.ts';
import type { CompiledEndpoint } from './compiled-endpoint.ts';
import { readable } from './conditions.ts';
import type { PredictRequest, RequestRow, Values } from './predict-request.ts';

export interface RoutedRows {
  /** Positions of the rows by the variant that answers them. */
  readonly groups: ReadonlyMap<string, readonly number[]>;
  /** Of each row why: `split`, `rule NAME`, `asked`, `fallback from VARIANT`. */
  readonly why: readonly string[];
  /** What decides of each row, as a text. */
  readonly keys: readonly string[];
}

/** What rules of an endpoint came to, by name, since this process began. */
export type RuleCounts = Map<string, { matched: number; failed: number }>;

/** EP202 where nothing serves, EP204 for a row with an entity and no key, EP210 for a variant that there is not. */
export function routeRows(
  endpoint: CompiledEndpoint,
  rows: readonly RequestRow[],
  request: PredictRequest,
  requestId: string,
  parts: {
    readonly serves: (variant: string) => boolean;
    readonly nothing: () => MlopsError;
    readonly counts: RuleCounts;
  },
): RoutedRows {
  const { spec, router, rules } = endpoint;
  const { serves, nothing, counts } = parts;
  const asked = request.variant;
  if (asked !== undefined && !endpoint.variants.has(asked)) throw unknownVariant(endpoint, asked);
  const groups = new Map<string, number[]>();
  const why: string[] = [];
  const keys: string[] = [];
  const context = request.context ?? {};
  for (let position = 0; position < rows.length; position += 1) {
    const row = rows[position]!;
    const key = keyOf(row, context, spec.key);
    if (key === undefined && row.entity !== undefined) throw keyless(endpoint, row.entity, position);
    const text = key === undefined ? requestId : keyText(key, spec.key);
    keys.push(text);
    let [variant, reason] = asked === undefined ? ['', ''] : [asked, 'asked'];
    if (asked === undefined && rules.length > 0) {
      const entity = readable(row.entity ?? (key === undefined ? undefined : { [spec.key]: key }));
      for (const rule of rules) {
        const holds = rule.holds({ context, entity });
        if (holds === false) continue;
        const count = counts.get(rule.name) ?? { matched: 0, failed: 0 };
        counts.set(rule.name, count);
        count[holds === true ? 'matched' : 'failed'] += 1;
        if (holds !== true) continue;
        [variant, reason] = [rule.variant, `rule ${rule.name}`];
        break;
      }
    }
    if (variant === '') [variant, reason] = [router.assigned(text), 'split'];
    if (!serves(variant)) {
      // Who asks for one by name is told that it is not there, not answered by another.
      const other = asked === undefined ? insteadOf(endpoint, variant, serves) : undefined;
      if (other === undefined) throw nothing();
      reason = `fallback from ${variant}`;
      variant = other;
    }
    why.push(reason);
    const group = groups.get(variant);
    if (group === undefined) groups.set(variant, [position]);
    else group.push(position);
  }
  return { groups, why, keys };
}

/** Who answers for a variant that cannot: its fallbacks in turn, else the one with the largest share that serves. */
export function insteadOf(
  { variants, router }: Pick<CompiledEndpoint, 'variants' | 'router'>,
  variant: string,
  serves: (variant: string) => boolean,
): string | undefined {
  return fallbackOf(variants, variant, serves) ?? router.largest(serves);
}

/** The first on the way of fallbacks that serves. */
export function fallbackOf(
  variants: CompiledEndpoint['variants'],
  variant: string,
  serves: (variant: string) => boolean,
): string | undefined {
  let next = variants.get(variant)?.fallback;
  // A circle is refused when specs are read; a recorded one is left after each was asked.
  for (let steps = 0; next !== undefined && steps < variants.size; steps += 1) {
    if (serves(next)) return next;
    next = variants.get(next)?.fallback;
  }
  return undefined;
}

/** The entity's, else the inputs', else the context's. */
function keyOf({ entity, inputs }: RequestRow, context: Values, name: string): unknown {
  const named = Array.isArray(inputs) ? undefined : (inputs as Values | undefined);
  return entity?.[name] ?? named?.[name] ?? context[name];
}

function keyless({ spec }: CompiledEndpoint, entity: Values, position: number): MlopsError {
  return new MlopsError('EP204', {
    detail: `Row ${position} has no key "${spec.key}", which decides the variant of endpoint ${spec.name}.`,
    hint: didYouMean(spec.key, Object.keys(entity)),
    status: 422,
    data: { errors: [{ pointer: `/entities/${position}`, detail: `the key "${spec.key}" is missing` }] },
  });
}

function unknownVariant({ spec, variants }: CompiledEndpoint, variant: string): MlopsError {
  return new MlopsError('EP210', {
    detail: `Endpoint ${spec.name} has no variant "${variant}".`,
    hint: didYouMean(variant, variants.keys()) ?? `it has: ${[...variants.keys()].join(', ')}`,
    address: `endpoint.${spec.name}`,
    status: 404,
  });
}
