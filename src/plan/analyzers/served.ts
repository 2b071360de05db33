/**
 * Whether a model that reads a feature has a version that answers now, and would notice a change. One whose lineage names the version of the
 * set that it learned from goes on reading that; others read the newest, with other values than they learned from.
 */
import { type Address, addressOf } from '../../spec/address.ts';
import type { PlanFacts } from '../../stores/control/facts.ts';
import type { Finding } from '../change.ts';
import { type AnalysisContext, type FindingFields, finding, listed, verb } from './analyzer.ts';
import { isPinned } from './learned.ts';

type Context = Pick<AnalysisContext, 'readers' | 'stays' | 'facts'>;

export interface ModelReaders {
  /** All that read one of the features and stay. */
  readonly all: readonly Address[];
  /** `version 3 of model.risk in production`, of those with a version that answers. */
  readonly served: readonly string[];
  /** Of these it is not known whether a version of theirs answers. */
  readonly unknown: readonly Address[];
}

/** `features` as `set.feature`. */
/** `beside`: the change makes a version of this set beside those that are read, which versions that are pinned to them do not notice. */
export function modelReaders(
  features: readonly string[],
  { readers, stays, facts }: Context,
  beside?: string,
): ModelReaders {
  const services = [...new Set(features.flatMap((feature) => readers.servicesReading(feature)))].filter(stays);
  const all = [...new Set([...readers.modelsReading(services), ...servedByName(features, facts)])].filter(stays);
  if (facts.models === undefined) return { all, served: [], unknown: all };
  const served = all.flatMap((model) => {
    const known = facts.models?.get(model.slice('model.'.length));
    if (known === undefined) return [];
    const notices = (version: number | null): version is number =>
      version !== null && (beside === undefined || !isPinned(facts, beside, model.slice('model.'.length), version));
    return [
      ...(notices(known.production) ? [`version ${known.production} of ${model} in production`] : []),
      ...(notices(known.staging) ? [`version ${known.staging} of ${model} in staging`] : []),
    ];
  });
  return { all, served, unknown: [] };
}

/** Models with a version that answers now and reads one of the features by name, also where the service has dropped it since. */
export function servedByName(features: readonly string[], facts: PlanFacts): readonly Address[] {
  return [...(facts.models ?? [])]
    .filter(([, { servedFeatures }]) => servedFeatures.some((feature) => features.includes(feature)))
    .map(([name]) => addressOf('model', name));
}

export interface Differing {
  /** `set.feature`, those whose values change. */
  readonly features: readonly string[];
  /** What changes them, e.g. `query` or `features.bili.unit`. */
  readonly because: readonly string[];
  readonly pointer: string;
  /** How to do it without a difference. */
  readonly instead: string;
  /** As of `modelReaders`. */
  readonly beside?: string | undefined;
}

/** FS107; undefined where no model reads the features, or none that does has a version that answers. */
export function differsFromTraining(
  { features, because, pointer, instead, beside }: Differing,
  context: Context & Pick<AnalysisContext, 'desired'>,
): Finding | undefined {
  const { served, unknown } = modelReaders(features, context, beside);
  if (served.length + unknown.length === 0) return undefined;
  const what = `${listed(features)} ${verb(features, 'means something else', 'mean something else')}, because ${listed(because)} changed`;
  const fields: FindingFields = {
    detail:
      served.length > 0
        ? `${what}. ${listed(served).replace(/^v/, 'V')} learned from the values before and would be asked with others.`
        : `${what}. Whether a version of ${listed(unknown)} that learned from the values before is served is not known; it would be asked with others.`,
    fix: `${instead}; or suppress FS107 here with a reason`,
    pointer,
  };
  return finding('FS107', served.length > 0 ? 'error' : 'warning', context.desired, fields);
}
