/** Variants of an endpoint: which go, which answer with something else, which have nothing to answer with. */
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import type { Variant } from '../../spec/schema-types.ts';
import { escapePointer } from '../diff.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, verb } from './analyzer.ts';
import { percent } from './traffic.ts';

type Context = AnalysisContext<'endpoint'>;

export function variantChanges(
  context: Context,
  before: CanonicalEndpoint,
  after: CanonicalEndpoint,
): readonly (Analysis | undefined)[] {
  return Object.entries(before.variants).map(([name, old]) => {
    const next = after.variants[name];
    return next === undefined
      ? removed(context, name, before.split[name] ?? 0)
      : answeringOtherwise(context, name, old, next, after.split[name] ?? 0);
  });
}

function removed({ address, desired }: Context, name: string, share: number): Analysis | undefined {
  if (share === 0) return undefined;
  return says(
    'breaking',
    finding('EP103', 'warning', desired, {
      detail: `The variant ${name} of ${address}, which answers ${percent(share)} of the keys, goes: others answer them.`,
      fix: `set its share to 0 first, watch what the others answer, then remove it`,
      pointer: '/variants',
    }),
  );
}

function answeringOtherwise(
  { address, desired, facts }: Context,
  name: string,
  old: Variant,
  next: Variant,
  share: number,
): Analysis | undefined {
  if (old.model === next.model && old.stage === next.stage && old.version === next.version) return undefined;
  if (share === 0) return undefined;
  const [was, is] = [versionOf(old, facts), versionOf(next, facts)];
  // Another way to say the same version.
  if (old.model === next.model && was !== undefined && was !== null && was === is) return undefined;
  const field = old.model !== next.model ? 'model' : next.version === undefined ? 'stage' : 'version';
  return says(
    'breaking',
    finding('EP104', 'warning', desired, {
      detail: `The variant ${name} of ${address}, with ${percent(share)} of the keys, answers with ${told(next, is)} instead of ${told(old, was)} as soon as it is applied.`,
      fix: 'let a variant of its own with a small share answer first',
      pointer: `/variants/${escapePointer(name)}/${field}`,
    }),
  );
}

/** Variants with a share that have nothing to serve, where that is known. `before` undefined: the endpoint is made. */
export function unserved(
  { address, desired, facts, diffs }: Context,
  before: CanonicalEndpoint | undefined,
  after: CanonicalEndpoint,
): Analysis | undefined {
  const touched = before === undefined || diffs.some(({ path }) => /^\/(variants|split)(\/|$)/.test(path));
  if (!touched) return undefined;
  const shared = withShare(after);
  const empty = shared.filter(([, variant]) => versionOf(variant, facts) === null);
  // An endpoint is often made before its first version is: only what can never answer as it is written is told.
  const unanswered = before === undefined ? empty.filter(([, { version }]) => version !== undefined) : empty;
  const [first] = unanswered;
  if (first === undefined) return undefined;
  const answered = before !== undefined && withShare(before).some(([, variant]) => versionOf(variant, facts) !== null);
  const silent = answered && empty.length === shared.length;
  const names = unanswered.map(([name, variant]) => `${name} (${told(variant, undefined)})`);
  return says(
    silent ? 'breaking' : 'safe',
    finding('EP105', silent ? 'error' : 'warning', desired, {
      detail: silent
        ? `${address} has no version left to answer with: ${listed(names)} ${verb(names, 'has', 'have')} none. Every prediction would be refused (EP202).`
        : `${listed(names)} of ${address} ${verb(names, 'has', 'have')} no version to serve. The variant with the largest share that has one answers ${verb(names, 'its', 'their')} keys.`,
      fix: 'promote a version to that stage first, or pin one that exists',
      pointer: `/variants/${escapePointer(first[0])}`,
    }),
  );
}

function withShare({ variants, split }: CanonicalEndpoint): readonly (readonly [string, Variant])[] {
  return Object.entries(variants).filter(([name]) => (split[name] ?? 0) > 0);
}

/** Null: there is none. Undefined: not known. */
function versionOf({ model, stage, version }: Variant, { models }: Context['facts']): number | null | undefined {
  if (models === undefined) return undefined;
  const known = models.get(model);
  if (version !== undefined) return version <= (known?.versions ?? 0) ? version : null;
  if (stage === 'production') return known?.production ?? null;
  if (stage === 'staging') return known?.staging ?? null;
  return known === undefined || known.versions === 0 ? null : undefined;
}

function told({ model, stage, version }: Variant, known: number | null | undefined): string {
  if (version !== undefined) return `version ${version} of model.${model}`;
  return `model.${model} in ${stage}${known === undefined ? '' : known === null ? ', which has no version' : `, now version ${known}`}`;
}
