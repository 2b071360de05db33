/** What the schema cannot say of an endpoint's rollout: whom it moves traffic between, that shares rise, that what it measures can be known. */
import { didYouMean } from '../lib/suggest.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { EndpointSpec, Rollout, RolloutAnalysis, Variant } from './schema-types.ts';

/** Against outcomes, which come as feedback. */
const LABELLED: ReadonlySet<string> = new Set(['accuracy', 'auc', 'brier', 'log_loss', 'mae', 'mse']);
/** No variance of them is known, so that no confidence can be told. */
const WITHOUT_VARIANCE: ReadonlySet<string> = new Set(['latency_p50', 'latency_p95', 'latency_p99', 'drift']);

export function checkRollout(spec: EndpointSpec, split: Readonly<Record<string, number>>, into: Canonicalizing): void {
  const { rollout } = spec;
  if (rollout === undefined) return;
  checkVariants(spec, rollout, split, into);
  checkSteps(spec, rollout, into);
  for (const [index, one] of (rollout.analysis ?? []).entries()) checkAnalysis(spec, rollout, one, index, into);
}

function checkVariants(
  { variants }: EndpointSpec,
  { candidate, baseline, onSuccess = 'promote' }: Rollout,
  split: Readonly<Record<string, number>>,
  into: Canonicalizing,
): void {
  const names = Object.keys(variants);
  let known = true;
  for (const [field, name] of Object.entries({ candidate, baseline })) {
    if (names.includes(name)) continue;
    known = false;
    report(into, 'SP104', `/rollout/${field}`, `There is no variant "${name}".`, { hint: didYouMean(name, names) });
  }
  if (!known) return;
  if (candidate === baseline) {
    report(into, 'SP103', '/rollout/baseline', `"${baseline}" cannot be rolled out against itself.`);
    return;
  }
  const [own, other] = [variants[candidate]!, variants[baseline]!];
  for (const [field, variant] of Object.entries({ candidate: own, baseline: other })) {
    if (modelOf(variant) !== undefined) continue;
    report(
      into,
      'SP103',
      `/rollout/${field}`,
      'An ensemble has no version that could be rolled out: name a variant of one model.',
    );
    return;
  }
  if ((split[candidate] ?? 0) > 0)
    report(
      into,
      'SP103',
      pointerTo('/split', candidate),
      `The share of "${candidate}" is the rollout's alone; the split leaves it out.`,
      {
        part: 'key',
        hint: `give its share to ${baseline}, which the rollout takes keys from`,
      },
    );
  else if ((split[baseline] ?? 0) === 0)
    report(
      into,
      'SP103',
      '/rollout/baseline',
      `"${baseline}" has no share of the split: there are no keys to roll "${candidate}" out to.`,
    );
  if (
    modelOf(own) === modelOf(other) &&
    own.version === other.version &&
    (own.stage ?? 'production') === (other.stage ?? 'production')
  )
    report(into, 'SP103', '/rollout/candidate', `"${candidate}" and "${baseline}" follow the same version.`, {
      hint: `let ${candidate} follow the stage staging`,
    });
  if (onSuccess !== 'promote') return;
  if (other.version !== undefined)
    report(
      into,
      'SP103',
      '/rollout/baseline',
      `"${baseline}" stays at version ${other.version}: what is promoted never reaches it.`,
      {
        hint: "let it follow a stage, or write onSuccess: 'hold'",
      },
    );
  else if (modelOf(own) !== modelOf(other))
    report(
      into,
      'SP103',
      '/rollout/candidate',
      `"${candidate}" is of model.${modelOf(own)}, "${baseline}" of model.${modelOf(other)}: one cannot be promoted to the place of the other.`,
      { hint: "write onSuccess: 'hold', and change the baseline's model once it has won" },
    );
}

const modelOf = (variant: Partial<Variant>): string | undefined => variant.model;

