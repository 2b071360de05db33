/**
 * Checks the SQL of a project: syntax, tables and columns at their places in the user's file, and that a query yields what is
 * taken from it. What is not known (a source that was not described) is not checked.
 */
import type { Diagnostic, Severity } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalFeatureSet, CanonicalPipeline, CanonicalSource } from './canonical-specs.ts';
import { checkResults } from './check-results.ts';
import { checkSpine, has } from './check-spine.ts';
import type { Column } from './column.ts';
import type { DescribeSource, ParsesQuery } from './engine-checks.ts';
import type { LineageInputs } from './feature-lineage.ts';
import { jointLineage } from './joint-lineage.ts';
import type { LoadedResource, ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { type Problem, toDiagnostic } from './problem.ts';
import type { QueryLineage } from './query-lineage.ts';
import { mapTexts, mentionedIn, overSources, type QueryText, textsOf } from './query-text.ts';
import { createSqlAnalyzer, jointColumns, type SqlAnalysis, type SqlAnalyzer, type SqlError } from './sql-analysis.ts';
import { tidySql } from './sql-text.ts';
import { itemsQuery } from './task-texts.ts';
import { withNulls } from './template-text.ts';

/** Types that do not give back a text as it was written. A whole number does: one with leading zeros is read as a text. */
const FRACTIONAL = /^(FLOAT|DOUBLE|DECIMAL.*)$/;

export interface SqlChecks {
  readonly describeSource: DescribeSource | undefined;
  readonly parsesQuery: ParsesQuery | undefined;
}

interface Checking extends SqlChecks {
  readonly table: ResourceTable;
  readonly root: string;
  readonly analyzer: SqlAnalyzer;
  readonly diagnostics: Diagnostic[];
  /** By source; undefined where not known. */
  readonly columns: Map<string, readonly Column[] | undefined>;
  /** By address and pointer of the SQL; null where it cannot be told. */
  readonly lineages: Map<string, QueryLineage | null>;
}

export interface CheckedSql extends Pick<LineageInputs, 'query'> {
  readonly diagnostics: readonly Diagnostic[];
  /** Of a source, added ones included; those of a query have no types. Undefined where not known. */
  readonly columns: (source: string) => readonly Column[] | undefined;
}

export async function checkSql(table: ResourceTable, root: string, checks: SqlChecks): Promise<CheckedSql> {
  const checking: Checking = {
    ...checks,
    table,
    root,
    analyzer: createSqlAnalyzer(root),
    diagnostics: [],
    columns: new Map(),
    lineages: new Map(),
  };
  for (const resource of table.ofKind('source')) await columnsOf(resource.name, checking, new Set());
  for (const resource of table.ofKind('feature_set')) await checkFeatureSet(resource, checking);
  for (const resource of table.ofKind('pipeline')) await checkPipeline(resource, checking);
  checking.analyzer.save();
  const { diagnostics, columns, lineages } = checking;
  return {
    diagnostics,
    columns: (source) => columns.get(source),
    query: (address, pointer) => lineages.get(`${address}${pointer}`),
  };
}

/** Columns of a source, and its own problems reported on the way. A cycle of query sources is reported elsewhere. */
async function columnsOf(
  name: string,
  checking: Checking,
  asking: Set<string>,
): Promise<readonly Column[] | undefined> {
  if (checking.columns.has(name) || asking.has(name)) return checking.columns.get(name);
  asking.add(name);
  const resource = checking.table.find('source', name);
  const spec = resource?.draft as CanonicalSource | undefined;
  let columns: readonly Column[] | undefined;
  const query = spec && overSources(spec);
  if (resource !== undefined && query !== undefined) {
    const names = await checkQuery(resource, '/query', query, checking, asking);
    // The types of a query's columns are the engine's to say.
    columns = names?.map((column) => ({ name: column, type: 'UNKNOWN' }));
  } else if (resource !== undefined && spec !== undefined) {
    columns = await describeFile(resource, spec, checking);
  }
  checking.columns.set(name, columns);
  return columns;
}

async function describeFile(
  resource: LoadedResource,
  spec: CanonicalSource,
  checking: Checking,
): Promise<readonly Column[] | undefined> {
  const added = Object.entries(spec.columns ?? {});
  const whole = await describe(spec, checking);
  if (whole instanceof MlopsError && added.length > 0) {
    // Is it the file, or an added column? Without these the file alone is asked.
    const { columns: _columns, ...file } = spec;
    const described = await describe(file, checking);
    if (described !== undefined && !(described instanceof MlopsError)) {
      const columns = [...described, ...added.map(([name]) => ({ name, type: 'UNKNOWN' }))];
      const found = await checkExpressions(resource, added, columns, checking);
      if (!found)
        checking.diagnostics.push(
          toDiagnostic(
            { code: 'SP204', pointer: '/columns', part: 'key', detail: whole.detail, hint: whole.hint },
            resource,
          ),
        );
      return columns;
    }
  }
  if (whole instanceof MlopsError) {
    // A missing file is told already.
    const told = checking.diagnostics.some((diagnostic) => diagnostic.address === resource.address);
    if (!told)
      checking.diagnostics.push(
        toDiagnostic(
          { code: whole.code, ...placeAndWeight(spec, whole), detail: whole.detail, hint: whole.hint },
          resource,
        ),
      );
    return undefined;
  }
  await checkExpressions(resource, added, whole, checking);
  return whole;
}

/** A database that cannot be asked now may be there when the source is read: it is a warning. */
function placeAndWeight(
  { database, table }: CanonicalSource,
  { code }: MlopsError,
): { readonly pointer: string; readonly severity?: Severity } {
  if (database === undefined) return { pointer: '/file' };
  if (code !== 'FS204') return { pointer: '/database', severity: 'warning' };
  return { pointer: table === undefined ? '/query' : '/table' };
}

async function describe(
  spec: CanonicalSource,
  { describeSource, root }: Checking,
): Promise<readonly Column[] | MlopsError | undefined> {
  try {
    return await describeSource?.(spec, root);
  } catch (error) {
    if (error instanceof MlopsError) return error;
    throw error;
  }
}

/** Answers whether something was wrong. */
async function checkExpressions(
  resource: LoadedResource,
  added: readonly (readonly [string, string])[],
  columns: readonly Column[] | undefined,
  checking: Checking,
): Promise<boolean> {
  const before = checking.diagnostics.length;
  for (const [name, expression] of added) {
    const prefix = 'select ';
    const sql = `${prefix}${expression} from "${resource.name}"`;
    const { errors, lineage } = await checking.analyzer.analyze(sql, new Map([[resource.name, columns]]));
    checking.lineages.set(`${resource.address}${pointerTo('/columns', name)}`, lineage);
    const inside = errors.filter(
      (error) => error.start >= prefix.length && error.start < prefix.length + expression.length,
    );
    const moved = inside.map((error) => ({
      ...error,
      start: error.start - prefix.length,
      end: error.end - prefix.length,
    }));
    await reportErrors(
      resource,
      pointerTo('/columns', name),
      expression,
      moved,
      new Map([[resource.name, columns]]),
      checking,
      sql,
    );
  }
  return checking.diagnostics.length > before;
}

/** The columns that a query yields, or undefined where not all are known; its problems are reported. */
async function checkQuery(
  resource: LoadedResource,
  pointer: string,
  written: QueryText,
  checking: Checking,
  asking: Set<string> = new Set(),
): Promise<readonly string[] | undefined> {
  const query = mapTexts(written, withNulls);
  const tables = new Map<string, readonly Column[] | undefined>();
  for (const name of mentionedIn(query, checking.table.names('source')))
    tables.set(name, await columnsOf(name, checking, asking));
  const analyses: SqlAnalysis[] = [];
  for (const { text, dialect, pointer: below } of textsOf(query)) {
    const analysis = await checking.analyzer.analyze(text, tables, dialect);
    analyses.push(analysis);
    // Of Postgres' dialect the engine of the store is asked, not DuckDB's.
    const unsure = dialect === 'duckdb' ? analysis.errors : analysis.errors.filter(({ kind }) => kind !== 'syntax');
    await reportErrors(resource, `${pointer}${below}`, text, unsure, tables, checking, text);
  }
  checking.lineages.set(`${resource.address}${pointer}`, jointLineage(analyses.map(({ lineage }) => lineage)));
  return analyses.some(({ errors }) => errors.length > 0) ? undefined : (jointColumns(analyses) ?? undefined);
}

async function reportErrors(
  resource: LoadedResource,
  pointer: string,
  text: string,
  errors: readonly SqlError[],
  tables: ReadonlyMap<string, readonly Column[] | undefined>,
  checking: Checking,
  whole: string,
): Promise<void> {
  if (errors.some((error) => error.kind === 'syntax') && (await checking.parsesQuery?.(whole)) === true) return;
  const written = tidySql(resource.written(pointer));
  for (const error of errors) {
    const problem = toProblem(error, pointer, text, tables, checking.table);
    if (problem === undefined) continue;
    const span = { start: written.toWritten(error.start), end: written.toWritten(error.end - 1) + 1 };
    checking.diagnostics.push(toDiagnostic({ ...problem, span }, resource));
  }
}

function toProblem(
  error: SqlError,
  pointer: string,
  sql: string,
  tables: ReadonlyMap<string, readonly Column[] | undefined>,
  table: ResourceTable,
): Problem | undefined {
  const name = sql.slice(error.start, error.end).replaceAll('"', '');
  const columns = [...tables.values()].flatMap((list) => (list ?? []).map((column) => column.name));
  switch (error.kind) {
    case 'syntax':
      return { code: 'SP201', pointer, detail: `${error.message.replace(/ near \[.*\]$/s, '')}.` };
    case 'table': {
      const known = table.names('source');
      if (known.has(name.toLowerCase())) return undefined;
      return {
        code: 'SP202',
        pointer,
        detail: `There is no source "${name}" to read from.`,
        hint: didYouMean(name, known),
      };
    }
    case 'alias': {
      // `alk.phos` for a column that is called so: it needs quotes.
      const dotted = columns.find(
        (column) =>
          column.toLowerCase().startsWith(`${name.toLowerCase()}.`) &&
          sql.toLowerCase().startsWith(column.toLowerCase(), error.start),
      );
      const hint = dotted === undefined ? didYouMean(name, tables.keys()) : `write "${dotted}" with quotes`;
      return { code: 'SP202', pointer, detail: `There is no table or alias "${name}" in this query.`, hint };
    }
    case 'column':
      return {
        code: 'SP203',
        pointer,
        detail: `There is no column "${name}"${tableIn(error.message)}.`,
        hint: didYouMean(name, columns),
      };
  }
}

function tableIn(message: string): string {
  const found = /in table '([^']+)'$/.exec(message)?.[1];
  return found === undefined ? '' : ` in "${found}"`;
}

