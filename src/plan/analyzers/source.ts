/** Sources. A source that reads differently makes what was computed from it stale, and may mean something else to a model that learned from it. */
import type { AttributeDiff } from '../change.ts';
import { pointerSegments } from '../diff.ts';
import { type Analyzer, finding, listed, SAFE, says, together, verb } from './analyzer.ts';
import { differsFromTraining } from './served.ts';
import { featuresFrom } from './source-readers.ts';

/** How the rows are read. */
const READING = ['file', 'format', 'nulls', 'delimiter', 'types', 'query', 'columns'];

/** What a value means, beside where it lies: another file of the same columns is new data, not another meaning. */
const MEANING = ['nulls', 'types', 'query', 'columns'];

export const analyzeSource: Analyzer<'source'> = (context) => {
  const { address, before, after, diffs, desired, readers } = context;
  if (before === undefined || after === undefined) return SAFE;
  const changed = diffs.filter(({ path }) => READING.includes(pointerSegments(path)[0] ?? ''));
  const sets = readers.featureSetsOver(address);
  if (changed.length === 0 || sets.length === 0) return SAFE;
  const stale = says(
    'backfill',
    finding('FS105', 'info', desired, {
      detail: `${address} reads differently from now on. ${listed(sets)} ${verb(sets, 'keeps', 'keep')} the rows they have; rows that differ are added by the next materialization.`,
      fix: `run the pipeline that materializes ${verb(sets, 'it', 'them')}`,
      pointer: changed[0]?.path ?? '',
    }),
  );
  const meaning = changed.filter(({ path }) => MEANING.includes(pointerSegments(path)[0] ?? ''));
  if (meaning.length === 0) return stale;
  const features = featuresFrom(address, columnsOf(meaning), context);
  const differs = differsFromTraining(
    {
      features,
      because: meaning.map(({ path }) => `${pointerSegments(path).slice(0, 2).join('.')} of ${address}`),
      pointer: meaning[0]?.path ?? '',
      instead:
        'leave it as it is and add a column or a source of a new name beside it, make new features of that, train and promote, then remove the old ones',
    },
    context,
  );
  return differs === undefined
    ? stale
    : together([stale, says(differs.severity === 'error' ? 'breaking' : 'backfill', differs)]);
};

/** The columns that the differences are about; undefined: it may be any. */
function columnsOf(diffs: readonly AttributeDiff[]): readonly string[] | undefined {
  const columns = diffs.map(({ path, before, after }) => {
    const [field = '', column] = pointerSegments(path);
    if (field !== 'types' && field !== 'columns') return undefined;
    // The first that is told or the last that goes is a difference of the whole map.
    return column === undefined ? [before, after].flatMap((map) => Object.keys(map ?? {})) : [column];
  });
  return columns.every((some) => some !== undefined) ? columns.flat() : undefined;
}
