/** Variants of an endpoint: which go, which answer with something else, which have nothing to answer with. */
import type { CanonicalEndpoint, CanonicalVariant } from '../../spec/canonical-specs.ts';
import { type EndpointModel, modelsOfVariant } from '../../spec/endpoint-models.ts';
import { ruleName } from '../../spec/endpoint-rules.ts';
import { escapePointer } from '../diff.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, verb } from './analyzer.ts';
import { ensembleDifferences, ensembleText } from './endpoint-ensembles.ts';
import { followsText, sameFollowed, versionOf } from './followed-versions.ts';
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
      ? removed(context, name, trafficOf(before, name))
      : answeringOtherwise(context, name, old, next, trafficOf(after, name));
  });
}

function removed({ address, desired }: Context, name: string, traffic: string | undefined): Analysis | undefined {
  if (traffic === undefined) return undefined;
  return says(
    'breaking',
    finding('EP103', 'warning', desired, {
      detail: `The variant ${name} of ${address}, which answers ${traffic}, goes: others answer them.`,
      fix: `set its share to 0 first, watch what the others answer, then remove it`,
      pointer: '/variants',
    }),
  );
}

function answeringOtherwise(
  { address, desired, facts }: Context,
  name: string,
  old: CanonicalVariant,
  next: CanonicalVariant,
  traffic: string | undefined,
): Analysis | undefined {
  if (traffic === undefined) return undefined;
  const changed =
    old.ensemble !== undefined && next.ensemble !== undefined
      ? ensembleDifferences(old.ensemble, next.ensemble, facts)
      : old.ensemble !== undefined || next.ensemble !== undefined
        ? {
            what: `answers with ${variantText(next, facts)} instead of ${variantText(old, facts)}`,
            at: next.ensemble === undefined ? '/model' : '/ensemble',
          }
        : sameFollowed(old, next, facts)
          ? undefined
          : {
              what: `answers with ${variantText(next, facts)} instead of ${variantText(old, facts)}`,
              at: old.model !== next.model ? '/model' : next.version === undefined ? '/stage' : '/version',
            };
  if (changed === undefined) return undefined;
  return says(
    'breaking',
    finding('EP104', 'warning', desired, {
      detail: `The variant ${name} of ${address}, with ${traffic}, ${changed.what} as soon as it is applied.`,
      fix: 'let a variant of its own with a small share answer first',
      pointer: `/variants/${escapePointer(name)}${changed.at}`,
    }),
  );
}

/** Variants with traffic that have nothing to serve, where that is known. `before` undefined: the endpoint is made. */
export function unserved(
  { address, desired, facts, diffs }: Context,
  before: CanonicalEndpoint | undefined,
  after: CanonicalEndpoint,
): Analysis | undefined {
  const touched = before === undefined || diffs.some(({ path }) => /^\/(variants|split|rules)(\/|$)/.test(path));
  if (!touched) return undefined;
  const shared = withTraffic(after);
  const empty = shared.flatMap(([name, variant]) => {
    const lacking = needed(name, variant).filter((one) => versionOf(one, facts) === null);
    return lacking.length === 0 ? [] : [{ name, lacking }];
  });
  // An endpoint is often made before its first version is: only what can never answer as it is written is told.
  const unanswered =
    before === undefined ? empty.filter(({ lacking }) => lacking.some(({ version }) => version !== undefined)) : empty;
  const [first] = unanswered;
  if (first === undefined) return undefined;
  const answered =
    before !== undefined &&
    withTraffic(before).some(([name, variant]) => needed(name, variant).every((one) => versionOf(one, facts) !== null));
  const silent = answered && empty.length === shared.length;
  const hasFallback = unanswered.some(({ name }) => after.variants[name]?.fallback !== undefined);
  const names = unanswered.map(({ name, lacking }) => {
    const which = lacking.map(
      (one) => `${one.member === undefined ? '' : `${one.member}: `}${followsText(one, undefined)}`,
    );
    return `${name} (${listed(which)})`;
  });
  return says(
    silent ? 'breaking' : 'safe',
    finding('EP105', silent ? 'error' : 'warning', desired, {
      detail: silent
        ? `${address} has no version left to answer with: ${listed(names)} ${verb(names, 'has', 'have')} none. Every prediction would be refused (EP202).`
        : `${listed(names)} of ${address} ${verb(names, 'has', 'have')} no version to serve. ${hasFallback ? "A variant's fallback answers its keys, else the" : 'The'} variant with the largest share that has one${hasFallback ? '' : ` answers ${verb(names, 'its', 'their')} keys`}.`,
      fix: 'promote a version to that stage first, or pin one that exists',
      pointer: `/variants/${escapePointer(first.name)}`,
    }),
  );
}

/** What a variant cannot answer without. */
function needed(name: string, variant: CanonicalVariant): readonly EndpointModel[] {
  const members = variant.ensemble?.members ?? {};
  return modelsOfVariant(name, variant).filter(
    ({ member }) => member === undefined || members[member]?.optional !== true,
  );
}

/** What it answers for people: its share of the keys and the requests of rules; undefined where that is nothing. */
function trafficOf({ split, rules = [] }: CanonicalEndpoint, variant: string): string | undefined {
  const share = split[variant] ?? 0;
  const ruled = rules.flatMap((rule, index) => (rule.variant === variant ? [ruleName(rule, index)] : []));
  const parts = [
    ...(share > 0 ? [`${percent(share)} of the keys`] : []),
    ...(ruled.length > 0 ? [`the requests of ${verb(ruled, 'the rule', 'the rules')} ${listed(ruled)}`] : []),
  ];
  return parts.length === 0 ? undefined : listed(parts);
}

function withTraffic(endpoint: CanonicalEndpoint): readonly (readonly [string, CanonicalVariant])[] {
  return Object.entries(endpoint.variants).filter(([name]) => trafficOf(endpoint, name) !== undefined);
}

function variantText(variant: CanonicalVariant, facts: Context['facts']): string {
  return variant.ensemble === undefined
    ? followsText(variant, versionOf(variant, facts))
    : ensembleText(variant.ensemble);
}
