/**
 * An analyzer looks at one change of its kind and says how grave it is and what there is to tell about it. Pure: what it
 * may know beside the change comes with the context.
 */
import { CODES, type DiagnosticCode } from '../../lib/codes.ts';
import type { Severity } from '../../lib/diagnostics.ts';
import type { Address } from '../../spec/address.ts';
import type { CanonicalSpecs } from '../../spec/canonical-specs.ts';
import type { FeatureLineage } from '../../spec/column-lineage.ts';
import type { Kind } from '../../spec/kinds.ts';
import type { PipelineCircle } from '../../spec/pipeline-circles.ts';
import type { AnyResource, Resource } from '../../spec/project.ts';
import type { PlanFacts } from '../../stores/control/facts.ts';
import type { RecordedResource } from '../../stores/control/state.ts';
import type { Action } from '../action.ts';
import { type AttributeDiff, type ChangeClass, type Finding, type FindingPlace, graver } from '../change.ts';
import type { KnownColumns } from '../changed-columns.ts';
import type { Readers } from './readers.ts';

export interface AnalysisContext<K extends Kind = Kind> {
  readonly address: Address;
  readonly actions: readonly Action[];
  /** Where it is recorded now, when this change renames it; else null. */
  readonly previousAddress: Address | null;
  readonly before: CanonicalSpecs[K] | undefined;
  readonly after: CanonicalSpecs[K] | undefined;
  readonly diffs: readonly AttributeDiff[];
  readonly recorded: RecordedResource<K> | undefined;
  readonly desired: Resource<K> | undefined;
  /** All of the specs; in a destroy nothing. */
  readonly desiredResources: ReadonlyMap<Address, AnyResource>;
  /** Is there after the plan: declared, or made through the HTTP interface and left alone. */
  readonly stays: (address: Address) => boolean;
  /** Declared as it is recorded: the plan leaves it as it is. */
  readonly unchanged: (address: Address) => boolean;
  readonly isRecorded: (address: Address) => boolean;
  /** Among all pipelines that are there after the plan, those made through the HTTP interface too. */
  readonly circles: () => readonly PipelineCircle[];
  /** As recorded. */
  readonly readers: Readers;
  readonly facts: PlanFacts;
  readonly source: SourceContext;
}

/** What an analyzer of sources may know of the columns. Of another kind there is nothing in it. */
export interface SourceContext {
  /** Differences of the columns that its file has, beside those of the spec. */
  readonly observed: readonly AttributeDiff[];
  readonly known: KnownColumns;
  /** Features, as `set.feature`, that have other values for these differences and stay. */
  readonly featuresAffected: (diffs: readonly AttributeDiff[]) => readonly string[];
  /** Of the sets below it that are there after the plan, as it will be. */
  readonly lineagesAfter: () => Iterable<{ readonly set: string; readonly lineage: FeatureLineage }>;
}

export interface Analysis {
  readonly class: ChangeClass;
  readonly findings: readonly Finding[];
  /** In place of the reason that follows from the differences. */
  readonly reason?: string;
}

export type Analyzer<K extends Kind> = (context: AnalysisContext<K>) => Analysis;

export const SAFE: Analysis = { class: 'safe', findings: [] };

type Spec<K extends Kind> = CanonicalSpecs[K];
type Parts = readonly (Analysis | undefined)[];

/** Of a kind of which making one is safe: what destroying and what changing one means. */
export function analyzerOf<K extends Kind>({
  destroyed,
  changed,
}: {
  readonly destroyed: (context: AnalysisContext<K>, before: Spec<K>) => Parts;
  readonly changed: (context: AnalysisContext<K>, before: Spec<K>, after: Spec<K>) => Parts;
}): Analyzer<K> {
  return (context) => {
    const { before, after } = context;
    if (before === undefined) return SAFE;
    return together(after === undefined ? destroyed(context, before) : changed(context, before, after));
  };
}

/** What several looks at one change say: the gravest class, all findings in order, the first reason. */
export function together(parts: readonly (Analysis | undefined)[]): Analysis {
  const told = parts.filter((part): part is Analysis => part !== undefined);
  const reason = told.find((part) => part.reason !== undefined)?.reason;
  return {
    class: told.reduce<ChangeClass>((gravest, part) => graver(gravest, part.class), 'safe'),
    findings: told.flatMap(({ findings }) => findings),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** One finding and its class. */
export function says(gravest: ChangeClass, ...findings: readonly Finding[]): Analysis {
  return { class: gravest, findings };
}

export interface FindingFields {
  readonly detail: string;
  readonly fix?: string;
  /** JSON pointer into the desired spec. */
  readonly pointer?: string;
}

export function finding(
  code: DiagnosticCode,
  severity: Severity,
  desired: Pick<Resource, 'locate' | 'at'> | undefined,
  { detail, fix, pointer }: FindingFields,
): Finding {
  return {
    code,
    severity,
    summary: CODES[code],
    detail,
    at: placeOf(desired, pointer),
    fix: fix ?? null,
    suppressed: null,
  };
}

/** The place of a value, or of the resource; null where it is not in the specs. */
export function placeOf(
  desired: Pick<Resource, 'locate' | 'at'> | undefined,
  pointer: string | undefined,
): FindingPlace | null {
  const range = pointer === undefined ? desired?.at : (desired?.locate(pointer) ?? desired?.at);
  return range === undefined ? null : { file: range.file, line: range.start.line, column: range.start.column };
}

/** `reads` after one subject, `read` after several. */
export function verb(subjects: readonly unknown[], one: string, many: string): string {
  return subjects.length === 1 ? one : many;
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function listed(names: readonly string[], most = 4): string {
  if (names.length <= 1) return names.join('');
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
