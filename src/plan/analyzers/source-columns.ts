/** What the loss or another type of single columns of a source means for the features that read them. */
import type { CanonicalFeatureSet } from '../../spec/canonical-specs.ts';
import { operandsOf } from '../../spec/feature-lineage.ts';
import { type ColumnChange, changedColumns, isColumn } from '../changed-columns.ts';
import { OBSERVED } from '../source-columns.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, together, verb } from './analyzer.ts';
import { differsFromTraining } from './served.ts';

type Context = AnalysisContext<'source'>;

export function analyzeColumns(context: Context): Analysis | undefined {
  const { desired, diffs, source } = context;
  const changes = changedColumns([...diffs, ...source.observed], source.known);
  if (desired === undefined || changes === undefined || changes === 'all') return undefined;
  return together(
    changes.map((one, index) => {
      if (one.change !== 'gone' && one.change !== 'retyped') return undefined;
      // A column whose type in the spec and in the file changed is told once.
      const same = (other: ColumnChange): boolean => other.column === one.column && other.change === one.change;
      if (changes.findIndex(same) !== index) return undefined;
      const readers = readersOf(one.column, context);
      if (readers.length === 0) return undefined;
      return one.change === 'gone' ? lost(one, readers, context) : retyped(one, readers, context);
    }),
  );
}

function lost({ column, path, what }: ColumnChange, readers: readonly string[], { desired }: Context): Analysis {
  return says(
    'breaking',
    finding('FS120', 'error', desired, {
      detail: `${desired?.name}.${column} ${what}, but ${listed(readers)} ${verb(readers, 'reads', 'read')} it: the rows could not be computed any more.`,
      fix: `bring the column back, or take ${listed(readers)} away from it first`,
      pointer: path,
    }),
  );
}

function retyped(change: ColumnChange, readers: readonly string[], context: Context): Analysis {
  const { column, path, what } = change;
  const { desired } = context;
  // What the specs say of the type themselves is the source's own edit, which is looked at as a whole.
  const differs = path.startsWith(OBSERVED) ? differingFrom(change, context) : undefined;
  if (differs !== undefined) return says(differs.severity === 'error' ? 'breaking' : 'backfill', differs);
  return says(
    'backfill',
    finding('FS121', 'warning', desired, {
      detail: `${desired?.name}.${column} ${what}, and ${listed(readers)} ${verb(readers, 'reads', 'read')} it: values are converted from the new type, and one that cannot be ends the materialization.`,
      fix: `look whether the values still fit; \`types: { ${column}: … }\` in the source fixes how the file is read`,
      pointer: path,
    }),
  );
}

/** The data says it, no spec does: a model that serves would be asked with values read otherwise than those that it learned from. */
function differingFrom({ column, path }: ColumnChange, context: Context) {
  const { source, desired } = context;
  const diffs = source.observed.filter((diff) => diff.path === path);
  const [from, to] = [String(diffs[0]?.before), String(diffs[0]?.after)];
  const exact = (feature: string): boolean => readsSameNumbers(feature, column, [from, to], context);
  return differsFromTraining(
    {
      features: source.featuresAffected(diffs).filter((feature) => !exact(feature)),
      because: [`the type of ${desired?.name}.${column} in the data (${from}, now ${to})`],
      pointer: path,
      instead: `fix how the file is read with \`types: { ${column}: … }\` in ${context.address}, or bring data of the type before`,
    },
    context,
  );
}

const WHOLE = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
const FRACTION = /^(FLOAT|DOUBLE|REAL|DECIMAL(\(.*\))?)$/;

/** A number that is written without a fraction is the same number: such a file is often read as another type. */
function readsSameNumbers(
  feature: string,
  column: string,
  types: readonly string[],
  { desired, desiredResources }: Context,
): boolean {
  const [setName = '', name = ''] = feature.split('.', 2);
  const set = desiredResources.get(`feature_set.${setName}`)?.spec as CanonicalFeatureSet | undefined;
  if (set === undefined || set.source !== desired?.name) return false;
  const isNumber = (dtype: string): boolean =>
    dtype.startsWith('float')
      ? types.every((type) => WHOLE.test(type) || FRACTION.test(type))
      : dtype.startsWith('int') && types.every((type) => WHOLE.test(type));
  const isRead = (of: string): boolean => of.toLowerCase() === column.toLowerCase();
  if ([set.eventTime, set.createdTime ?? ''].some(isRead)) return false;
  const looked = new Set<string>();
  const same = (one: string): boolean => {
    const spec = set.features[one];
    if (spec === undefined || looked.has(one)) return spec !== undefined;
    looked.add(one);
    if (spec.expr !== undefined) return operandsOf(spec.expr, Object.keys(set.features)).every(same);
    return !isRead(spec.column ?? one) || isNumber(spec.dtype);
  };
  // One that reads the column by way of the entity's keys is told like any other.
  const direct = Object.entries(set.features).some(
    ([one, { expr, column: named }]) => expr === undefined && isRead(named ?? one),
  );
  return direct && same(name);
}

function readersOf(column: string, { desired, source }: Context): readonly string[] {
  const readers: string[] = [];
  for (const { set, lineage } of source.lineagesAfter())
    for (const [feature, columns] of Object.entries(lineage))
      if (columns?.some((read) => isColumn(read, desired?.name ?? '', column)) === true)
        readers.push(`${set}.${feature}`);
  return readers.sort();
}
