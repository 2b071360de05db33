/** Sources. A source that reads differently makes what was computed from it stale. */
import { type Analyzer, finding, listed, SAFE } from './analyzer.ts';

const READING = ['file', 'format', 'nulls', 'delimiter', 'types', 'query', 'columns'];

export const analyzeSource: Analyzer<'source'> = ({ address, before, after, diffs, desired, readers }) => {
  if (before === undefined || after === undefined) return SAFE;
  const changed = diffs.filter(({ path }) => READING.includes(path.split('/')[1] ?? ''));
  if (changed.length === 0) return SAFE;
  const sets = readers.featureSetsOn(address);
  if (sets.length === 0) return SAFE;
  return {
    class: 'backfill',
    findings: [
      finding('FS105', 'info', desired, {
        detail: `${address} reads differently from now on. ${listed(sets)} keep the rows they have; rows that differ are added by the next materialization.`,
        fix: `run the pipeline that materializes ${sets.length === 1 ? 'it' : 'them'}`,
        pointer: changed[0]?.path ?? '',
      }),
    ],
  };
};
