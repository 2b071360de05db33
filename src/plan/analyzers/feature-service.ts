/** Feature services: the contract between feature sets and models. Versions keep the features and the order that they were trained with. */
import type { Address } from '../../spec/address.ts';
import type { CanonicalFeatureService } from '../../spec/canonical-specs.ts';
import {
  type Analysis,
  type AnalysisContext,
  type Analyzer,
  finding,
  listed,
  SAFE,
  says,
  together,
  verb,
} from './analyzer.ts';

type Context = AnalysisContext<'feature_service'>;

export const analyzeFeatureService: Analyzer<'feature_service'> = (context) => {
  const { address, before, after, readers, stays } = context;
  if (before === undefined || after === undefined) return SAFE;
  const models = readers.modelsReading([address]).filter(stays);
  if (models.length === 0) return SAFE;
  return together([leaving(context, before, after, models), joining(context, before, after, models)]);
};

function leaving(
  { address, desired }: Context,
  before: CanonicalFeatureService,
  after: CanonicalFeatureService,
  models: readonly Address[],
): Analysis | undefined {
  const gone = before.features.filter((feature) => !after.features.includes(feature));
  if (gone.length === 0) return undefined;
  return says(
    'breaking',
    finding('FS106', 'warning', desired, {
      detail: `${listed(gone)} ${verb(gone, 'leaves', 'leave')} ${address}, the inputs of ${listed(models)}. Versions trained before go on reading ${verb(gone, 'it', 'them')} by name; the next training does not.`,
      fix: 'train and promote a version before removing the feature from its set',
      pointer: '/features',
    }),
  );
}

function joining(
  { address, desired }: Context,
  before: CanonicalFeatureService,
  after: CanonicalFeatureService,
  models: readonly Address[],
): Analysis | undefined {
  const came = after.features.filter((feature) => !before.features.includes(feature));
  const kept = (features: readonly string[], others: readonly string[]): string =>
    features.filter((feature) => others.includes(feature)).join();
  const reordered = kept(before.features, after.features) !== kept(after.features, before.features);
  if (came.length === 0 && !reordered) return undefined;
  const what = [
    ...(came.length === 0 ? [] : [`${listed(came)} ${verb(came, 'joins', 'join')} ${address}`]),
    ...(reordered ? [`the order of the features of ${address} changes`] : []),
  ].join(', and ');
  return says(
    'safe',
    finding('FS115', 'info', desired, {
      detail: `${what.replace(/^t/, 'T')}, the inputs of ${listed(models)}. Versions trained before keep what they were trained with; the next training takes the new list.`,
      fix: 'train again to use it',
      pointer: '/features',
    }),
  );
}
