/** From what the stores hold to drift: what is not as recorded, how grave it is, and what puts it right. Pure. */
import { assertNever } from '../lib/assert.ts';
import { CODES, type DiagnosticCode } from '../lib/codes.ts';
import type { Severity } from '../lib/diagnostics.ts';
import type { Column } from '../spec/column.ts';
import type {
  ControlDifference,
  Observed,
  ObservedArtifact,
  ObservedOnline,
  ObservedSource,
  ObservedTable,
  Reading,
  RegistryDifference,
} from '../stores/control/observed.ts';
import type { Drift } from './plan.ts';

/** Of many files, rows or columns that are wrong in one way this many are named. */
const NAMED = 3;
const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/** The gravest first, then by address and code. */
export function driftOf(observed: Observed): readonly Drift[] {
  const drift = [
    ...of('store.control', observed.control, (found) => found.map(controlDrift)),
    ...of('store.offline', observed.offline, offlineDrift),
    ...of('store.online', observed.online, onlineDrift),
    ...of('store.artifacts', observed.artifacts, artifactDrift),
    ...of('store.registry', observed.registry, (found) => found.map(registryDrift)),
    ...of('store.sources', observed.sources, (found) => found.flatMap(sourceDrift)),
  ];
  return drift
    .map((one, index) => ({ one, index }))
    .sort(
      (a, b) =>
        SEVERITIES.indexOf(a.one.severity) - SEVERITIES.indexOf(b.one.severity) ||
        // The control store's stay in the order in which their fixes are run.
        (a.one.address === b.one.address ? a.index - b.index : a.one.address < b.one.address ? -1 : 1),
    )
    .map(({ one }) => one);
}

function of<T>(address: string, reading: Reading<T>, drift: (found: T) => readonly Drift[]): readonly Drift[] {
  if ('found' in reading) return drift(reading.found);
  return [
    entry(
      address,
      'ST217',
      'error',
      reading.problem,
      'see that the store answers, then look again: what it holds is not known',
    ),
  ];
}

function entry(address: string, code: DiagnosticCode, severity: Severity, detail: string, fix: string): Drift {
  return { address, code, severity, summary: CODES[code], detail, fix };
}

function controlDrift({ aspect, problem, fix }: ControlDifference): Drift {
  switch (aspect) {
    case 'table':
      return entry('store.control', 'ST201', 'error', problem, fix);
    case 'schema':
      return entry('store.control', 'ST202', 'error', problem, fix);
    case 'guard':
      return entry('store.control', 'ST203', 'error', problem, fix);
    case 'privilege':
      return entry('store.control', 'ST204', 'error', problem, fix);
    case 'grant':
      return entry('store.control', 'ST205', 'warning', problem, fix);
    case 'behind':
      return entry('store.control', 'ST206', 'info', problem, fix);
    default:
      return assertNever(aspect);
  }
}

function offlineDrift(tables: readonly ObservedTable[]): readonly Drift[] {
  const drift: Drift[] = [];
  const groups = new Map<
    string,
    { readonly code: DiagnosticCode; readonly tables: ObservedTable[]; readonly whys: string[] }
  >();
  for (const table of tables) {
    const wrong = tableProblem(table);
    if (wrong === undefined) continue;
    const key = `${addressOfTable(table)} ${'set' in table.of ? table.of.version : ''} ${wrong.code}`;
    const group = groups.get(key) ?? { code: wrong.code, tables: [], whys: [] };
    group.tables.push(table);
    group.whys.push(wrong.why === '' ? table.location : `${table.location}: ${wrong.why}`);
    groups.set(key, group);
  }
  for (const { code, tables: wrong, whys } of groups.values()) {
    const [first] = wrong;
    if (first === undefined) continue;
    const rows = wrong.reduce((sum, table) => sum + table.rows, 0).toLocaleString('en-US');
    const state = code === 'ST207' ? 'missing' : 'not as recorded';
    const what =
      'set' in first.of
        ? `${counted(wrong.length, 'part')} of version ${first.of.version}, with ${rows} rows,`
        : `The newest snapshot, with ${rows} rows,`;
    const verb = wrong.length === 1 ? 'is' : 'are';
    const detail = `${what} ${verb} ${state} in the offline store (${listed(whys)}).`;
    const severity = 'set' in first.of ? 'error' : 'warning';
    drift.push(entry(addressOfTable(first), code, severity, detail, repairOf(first)));
  }
  return drift;
}