function checkSteps(spec: EndpointSpec, { steps }: Rollout, into: Canonicalizing): void {
  steps.forEach(({ share }, index) => {
    const before = index === 0 ? 0 : steps[index - 1]!.share;
    if (share < before)
      report(
        into,
        'SP103',
        `/rollout/steps/${index}/share`,
        `The share falls from ${before} to ${share} %: a key that the candidate has is never taken back.`,
      );
    if (share === 0)
      needsShadow(spec, `/rollout/steps/${index}/share`, 'A step without a share is measured on a shadow', into);
  });
}

function checkAnalysis(
  spec: EndpointSpec,
  { steps, analysis = [] }: Rollout,
  one: RolloutAnalysis,
  index: number,
  into: Canonicalizing,
): void {
  const pointer = `/rollout/analysis/${index}`;
  const { metric } = one;
  const rules = (['max', 'min', 'atLeast'] as const).filter((rule) => one[rule] !== undefined);
  if (rules.length === 0)
    report(into, 'SP102', pointer, `"${metric}" must keep to something: "max", "min" or "atLeast".`);
  for (const rule of rules)
    if (analysis.slice(0, index).some((other) => other.metric === metric && other[rule] !== undefined))
      report(into, 'SP105', `${pointer}/${rule}`, `"${metric}" has "${rule}" twice.`, { part: 'key' });
  if (one.margin !== undefined && one.atLeast === undefined)
    report(into, 'SP103', `${pointer}/margin`, 'A margin is one to the baseline: it needs "atLeast".', { part: 'key' });
  if (one.atLeast !== undefined && metric === 'score')
    report(
      into,
      'SP103',
      `${pointer}/atLeast`,
      'Neither a higher nor a lower mean score is better: bound it with "min" and "max".',
      { part: 'key' },
    );
  if (one.atLeast !== undefined && metric === 'disagreement')
    report(
      into,
      'SP103',
      `${pointer}/atLeast`,
      'A disagreement is one with the baseline already: bound it with "max".',
      { part: 'key' },
    );
  if (one.confidence !== undefined && WITHOUT_VARIANCE.has(metric))
    report(into, 'SP103', `${pointer}/confidence`, `How sure "${metric}" is cannot be told.`, { part: 'key' });
  if (one.fromStep !== undefined && one.fromStep > steps.length)
    report(
      into,
      'SP103',
      `${pointer}/fromStep`,
      `There are ${steps.length} steps: "${metric}" would never be measured.`,
    );
  if (LABELLED.has(metric) && spec.feedback === undefined)
    report(
      into,
      'SP102',
      `${pointer}/metric`,
      `"${metric}" is measured against outcomes, and the endpoint takes none: it would be waited for without end.`,
      {
        hint: "declare them, e.g. feedback: { outcome: 'died', type: 'binary', within: '30d' }",
      },
    );
  if (metric === 'disagreement') needsShadow(spec, `${pointer}/metric`, 'A disagreement is measured on a shadow', into);
}

/** Of the version that the candidate follows. */
function needsShadow(spec: EndpointSpec, pointer: string, why: string, into: Canonicalizing): void {
  const candidate: Partial<Variant> | undefined = spec.variants[spec.rollout!.candidate];
  if (candidate === undefined) return;
  const { shadows = {} } = spec as { readonly shadows?: Readonly<Record<string, Variant>> };
  const stage = (of: Partial<Variant>): string | number => of.version ?? of.stage ?? 'production';
  if (Object.values(shadows).some((one) => one.model === candidate.model && stage(one) === stage(candidate))) return;
  report(
    into,
    'SP102',
    pointer,
    `${why} of the version that "${spec.rollout!.candidate}" follows, and the endpoint has none.`,
    {
      hint: `shadows: { next: { model: '${candidate.model}', ${candidate.version === undefined ? `stage: '${stage(candidate)}'` : `version: ${candidate.version}`} } }`,
    },
  );
}
