/** Policies: what they say of a plan stands beside its changes. A change of one is told where nothing judges by its former form. */
import { type Analyzer, finding, SAFE } from './analyzer.ts';

export const analyzePolicy: Analyzer<'policy'> = ({ address, before, after, desired }) => {
  if (before?.check === undefined || after?.check !== undefined) return SAFE;
  return {
    class: 'safe',
    findings: [
      finding('AP112', 'warning', desired, {
        detail: `${address} is recorded as a function, which is text there: it cannot be run any more, so it did not judge this plan.`,
        fix: 'where it must go on holding, keep it until what it is about is settled',
        pointer: '/check',
      }),
    ],
  };
};