function tableProblem({
  is,
  rows,
  columns,
}: ObservedTable): { readonly code: 'ST207' | 'ST208'; readonly why: string } | undefined {
  if (is.state === 'missing') return { code: 'ST207', why: '' };
  if (is.state === 'damaged') return { code: 'ST208', why: is.why };
  if (is.rows !== rows) return { code: 'ST208', why: `${is.rows} rows, ${rows} are recorded` };
  const different = columnChanges(columns, is.columns);
  return different.length === 0 ? undefined : { code: 'ST208', why: listed(different) };
}

function addressOfTable({ of: owner }: ObservedTable): string {
  return 'set' in owner ? `feature_set.${owner.set}` : `source.${owner.source}`;
}

function repairOf({ of: owner, readBy }: ObservedTable): string {
  if ('set' in owner) {
    const again = `mlops features materialize ${owner.set} --repair`;
    return owner.pushed
      ? `restore the files from a backup. Without one, ${again} lets go of them; rows that came by push are not computed again, so push them again`
      : `${again} computes the rows again; of rows that came by push only those that are pushed again come back`;
  }
  const [first] = readBy;
  return first === undefined
    ? `nothing that is applied reads it now; the next ingestion of ${owner.source} makes it again`
    : `mlops features materialize ${first} takes the snapshot again`;
}

function onlineDrift(tables: readonly ObservedOnline[]): readonly Drift[] {
  const absent = tables.filter(({ is }) => is.state === 'absent');
  const [first] = absent;
  if (first !== undefined) {
    const sets = absent.map(({ set }) => set);
    const detail = `There is no online store, but ${counted(sets.length, 'feature set')} ${sets.length === 1 ? 'was' : 'were'} written to one: ${listed(sets)}.`;
    const fix =
      'mlops features materialize fills a new one; a daemon that runs goes on with the one that it opened: restart it';
    return [entry('store.online', 'ST209', 'error', detail, fix)];
  }
  return tables.flatMap(({ set, version, sequence, rows, is }) => {
    const address = `feature_set.${set}`;
    const again = `mlops features materialize ${set}`;
    const count = `${rows.toLocaleString('en-US')} recorded rows`;
    switch (is.state) {
      case 'lost':
        return [
          entry(
            address,
            'ST210',
            'error',
            `The online store has nothing of version ${version}, of which there are ${count}.`,
            `${again} fills it again`,
          ),
        ];
      case 'emptied':
        return [
          entry(
            address,
            'ST210',
            'error',
            `The online store lost the records of version ${version} but says that it is filled; there are ${count}.`,
            `${again} --repair fills it again`,
          ),
        ];
      case 'filled':
        return is.sequence >= sequence
          ? []
          : [
              entry(
                address,
                'ST210',
                'warning',
                `The online store is behind: it has version ${version} through sequence ${is.sequence}, ${sequence} is recorded.`,
                `${again} brings it up to date`,
              ),
            ];
      case 'absent':
        return [];
      default:
        return assertNever(is);
    }
  });
}

function artifactDrift(artifacts: readonly ObservedArtifact[]): readonly Drift[] {
  const drift: Drift[] = [];
  const lost = new Map<string, Set<string>>();
  for (const { of: owner, digest, bytes, storedBytes } of artifacts) {
    if (storedBytes !== null && (bytes === null || bytes === storedBytes)) continue;
    if ('pipeline' in owner) {
      lost.set(owner.pipeline, (lost.get(owner.pipeline) ?? new Set()).add(owner.file));
      continue;
    }
    const { model, version, stage, path, id } = owner;
    const where = `${path} of version ${version}, which is in ${stage},`;
    const fix = `upload the same content: curl -T FILE ADDRESS/api/v1/models/${id}/artifacts/${path}; or serve another version: mlops models rollback ${model}`;
    drift.push(
      storedBytes === null
        ? entry(`model.${model}`, 'ST211', 'error', `${where} is not in the artifact store (SHA-256 ${digest}).`, fix)
        : entry(
            `model.${model}`,
            'ST212',
            'error',
            `${where} has ${storedBytes} bytes in the artifact store; ${bytes} are recorded.`,
            fix,
          ),
    );
  }
  for (const [pipeline, names] of lost) {
    const files = [...names];
    const detail = `${counted(files.length, 'file')} of its code ${files.length === 1 ? 'is' : 'are'} not in the artifact store: ${listed(files)}. Its next run would fail.`;
    drift.push(
      entry(
        `pipeline.${pipeline}`,
        'ST211',
        'error',
        detail,
        'mlops apply, with the code as it was applied, stores it again',
      ),
    );
  }
  return drift;
}

