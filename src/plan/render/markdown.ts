/**
 * The plan as a comment on a pull request: what is done in a table, the gravest first; what there is to know and to decide; whose it is; and
 * what differs, folded. It always fits one comment: what is left out is the least grave, and the comment says how much that is.
 * The first line is a marker by which the next run finds the comment and writes in its place.
 */
import type { Change, Finding } from '../change.ts';
import { type Gate, gateMessage } from '../gate.ts';
import { affectedEndpoints, affectedOwners, byImportance } from '../importance.ts';
import { hasChanges, type Plan } from '../plan.ts';
import type { CodeText } from './difference.ts';
import { driftMarkdown } from './drift.ts';
import { foldOf } from './fold.ts';
import { snapshotsText, totalText } from './impact-text.ts';
import { legibleCode, legiblePlan } from './legible.ts';
import {
  decisionItem,
  endpointRow,
  findingItem,
  NAMES_SHOWN,
  nameOf,
  policyItem,
  shownOf,
  tableRow,
} from './markdown-items.ts';
import { clipped, code, hidden, prose } from './markdown-text.ts';
import { denialMessage, passedPolicies, toldPolicies } from './policy-text.ts';
import { decisionsOfPlan, errorsText, rulesText } from './steering.ts';
import { limitText } from './targets.ts';

/** Characters that GitHub takes; GitLab takes more. */
export const COMMENT_LIMIT = 65_536;

/** Kept free for what a step adds around it, e.g. a link to its log. */
export const MARGIN = 1_036;
/** Room for the sentences that say what was left out. */
const NOTES = 700;

export interface MarkdownOptions {
  readonly codeText?: CodeText;
  readonly gate?: Gate | undefined;
  /** Characters. Default what GitHub takes. */
  readonly limit?: number;
}

/** Comments of several projects and environments stand side by side. */
export function commentMarker(plan: Pick<Plan, 'project' | 'environment'>): string {
  return hidden(`mlops-plan ${plan.project}/${plan.environment}`);
}

