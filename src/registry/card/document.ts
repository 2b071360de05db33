/** A model card as a value: what is known of one version, in an order that is read; how it looks is for its renderers. Pure. */
import type { CanonicalModel } from '../../spec/canonical-specs.ts';
import type { GateResult, ModelVersion, StageMove, TensorSpec } from '../../stores/control/registry.ts';
import type { ColumnProfile, TableProfile } from '../../stores/profile.ts';

export interface CardFeature {
  readonly name: string;
  readonly dtype: string | null;
  readonly unit: string | null;
  readonly description: string | null;
}

export interface CardFacts {
  readonly version: ModelVersion;
  /** As it is declared now; undefined where nobody declares it. */
  readonly spec: CanonicalModel | undefined;
  /** Of the model, where the spec has none. */
  readonly description: string | null;
  /** In the order of the model's inputs. */
  readonly features: readonly CardFeature[];
  /** Of the rows that it learned from; undefined where they are not known. */
  readonly statistics: TableProfile | undefined;
  /** Of the version alone, newest first. */
  readonly moves: readonly StageMove[];
  readonly gates: readonly GateResult[];
}

/** A name is shown as it is written in a program; everything else is text of people. */
export type Inline = string | { readonly name: string };

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'facts'; readonly facts: readonly (readonly [label: string, value: Inline])[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly Inline[])[] };

export interface CardSection {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface CardDocument {
  readonly title: string;
  readonly facts: CardFacts;
  readonly sections: readonly CardSection[];
}

export function cardDocument(facts: CardFacts): CardDocument {
  const { version, spec } = facts;
  const sections: readonly (CardSection | undefined)[] = [
    section('Overview', overview(facts)),
    section('Intended use', prose(spec?.card?.intendedUse)),
    section('Limitations', prose(spec?.card?.limitations)),
    section('Ethical considerations', prose(spec?.card?.ethics)),
    section('Metrics', metrics(version)),
    section('Gates', gates(facts.gates)),
    section('Training data', trainingData(version)),
    section('Statistics of the training data', statistics(facts.statistics)),
    section('Features', features(facts.features)),
    section('Signature', signature(version)),
    section('Hyperparameters', pairs(version.hyperparameters)),
    section('Lineage', lineage(version)),
    section('Requirements', requirements(version)),
    section('Files', files(version)),
    section('Stages', stages(facts.moves)),
  ];
  return {
    title: `${version.name} version ${version.version}`,
    facts,
    sections: sections.filter((one) => one !== undefined),
  };
}

function section(title: string, blocks: readonly (Block | undefined)[]): CardSection | undefined {
  const said = blocks.filter((block) => block !== undefined);
  return said.length === 0 ? undefined : { title, blocks: said };
}

function overview({ version, spec, description }: CardFacts): readonly (Block | undefined)[] {
  const facts: (readonly [string, Inline | null | undefined])[] = [
    ['Model', { name: version.name }],
    ['Version', String(version.version)],
    ['Stage', `${version.stage} since ${instant(version.stageChangedAt)}`],
    ['Aliases', version.aliases.length === 0 ? null : version.aliases.join(', ')],
    ['Owner', spec?.owner],
    ['Framework', [version.framework, version.flavour?.version].filter(Boolean).join(' ')],
    ['Task', version.signature?.task.replaceAll('_', ' ')],
    ['Predicts', version.signature?.label == null ? null : { name: version.signature.label }],
    ['Registered', `${instant(version.createdAt)} by ${version.createdBy}`],
    ['Tags', tagsOf(version.tags)],
  ];
  return [
    ...prose(spec?.description ?? description ?? undefined),
    ...prose(version.description ?? undefined),
    {
      kind: 'facts',
      facts: facts.flatMap(([label, value]) => (value == null || value === '' ? [] : [[label, value]])),
    },
  ];
}

const tagsOf = (tags: Readonly<Record<string, string>>): string | null =>
  Object.entries(tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(', ') || null;

function metrics({ metrics: measured }: ModelVersion): readonly (Block | undefined)[] {
  const rows = Object.entries(measured)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]): readonly Inline[] => [{ name }, number(value)]);
  return [table(['Metric', 'Value'], rows)];
}

function gates(results: readonly GateResult[]): readonly (Block | undefined)[] {
  const rows = results.map(({ metric, rule, observed, required, passed, detail }): readonly Inline[] => [
    { name: metric },
    rule,
    required === null ? '–' : number(required),
    observed === null ? '–' : number(observed),
    passed ? 'passed' : 'failed',
    detail,
  ]);
  return [table(['Metric', 'Rule', 'Required', 'Observed', 'Result', 'Detail'], rows)];
}

function trainingData({ lineage: { dataset } }: ModelVersion): readonly (Block | undefined)[] {
  return pairs(dataset);
}

