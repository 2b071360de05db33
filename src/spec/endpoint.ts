/** The canonical form of an endpoint: key and split written out, each variant with a stage or a version. */
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalEndpoint } from './canonical-specs.ts';
import { checkBatching } from './check-batching.ts';
import { checkLog } from './endpoint-log.ts';
import { checkRollout } from './endpoint-rollout.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, refer, report } from './lookup.ts';
import type { EndpointSpec, Variant } from './schema-types.ts';

export function canonicalEndpoint(spec: EndpointSpec, into: Canonicalizing): CanonicalEndpoint {
  const names = Object.keys(spec.variants);
  const variants: Record<string, Variant> = {};
  for (const [name, variant] of Object.entries(spec.variants)) {
    const pointer = pointerTo('/variants', name);
    refer(into, 'model', variant.model, `${pointer}/model`);
    if (variant.stage !== undefined && variant.version !== undefined) {
      report(
        into,
        'SP103',
        `${pointer}/version`,
        `"${name}" follows a stage and stays at a version; it can do only one.`,
        { part: 'key' },
      );
    }
    variants[name] = variant.version === undefined ? { ...variant, stage: variant.stage ?? 'production' } : variant;
  }
  checkBatching(spec, into);
  checkLog(
    spec,
    Object.values(spec.variants).map(({ model }) => model),
    into,
  );
  const split = splitOf(spec, names, into);
  checkRollout(spec, split, into);
  return { ...spec, variants, key: keyOf(spec, into), split };
}

function keyOf(spec: EndpointSpec, into: Canonicalizing): string {
  const keys = new Set<string>();
  let known = false;
  for (const { model } of Object.values(spec.variants)) {
    const service = into.lookup.get('model', model)?.inputs;
    for (const feature of (service === undefined ? undefined : into.lookup.get('feature_service', service))?.features ??
      []) {
      const set = into.lookup.get('feature_set', feature.split('.')[0] ?? '');
      const entity = set === undefined ? undefined : into.lookup.get('entity', set.entity);
      for (const key of Object.keys(entity?.keys ?? {})) keys.add(key);
      known ||= entity !== undefined;
    }
  }
  if (spec.key !== undefined) {
    if (known && !keys.has(spec.key)) {
      report(into, 'SP104', '/key', `"${spec.key}" is no key of an entity that the model's features describe.`, {
        hint: didYouMean(spec.key, keys),
      });
    }
    return spec.key;
  }
  const [first] = keys;
  if (first === undefined && !hasErrors(spec, into)) {
    report(
      into,
      'SP108',
      '',
      'The endpoint needs "key", the entity key that decides the variant: its models name no "inputs" to take it from.',
    );
  }
  return first ?? '';
}

/** Whether something that the key would come from has errors of its own, so that it cannot be known. */
function hasErrors(spec: EndpointSpec, { lookup }: Canonicalizing): boolean {
  return Object.values(spec.variants).some(({ model }) => {
    const service = lookup.get('model', model)?.inputs;
    return (
      lookup.get('model', model) === undefined ||
      (service !== undefined && lookup.get('feature_service', service) === undefined)
    );
  });
}

function splitOf(spec: EndpointSpec, names: readonly string[], into: Canonicalizing): Record<string, number> {
  if (spec.split === undefined) {
    const rolled = spec.rollout;
    if (rolled !== undefined && names.length === 2 && names.includes(rolled.baseline))
      return { [rolled.baseline]: 100 };
    if (names.length > 1) {
      const even = names.map(
        (name, index) =>
          `${name}: ${index === 0 ? 100 - Math.floor(100 / names.length) * (names.length - 1) : Math.floor(100 / names.length)}`,
      );
      report(into, 'SP102', '', `With several variants the endpoint needs "split", the share of each in percent.`, {
        hint: `for example: split: { ${even.join(', ')} }`,
      });
    }
    return { [names[0] ?? '']: 100 };
  }
  let sum = 0;
  for (const [name, share] of Object.entries(spec.split)) {
    sum += share;
    if (!names.includes(name))
      report(into, 'SP104', pointerTo('/split', name), `There is no variant "${name}".`, {
        part: 'key',
        hint: didYouMean(name, names),
      });
  }
  if (Math.abs(sum - 100) > 1e-9)
    report(into, 'SP103', '/split', `The shares add up to ${sum}, not 100.`, { part: 'key' });
  return spec.split;
}
