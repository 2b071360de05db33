/** Feature services: the contract between feature sets and models. Taking a feature out of it breaks whoever reads it. */
import { type Analyzer, finding, listed, SAFE } from './analyzer.ts';

export const analyzeFeatureService: Analyzer<'feature_service'> = (context) => {
  const { address, before, after, desired, readers, stays } = context;
  if (before === undefined || after === undefined) return SAFE;
  const gone = before.features.filter((feature) => !after.features.includes(feature));
  const models = readers.modelsReading([address]).filter(stays);
  if (gone.length === 0 || models.length === 0) return SAFE;
  return {
    class: 'breaking',
    findings: [
      finding('FS106', 'warning', desired, {
        detail: `${listed(gone)} ${gone.length === 1 ? 'leaves' : 'leave'} ${address}, the inputs of ${listed(models)}. Versions trained before go on reading ${gone.length === 1 ? 'it' : 'them'} by name; the next training does not.`,
        fix: 'train and promote a version before removing the feature from its set',
        pointer: '/features',
      }),
    ],
  };
};