async function checkFeatureSet(resource: LoadedResource, checking: Checking): Promise<void> {
  const spec = resource.draft as CanonicalFeatureSet | undefined;
  if (spec === undefined) {
    const { query } = resource.value;
    if (typeof query === 'string') await checkQuery(resource, '/query', query, checking);
    return;
  }
  const { query, source } = spec;
  const names =
    query === undefined
      ? checking.columns.get(source ?? '')?.map((column) => column.name)
      : await checkQuery(resource, '/query', query, checking);
  if (names === undefined) return;
  const whose = query === undefined ? `The source "${source}" has` : 'The query yields';
  const need = (column: string, pointer: string, what: string): void => {
    if (has(names, column)) return;
    const detail = `${whose} no column "${column}", ${what}.`;
    checking.diagnostics.push(
      toDiagnostic({ code: 'SP203', pointer, detail, hint: didYouMean(column, names) }, resource),
    );
  };
  for (const [key, type] of Object.entries(checking.table.get('entity', spec.entity)?.keys ?? {})) {
    need(key, '/entity', `a key of the entity "${spec.entity}"`);
    const read = checking.columns.get(source ?? '')?.find((column) => has([column.name], key));
    if (type === 'string' && read !== undefined && FRACTIONAL.test(read.type)) {
      const detail = `"${key}" is a text key of the entity "${spec.entity}", but the source "${source}" reads the column as numbers (${read.type}): 1.50 becomes 1.5.`;
      const hint = `add types: { ${key}: 'string' } to the source`;
      checking.diagnostics.push(
        toDiagnostic({ code: 'SP116', severity: 'warning', pointer: '/entity', detail, hint }, resource),
      );
    }
  }
  need(spec.eventTime, '/eventTime', 'the event time');
  if (spec.createdTime !== undefined) need(spec.createdTime, '/createdTime', 'the created time');
  for (const [name, feature] of Object.entries(spec.features)) {
    if (feature.expr !== undefined) continue;
    const pointer = pointerTo('/features', name);
    need(
      feature.column ?? name,
      feature.column === undefined ? pointer : `${pointer}/column`,
      `which the feature "${name}" is taken from`,
    );
  }
}

async function checkPipeline(resource: LoadedResource, checking: Checking): Promise<void> {
  const spec = resource.draft as CanonicalPipeline | undefined;
  if (spec === undefined) return;
  const results = new Map<string, readonly string[] | undefined>();
  for (const [name, task] of Object.entries(spec.tasks)) {
    const pointer = pointerTo('/tasks', name);
    const items = itemsQuery(task.forEach);
    if (items !== undefined) await checkQuery(resource, `${pointer}/forEach/query`, items, checking);
    if (task.operator === 'sql_query')
      results.set(name, await checkQuery(resource, `${pointer}/query`, task.query, checking));
    if ((task.operator === 'wait_for' || task.operator === 'batch_prediction') && task.query !== undefined)
      await checkQuery(resource, `${pointer}/query`, task.query, checking);
    if (task.operator !== 'training_dataset') continue;
    const names = await checkQuery(resource, `${pointer}/spine`, task.spine, checking);
    if (names !== undefined) checkSpine(resource, spec, name, task, names, checking.table, checking.diagnostics);
  }
  checkResults(resource, spec, results, checking.table, checking.diagnostics);
}
