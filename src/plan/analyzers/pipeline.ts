/** Pipelines change in place: runs under way keep the spec that they started with. */
import { type Analyzer, finding, SAFE } from './analyzer.ts';

export const analyzePipeline: Analyzer<'pipeline'> = ({ address, before, after, facts }) => {
  const live = before === undefined ? undefined : facts.liveRuns?.get(before.name);
  if (before === undefined || after !== undefined || live === undefined || live === 0) return SAFE;
  return {
    class: 'breaking',
    findings: [
      finding('PL101', 'error', undefined, {
        detail: `${address} has ${live} ${live === 1 ? 'run' : 'runs'} that did not end. Destroying it would leave their tasks without a pipeline.`,
        fix: 'wait for them or cancel them (mlops runs cancel RUN), then apply again',
      }),
    ],
  };
};
