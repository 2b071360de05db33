/** The canonical form of an endpoint: key and split written out, each model that it names with a stage or a version. */
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalEndpoint, CanonicalVariant } from './canonical-specs.ts';
import { checkBatching } from './check-batching.ts';
import { checkEnsemble } from './endpoint-ensembles.ts';
import { checkFallbacks } from './endpoint-fallbacks.ts';
import { checkLog } from './endpoint-log.ts';
import { modelsOf, withModels } from './endpoint-models.ts';
import { checkRollout } from './endpoint-rollout.ts';
import { checkRules } from './endpoint-rules.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, refer, report } from './lookup.ts';
import type { EndpointSpec } from './schema-types.ts';

/** The shape was checked: a variant is a model or an ensemble. */
type Written = EndpointSpec & { readonly variants: Readonly<Record<string, CanonicalVariant>> };

export function canonicalEndpoint(spec: EndpointSpec, into: Canonicalizing): CanonicalEndpoint {
  const written = spec as Written;
  const names = Object.keys(written.variants);
  for (const { name, member, pointer, model, stage, version } of modelsOf(written)) {
    refer(into, 'model', model, `${pointer}/model`);
    if (stage !== undefined && version !== undefined)
      report(
        into,
        'SP103',
        `${pointer}/version`,
        `"${member ?? name}" follows a stage and stays at a version; it can do only one.`,
        { part: 'key' },
      );
  }
  const keys = keysOf(written, into);
  for (const [name, variant] of Object.entries(written.variants)) checkEnsemble(name, variant, keys, into);
  checkFallbacks(written.variants, into);
  checkRules(written, keys, into);
  checkBatching(spec, into);
  for (const shadow of Object.keys(written.shadows ?? {}))
    if (names.includes(shadow))
      report(
        into,
        'SP105',
        pointerTo('/shadows', shadow),
        `There is a variant "${shadow}" already; the log tells both by name.`,
        {
          part: 'key',
        },
      );
  checkLog(
    spec,
    modelsOf(written).map(({ model }) => model),
    into,
  );
  const split = splitOf(spec, names, into);
  checkRollout(spec, split, into);
  const canonical = { ...written, key: keyOf(written, keys, into), split };
  return withModels(canonical, (of) => (of.version === undefined ? { ...of, stage: of.stage ?? 'production' } : of));
}

/** Of the entities that the features of its models describe; undefined where none is known. */
function keysOf(spec: Written, { lookup }: Canonicalizing): ReadonlySet<string> | undefined {
  const keys = new Set<string>();
  let known = false;
  for (const { model, role } of modelsOf(spec)) {
    if (role === 'stacking') continue;
    const service = lookup.get('model', model)?.inputs;
    for (const feature of (service === undefined ? undefined : lookup.get('feature_service', service))?.features ??
      []) {
      const set = lookup.get('feature_set', feature.split('.')[0] ?? '');
      const entity = set === undefined ? undefined : lookup.get('entity', set.entity);
      for (const key of Object.keys(entity?.keys ?? {})) keys.add(key);
      known ||= entity !== undefined;
    }
  }
  return known ? keys : undefined;
}

function keyOf(spec: Written, keys: ReadonlySet<string> | undefined, into: Canonicalizing): string {
  if (spec.key !== undefined) {
    if (keys !== undefined && !keys.has(spec.key)) {
      report(into, 'SP104', '/key', `"${spec.key}" is no key of an entity that the model's features describe.`, {
        hint: didYouMean(spec.key, keys),
      });
    }
    return spec.key;
  }
  const [first] = keys ?? [];
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
function hasErrors(spec: Written, { lookup }: Canonicalizing): boolean {
  return modelsOf(spec).some(({ model }) => {
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