const UNSERVED = {
  variant: 'its requests are refused, or answered by another variant',
  member: 'the ensemble answers without it where it is optional, else not at all',
  stacking: 'the ensemble does not answer',
  shadow: 'it gets no copies',
} as const;

function whoFollows({ role, variant, member }: RegistryDifference & { readonly about: 'endpoint' }): string {
  if (role === 'member') return `member ${member} of the variant ${variant}`;
  return role === 'stacking' ? `stacking of the variant ${variant}` : `${role} ${variant}`;
}

function registryDrift(difference: RegistryDifference): Drift {
  if (difference.about === 'endpoint') {
    const { endpoint, model, follows, newest } = difference;
    return entry(
      `endpoint.${endpoint}`,
      'ST213',
      'warning',
      `The ${whoFollows(difference)} follows ${follows} of model.${model}, which no version is; ${UNSERVED[difference.role]}.`,
      follows.startsWith('stage ')
        ? `mlops models promote ${model} ${newest} --to ${follows.slice('stage '.length)}`
        : `let it follow a version that is there (newest: ${newest}), and apply`,
    );
  }
  const { model, version, stage, sets } = difference;
  return entry(
    `model.${model}`,
    'ST214',
    'warning',
    `Version ${version}, which is in ${stage}, reads ${sets.map((set) => `feature_set.${set}`).join(', ')}, which ${sets.length === 1 ? 'is' : 'are'} not declared any more.`,
    `declare and apply ${sets.length === 1 ? 'it' : 'them'} again, or train a version without ${sets.length === 1 ? 'it' : 'them'} and promote that`,
  );
}

function sourceDrift({ source, file, columns, is }: ObservedSource): readonly Drift[] {
  const address = `source.${source}`;
  switch (is.state) {
    case 'gone':
      return [
        entry(
          address,
          'ST215',
          'error',
          `There is no file ${file} any more. What was ingested before is still read.`,
          `put the file back, or name another one in the source and apply`,
        ),
      ];
    case 'unreadable':
      return [
        entry(address, 'ST215', 'error', `The file ${file} cannot be read: ${is.why}`, 'put a readable file there'),
      ];
    case 'read': {
      const changes = columns === null ? [] : columnChanges(columns, is.columns);
      if (changes.length === 0) return [];
      return [
        entry(
          address,
          'ST216',
          'warning',
          `The columns of ${file} are not those that are recorded: ${listed(changes)}.`,
          'mlops plan says what reads them; put the columns back, or change what reads them and apply',
        ),
      ];
    }
    default:
      return assertNever(is);
  }
}

/** `+ x (BIGINT)`, `- y`, `z BIGINT → VARCHAR`. A type that is not known is not compared. */
function columnChanges(recorded: readonly Column[], found: readonly Column[]): readonly string[] {
  const types = new Map(found.map(({ name, type }) => [name, type]));
  const known = new Set(recorded.map(({ name }) => name));
  return [
    ...recorded.filter(({ name }) => !types.has(name)).map(({ name }) => `${name} is gone`),
    ...recorded.flatMap(({ name, type }) => {
      const now = types.get(name);
      return now === undefined || type === '' || now === '' || now === type ? [] : [`${name} is ${now}, was ${type}`];
    }),
    ...found.filter(({ name }) => !known.has(name)).map(({ name }) => `${name} is new`),
  ];
}

function listed(items: readonly string[]): string {
  const more = items.length - NAMED;
  return `${items.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