export function renderMarkdown(given: Plan, options: MarkdownOptions = {}): string {
  const plan = legiblePlan(given);
  const room = (options.limit ?? COMMENT_LIMIT) - MARGIN;
  if (plan.mode === 'refresh') return driftMarkdown(plan, commentMarker(plan), room);
  const changes = byImportance(plan);
  const findings = changes
    .flatMap((change) => change.findings.map((finding) => ({ change, finding })))
    .sort((a, b) => severityRank(a.finding) - severityRank(b.finding));
  const head = headLines(plan, options.gate);
  const codeText = legibleCode(options.codeText ?? (() => undefined));

  // What must not be missed has its share first; what a section does not use is left to those behind it.
  const budget = createBudget(room - NOTES - sizeOf(head));
  const decisions = budget.fill(decisionsOfPlan(plan).map(decisionItem), 1 / 8, 'decision', 'to take');
  const policies = budget.fill(
    toldPolicies(plan, options.gate).map(policyItem),
    1 / 5,
    'policy',
    'that speak against it',
  );
  const endpoints = budget.fill(affectedEndpoints(plan).map(endpointRow), 1 / 12, 'affected endpoint', 'in the list');
  const below = [...unmanagedLines(plan), ...ownerLines(plan)];
  budget.take(sizeOf(below));
  // Where not all of them fit, neither errors nor what destroys crowd out the other.
  const first = inTurn(changes);
  const table = budget.fill(changes.map(tableRow), 1 / 3, 'change', 'in the table', first);
  const listed = budget.fill(
    findings.map(({ change, finding }) => findingItem(change.address, finding)),
    1 / 2,
    'finding',
    'in the list',
  );
  const folds = budget.fill(
    changes.map((change) => foldOf(change, codeText)),
    1,
    'change',
    'with what differs',
    first,
  );
  const notes = [table, listed, policies, endpoints, decisions, folds].flatMap(({ note }) => note);
  const blocks = [
    head.join('\n'),
    ...section(table, ['| | class | resource | why |', '|---|---|---|---|']),
    ...section(listed, ['#### Findings', '']),
    ...section(policies, ['#### Policies', '']),
    ...section(endpoints, ['| affected endpoint | owner | predictions a day |', '|---|---|---:|']),
    ...section(decisions, ['#### Decisions', '']),
    ...below,
    ...folds.kept,
    ...(notes.length === 0
      ? []
      : [
          `> **Cut to fit a comment**, the gravest kept. Not shown: ${notes.join(', ')}. \`mlops plan\` shows all of it.`,
        ]),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function headLines(plan: Plan, gate: Gate | undefined): readonly string[] {
  const { create, update, delete: deletes, noOp, errors, warnings, suppressed } = plan.summary;
  const scope = code(`${plan.project}/${plan.environment}`);
  const title = hasChanges(plan)
    ? `### Plan for ${scope}${plan.against === null ? '' : `, back to serial ${plan.against}`}: ${create} to create, ${update} to update, ${deletes} to destroy`
    : `### Nothing to change in ${scope}`;
  const blocked = gate === undefined ? undefined : gateMessage(gate);
  const rules = rulesText(plan);
  const denial = denialMessage(plan);
  const passed = passedPolicies(plan);
  const going = plan.summary.snapshots == null ? undefined : snapshotsText(plan.summary.snapshots, nameOf);
  const counts = [
    ...(noOp === 0 ? [] : [`${noOp} unchanged`]),
    ...(errors === 0 ? [] : [`**${counted(errors, 'error')}**`]),
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
    ...(suppressed > 0 ? [`${suppressed} suppressed`] : []),
    ...(passed === undefined ? [] : [passed]),
    ...(plan.summary.class === null ? [] : [`gravest class: **${plan.summary.class}**`]),
    ...(plan.gitCommit === null ? [] : [`commit ${code(plan.gitCommit.slice(0, 12))}`]),
  ];
  return [
    commentMarker(plan),
    title,
    ...(counts.length === 0 ? [] : ['', `${counts.join(' · ')}`]),
    ...(rules === undefined ? [] : ['', `Rules of the project: ${code(clipped(rules))}`]),
    ...(plan.summary.recompute == null ? [] : ['', `To recompute: ${prose(totalText(plan.summary.recompute))}.`]),
    ...(going === undefined ? [] : ['', `Snapshots to be deleted once nothing needs them: ${going}.`]),
    ...(plan.complete ? [] : ['', limitText(plan, 10, nameOf)]),
    ...(plan.errored
      ? ['', `> **It cannot be applied** until what is marked as an error is settled: ${errorsText(plan, nameOf)}.`]
      : []),
    ...(denial === undefined ? [] : ['', `> **${prose(denial)}** It cannot be applied.`]),
    ...(blocked === undefined ? [] : ['', `> **${prose(blocked)}**`]),
  ];
}

/** Whose it is, by name only: in code spans nobody is called. */
function ownerLines(plan: Plan): readonly string[] {
  const owners = affectedOwners(plan).map(({ owner, addresses }) => `${nameOf(owner)} (${addresses.length})`);
  return owners.length === 0 ? [] : [`Affected owners: ${shownOf(owners, NAMES_SHOWN)}`];
}

function unmanagedLines({ unmanaged }: Plan): readonly string[] {
  if (unmanaged.length === 0) return [];
  const names = unmanaged.map(({ address }) => nameOf(address));
  return [`Made through the HTTP interface, left alone: ${shownOf(names, 10)}`];
}

interface Filled {
  readonly kept: readonly string[];
  /** What was left out, if anything. */
  readonly note: readonly string[];
}

/** Between two blocks. */
const GAP = 2;

/** Characters to give away, section after section. */
function createBudget(characters: number) {
  let left = characters;
  return {
    take: (size: number): void => {
      left -= size;
    },
    /** What fits a share of what is left, tried in `order`; one that does not is passed over for smaller ones behind it. */
    fill: (
      items: readonly string[],
      share: number,
      noun: string,
      where: string,
      order: Iterable<number> = items.keys(),
    ): Filled => {
      const room = left * share - HEADING;
      const fitting = new Set<number>();
      let size = 0;
      for (const index of order) {
        const length = (items[index]?.length ?? 0) + GAP;
        if (size + length > room) continue;
        fitting.add(index);
        size += length;
      }
      if (fitting.size > 0) left -= size + HEADING;
      const kept = items.filter((_item, index) => fitting.has(index));
      const missing = items.length - kept.length;
      return { kept, note: missing === 0 ? [] : [`${counted(missing, noun)} ${where}`] };
    },
  };
}

/** The places of changes with errors and of the others by turns, each the gravest first as they are given. */
function inTurn(changes: readonly Change[]): readonly number[] {
  const places = [...changes.keys()];
  const errors = places.filter((index) => changes[index]?.findings.some(({ severity }) => severity === 'error'));
  const failing = new Set(errors);
  const others = places.filter((index) => !failing.has(index));
  return places.flatMap((index) => [errors[index], others[index]]).filter((index) => index !== undefined);
}

/** Room for the lines above a section. */
const HEADING = 80;

function section({ kept }: Filled, heading: readonly string[]): readonly string[] {
  return kept.length === 0 ? [] : [[...heading, ...kept].join('\n')];
}

const SEVERITIES = ['error', 'warning', 'info'] as const;
const severityRank = ({ severity }: Finding): number => SEVERITIES.indexOf(severity);
const sizeOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length + GAP, 0);
const counted = (count: number, noun: string): string =>
  `${count} ${count === 1 ? noun : `${noun.replace(/y$/, 'ie')}s`}`;