function statistics(profile: TableProfile | undefined): readonly (Block | undefined)[] {
  if (profile === undefined) return [];
  const rows = Object.entries(profile.columns).map(([name, column]): readonly Inline[] => [
    { name },
    column.dtype,
    String(column.count),
    column.count === 0 ? '–' : `${number((100 * column.nulls) / column.count)} %`,
    distinct(column),
    value(column.min),
    column.quantiles?.['p50'] === undefined ? '–' : number(column.quantiles['p50']),
    value(column.max),
    value(column.mean),
    value(column.sd),
    (column.top ?? [])
      .slice(0, 3)
      .map((one) => `${one.value} (${one.count})`)
      .join(', ') || '–',
  ]);
  return [
    { kind: 'text', text: `${profile.rows} rows.` },
    table(
      [
        'Column',
        'Type',
        'Count',
        'Null',
        'Distinct',
        'Least',
        'Median',
        'Greatest',
        'Mean',
        'Deviation',
        'Most frequent',
      ],
      rows,
    ),
  ];
}

const distinct = ({ distinct: count, distinctEstimated }: ColumnProfile): string =>
  count === null ? '–' : `${distinctEstimated ? 'about ' : ''}${count}`;

function features(all: readonly CardFeature[]): readonly (Block | undefined)[] {
  const rows = all.map(({ name, dtype, unit, description }): readonly Inline[] => [
    { name },
    dtype ?? '–',
    unit ?? '–',
    description ?? '–',
  ]);
  return [table(['Feature', 'Type', 'Unit', 'Description'], rows)];
}

function signature({ signature: own }: ModelVersion): readonly (Block | undefined)[] {
  if (own === null) return [];
  const tensor =
    (direction: string) =>
    ({ name, dtype, shape }: TensorSpec): readonly Inline[] => [
      direction,
      { name },
      dtype,
      `[${shape.map((size) => (size < 0 ? 'any' : size)).join(', ')}]`,
    ];
  return [
    table(['', 'Tensor', 'Type', 'Shape'], [...own.inputs.map(tensor('input')), ...own.outputs.map(tensor('output'))]),
  ];
}

function lineage({
  lineage: { dataset: _, ...rest },
  runId,
  source,
  id,
}: ModelVersion): readonly (Block | undefined)[] {
  return pairs({ version_id: id, run_id: runId, source, ...rest });
}

function requirements({ flavour }: ModelVersion): readonly (Block | undefined)[] {
  if (flavour === null) return [];
  const { python, requirements: needs } = flavour;
  const rows = [...(python === null ? [] : [`python ${python}`]), ...needs].map((name): readonly Inline[] => [
    { name },
  ]);
  return [table(['Requirement'], rows)];
}

function files({ artifacts }: ModelVersion): readonly (Block | undefined)[] {
  const rows = artifacts.map(({ path, digest, bytes, uri }): readonly Inline[] => [
    { name: path },
    bytes === null ? '–' : String(bytes),
    { name: digest ?? uri ?? 'not uploaded' },
  ]);
  return [table(['File', 'Bytes', 'SHA-256'], rows)];
}

function stages(moves: readonly StageMove[]): readonly (Block | undefined)[] {
  const rows = moves.map(({ at, from, to, who, reason }): readonly Inline[] => [
    instant(at),
    from ?? '–',
    to,
    who,
    reason ?? '–',
  ]);
  return [table(['At', 'From', 'To', 'Who', 'Why'], rows)];
}

function prose(text: string | undefined): readonly Block[] {
  return text === undefined || text.trim() === '' ? [] : [{ kind: 'text', text }];
}

/** Members of an object, those of objects in it with dots. */
function pairs(object: unknown): readonly (Block | undefined)[] {
  const rows = leaves(object).map(([name, given]): readonly Inline[] => [{ name }, { name: given }]);
  return [table(['Name', 'Value'], rows)];
}

function leaves(given: unknown, path = ''): readonly (readonly [string, string])[] {
  if (given === null || given === undefined) return [];
  if (typeof given !== 'object' || Array.isArray(given))
    return [[path, typeof given === 'string' ? given : JSON.stringify(given)]];
  return Object.entries(given).flatMap(([key, below]) => leaves(below, path === '' ? key : `${path}.${key}`));
}

function table(head: readonly string[], rows: readonly (readonly Inline[])[]): Block | undefined {
  return rows.length === 0 ? undefined : { kind: 'table', head, rows };
}

const value = (given: number | string | null): string =>
  given === null ? '–' : typeof given === 'number' ? number(given) : given;

/** Six digits are as many as people compare. */
const number = (given: number): string => String(Number(given.toPrecision(6)));

const instant = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
