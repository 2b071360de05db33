/** Sources. A source that reads differently makes what was computed from it stale, and may mean something else to a model that learned from it. */
import { changedColumns } from '../changed-columns.ts';
import { pointerSegments } from '../diff.ts';
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
import { differsFromTraining } from './served.ts';
import { analyzeColumns } from './source-columns.ts';

/** What a value means, beside where it lies: another file of the same columns is new data, not another meaning. */
const MEANING = ['nulls', 'types', 'query', 'columns'];

export const analyzeSource: Analyzer<'source'> = (context) => {
  if (context.before === undefined || context.after === undefined) return SAFE;
  return together([readsDifferently(context), meansSomethingElse(context), analyzeColumns(context)]);
};

function readsDifferently({
  address,
  diffs,
  desired,
  readers,
  source,
}: AnalysisContext<'source'>): Analysis | undefined {
  const sets = readers.featureSetsOver(address);
  const [first] = diffs.filter((diff) => changedColumns([diff], source.known) !== undefined);
  if (first === undefined || sets.length === 0) return undefined;
  return says(
    'backfill',
    finding('FS105', 'info', desired, {
      detail: `${address} reads differently from now on. ${listed(sets)} ${verb(sets, 'keeps', 'keep')} the rows they have; rows that differ are added by the next materialization.`,
      fix: `run the pipeline that materializes ${verb(sets, 'it', 'them')}`,
      pointer: first.path,
    }),
  );
}

function meansSomethingElse(context: AnalysisContext<'source'>): Analysis | undefined {
  const { address, diffs, source } = context;
  const meaning = diffs.filter(({ path }) => MEANING.includes(pointerSegments(path)[0] ?? ''));
  const differs = differsFromTraining(
    {
      features: source.featuresAffected(meaning),
      because: meaning.map(({ path }) => `${pointerSegments(path).slice(0, 2).join('.')} of ${address}`),
      pointer: meaning[0]?.path ?? '',
      instead:
        'leave it as it is and add a column or a source of a new name beside it, make new features of that, train and promote, then remove the old ones',
    },
    context,
  );
  return differs && says(differs.severity === 'error' ? 'breaking' : 'backfill', differs);
}
