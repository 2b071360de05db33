/** Sources. A source that reads differently makes what was computed from it stale, and may mean something else to a model that learned from it. */
import { textsOf } from '../../spec/query-text.ts';
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
import { described } from './learned.ts';
import { differsFromTraining } from './served.ts';
import { analyzeColumns } from './source-columns.ts';

/** What a value means, beside where it lies: another file of the same columns is new data, not another meaning. */
const MEANING = ['nulls', 'types', 'query', 'table', 'predictions', 'columns'];

export const analyzeSource: Analyzer<'source'> = (context) => {
  if (context.before === undefined) return SAFE;
  if (context.after === undefined) return destroyed(context.before.name, context);
  return together([readsDifferently(context), meansSomethingElse(context), analyzeColumns(context)]);
};

/** No set that is declared reads it, or the specs would be refused. A version that models still read may. */
function destroyed(name: string, { facts, stays }: AnalysisContext<'source'>): Analysis {
  const word = new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'i');
  const readers = (facts.versionReaders ?? []).filter(
    ({ set, model, source, query }) =>
      stays(`feature_set.${set}`) &&
      stays(`model.${model}`) &&
      (source === name || (query !== null && textsOf(query).some(({ text }) => word.test(text)))),
  );
  const versions = [...new Set(readers.map(({ set, version }) => `${set}@${version}`))];
  return versions.length === 0
    ? SAFE
    : says(
        'breaking',
        finding('FS130', 'warning', undefined, {
          detail: `${listed(versions)} ${verb(versions, 'reads', 'read')} source.${name}, and ${listed(readers.map(described))} ${verb(readers, 'is', 'are')} asked with ${verb(versions, 'it', 'them')}: no row comes there any more.`,
          fix: 'train and promote on the newest versions first, then remove the source',
        }),
      );
}

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
