/**
 * The plan as a comment on a pull request: what is done in a table, the gravest first; what there is to know; whose it is; and what
 * differs, folded. It always fits one comment: what is left out is the least grave, and the comment says how much that is.
 * The first line is a marker by which the next run finds the comment and writes in its place.
 */
import { actionSymbol, isNoOp } from '../action.ts';
import type { Change, Finding } from '../change.ts';
import { type Gate, gateMessage } from '../gate.ts';
import { affectedOwners, byImportance } from '../importance.ts';
import { hasChanges, type Plan } from '../plan.ts';
import { diffBody } from './diff-body.ts';
import type { CodeText } from './difference.ts';
import { driftMarkdown } from './drift.ts';
import { changedFeatures, recomputeText, totalText } from './impact-text.ts';
import { denialMessage, type PolicyTold, passedPolicies, toldPolicies } from './policy-text.ts';
import { decisionsOfPlan, placeText, rulesText } from './steering.ts';
import { limitText } from './targets.ts';

/** Characters that GitHub takes; GitLab takes more. */
export const COMMENT_LIMIT = 65_536;

/** Kept free for what a step adds around it, e.g. a link to its log. */
const MARGIN = 536;
/** Room for the sentences that say what was left out. */
const NOTES = 600;
/** One change does not crowd out the others, and always fits itself. */
const FOLD_LINES = 200;
const FOLD_CHARACTERS = 8_000;
const DECISIONS_SHOWN = 10;
const OWNERS_SHOWN = 20;
const ENDPOINTS_SHOWN = 20;
const DOWNSTREAM_SHOWN = 20;
const SENTENCES_SHOWN = 10;
const TEXT_SHOWN = 600;

export interface MarkdownOptions {
  readonly codeText?: CodeText;
  readonly gate?: Gate | undefined;
  /** Characters. Default what GitHub takes. */
  readonly limit?: number;
}

/** Comments of several projects and environments stand side by side. */
export function commentMarker(plan: Pick<Plan, 'project' | 'environment'>): string {
  return `<!-- mlops-plan ${plan.project}/${plan.environment} -->`;
}

export function renderMarkdown(plan: Plan, options: MarkdownOptions = {}): string {
  if (plan.mode === 'refresh')
    return driftMarkdown(plan, commentMarker(plan), (options.limit ?? COMMENT_LIMIT) - MARGIN);
  const changes = byImportance(plan);
  const found = changes.flatMap((change) => change.findings.map((finding) => ({ change, finding })));
  const findings = [...found].sort((a, b) => severityRank(a.finding) - severityRank(b.finding));
  const head = headLines(plan, options.gate);
  const policies = toldPolicies(plan, options.gate);
  const tail = [...endpointLines(plan), ...decisionLines(plan), ...unmanagedLines(plan), ...ownerLines(plan)];
  const room = (options.limit ?? COMMENT_LIMIT) - MARGIN - NOTES - sizeOf(head) - sizeOf(tail);

  // A third for the table, half of the rest for the findings, what is left for the folds.
  const table = fill(changes.map(tableRow), room / 3);
  const listed = fill(
    findings.map(({ change, finding }) => findingLines(change, finding).join('\n')),
    (room - table.size) / 2,
  );
  const judged = fill(policies.map(policyLines), (room - table.size - listed.size) / 2);
  const folds = fill(
    changes.map((change) => foldOf(change, options.codeText ?? (() => undefined))),
    room - table.size - listed.size - judged.size,
  );
  const notes = [
    ...leftOut(changes.length - table.kept.length, 'change', 'in the table'),
    ...leftOut(findings.length - listed.kept.length, 'finding', 'in the list'),
    ...leftOut(policies.length - judged.kept.length, 'policy', 'that speak against it'),
    ...leftOut(changes.length - folds.kept.length, 'change', 'with what differs'),
  ];
  const blocks = [
    head.join('\n'),
    ...(table.kept.length === 0
      ? []
      : [['| | class | resource | why |', '|---|---|---|---|', ...table.kept].join('\n')]),
    ...(listed.kept.length === 0 ? [] : ['#### Findings', listed.kept.join('\n')]),
    ...(judged.kept.length === 0 ? [] : ['#### Policies', judged.kept.join('\n')]),
    ...(tail.length === 0 ? [] : [tail.join('\n\n')]),
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
    ...(plan.summary.recompute == null ? [] : ['', `To recompute: ${escaped(totalText(plan.summary.recompute))}.`]),
    ...(plan.complete ? [] : ['', limitText(plan, 10, code)]),
    ...(plan.errored ? ['', '> **It cannot be applied** until what is marked as an error is settled.'] : []),
    ...(denial === undefined ? [] : ['', `> **${escaped(denial)}** It cannot be applied.`]),
    ...(blocked === undefined ? [] : ['', `> **${escaped(blocked)}**`]),
  ];
}

function tableRow(change: Change): string {
  const grave = change.class === 'breaking' || change.class === 'destructive';
  const name = grave ? `**${change.class}**` : change.class;
  return `| ${code(actionSymbol(change.actions))} | ${name} | ${code(change.address)} | ${escaped(clipped(change.reason))} |`;
}

function findingLines(
  change: Change,
  { code: id, severity, summary, detail, at, fix, suppressed }: Finding,
): readonly string[] {
  const place = at === null ? '' : ` (${code(`${at.file}:${at.line}:${at.column}`)})`;
  const last =
    suppressed != null ? (['suppressed', suppressed] as const) : fix === null ? null : (['fix', fix] as const);
  return [
    `- **${severity} ${id}** ${escaped(summary)}: ${code(change.address)}${place}  `,
    `  ${escaped(clipped(detail))}${last === null ? '' : '  '}`,
    ...(last === null ? [] : [`  *${last[0]}:* ${escaped(clipped(last[1]))}`]),
  ];
}

function policyLines({ code: id, severity, verdict, name, sentences, result: { at } }: PolicyTold): string {
  const place = at === null ? '' : ` (${code(`${at.file}:${at.line}:${at.column}`)})`;
  const said = sentences.slice(0, SENTENCES_SHOWN).map(({ text, addresses }) => {
    const about = addresses.length === 0 ? '' : ` (${shownOf(addresses.map(code), DOWNSTREAM_SHOWN)})`;
    return `  ${escaped(clipped(text))}${about}`;
  });
  const more = sentences.length - said.length;
  return [
    `- **${severity} ${id}** ${code(name)} ${escaped(verdict)}${place}  `,
    [...said, ...(more > 0 ? [`  … and ${more} more`] : [])].join('  \n'),
  ].join('\n');
}

function foldOf(change: Change, codeText: CodeText): string {
  const all = diffBody(change, codeText).map((line) => clipped(line));
  const shown = firstLines(all);
  const fence = fenceFor(shown);
  const more = all.length > shown.length ? [`… ${counted(all.length - shown.length, 'more line')} of this change`] : [];
  return [
    `<details><summary><code>${actionSymbol(change.actions)} ${html(change.address)}</code> ${change.class}: ${escaped(clipped(change.reason))}</summary>`,
    '',
    ...(shown.length === 0 ? ['No attribute differs.'] : [`${fence}diff`, ...shown, fence]),
    ...more,
    ...impactLines(change),
    '',
    '</details>',
  ].join('\n');
}

function firstLines(lines: readonly string[]): readonly string[] {
  let size = 0;
  const end = lines.findIndex((line, index) => {
    size += line.length + 1;
    return index >= FOLD_LINES || size > FOLD_CHARACTERS;
  });
  return end < 0 ? lines : lines.slice(0, end);
}

/** Below what differs: values that change, what is touched, what it costs. */
function impactLines(change: Change): readonly string[] {
  const features = changedFeatures(change).map(code);
  const { downstream } = change.impact;
  const recompute = recomputeText(change.impact);
  const { basis } = change.impact;
  return [
    ...(features.length === 0 ? [] : ['', `Changes values of ${shownOf(features, DOWNSTREAM_SHOWN)}.`]),
    ...(change.class === 'safe' || downstream.length === 0
      ? []
      : ['', `Affects ${shownOf(downstream.map(code), DOWNSTREAM_SHOWN)}.`]),
    ...(recompute === undefined
      ? []
      : ['', `To ${escaped(recompute)}${basis === null ? '' : ` (${escaped(clipped(basis))})`}.`]),
  ];
}

/** Who serves traffic below what changes, and whose it is; each once. */
function endpointLines(plan: Plan): readonly string[] {
  const endpoints = new Map(
    plan.changes
      .filter((change) => !isNoOp(change.actions) && change.class !== 'safe')
      .flatMap(({ impact }) => impact.endpoints.map((endpoint) => [endpoint.address, endpoint] as const)),
  );
  if (endpoints.size === 0) return [];
  const rows = [...endpoints.values()]
    .sort((a, b) => (b.requestsPerDay ?? -1) - (a.requestsPerDay ?? -1) || (a.address < b.address ? -1 : 1))
    .map(
      ({ address, owner, requestsPerDay }) =>
        `| ${code(address)} | ${owner === null ? 'nobody named' : code(clipped(owner))} | ${requestsPerDay === null ? 'unknown' : Math.round(requestsPerDay).toLocaleString('en-US')} |`,
    );
  const more = rows.length > ENDPOINTS_SHOWN ? [`| and ${rows.length - ENDPOINTS_SHOWN} more | | |`] : [];
  return [
    [
      '| affected endpoint | owner | predictions a day |',
      '|---|---|---:|',
      ...rows.slice(0, ENDPOINTS_SHOWN),
      ...more,
    ].join('\n'),
  ];
}

/** In code spans: a comment that is written anew with every push must not call people each time. */
function ownerLines(plan: Plan): readonly string[] {
  const owners = affectedOwners(plan).map(({ owner, addresses }) => `${code(clipped(owner))} (${addresses.length})`);
  return owners.length === 0 ? [] : [`Affected owners: ${shownOf(owners, OWNERS_SHOWN)}`];
}

function decisionLines(plan: Plan): readonly string[] {
  const decisions = decisionsOfPlan(plan);
  if (decisions.length === 0) return [];
  const shown = decisions
    .slice(0, DECISIONS_SHOWN)
    .map(({ question, options }) =>
      [
        `- ${escaped(clipped(question))}`,
        ...options.map(({ meaning, paste, at }) =>
          paste === null
            ? `  - leave as it is: ${escaped(meaning)}`
            : `  - paste at ${code(placeText(at))}: ${code(clipped(paste))} (${escaped(meaning)})`,
        ),
      ].join('\n'),
    );
  const more = decisions.length - shown.length;
  return ['#### Decisions', [...shown, ...(more === 0 ? [] : [`- and ${more} more`])].join('\n')];
}

function unmanagedLines({ unmanaged }: Plan): readonly string[] {
  if (unmanaged.length === 0) return [];
  return [
    `Made through the HTTP interface, left alone: ${shownOf(
      unmanaged.map(({ address }) => code(address)),
      10,
    )}`,
  ];
}

interface Filled {
  readonly kept: readonly string[];
  readonly size: number;
}

/** From the front what fits; one that does not is passed over for smaller ones behind it. */
function fill(items: readonly string[], room: number): Filled {
  const kept: string[] = [];
  let size = 0;
  for (const item of items) {
    if (size + item.length + 2 > room) continue;
    kept.push(item);
    size += item.length + 2;
  }
  return { kept, size };
}

const leftOut = (count: number, noun: string, where: string): readonly string[] =>
  count === 0 ? [] : [`${counted(count, noun)} ${where}`];

const SEVERITIES = ['error', 'warning', 'info'] as const;
const severityRank = ({ severity }: Finding): number => SEVERITIES.indexOf(severity);
const sizeOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length + 2, 0);
const counted = (count: number, noun: string): string =>
  `${count} ${count === 1 ? noun : `${noun.replace(/y$/, 'ie')}s`}`;
const clipped = (text: string): string => (text.length > TEXT_SHOWN ? `${text.slice(0, TEXT_SHOWN)}…` : text);

function shownOf(items: readonly string[], most: number): string {
  return `${items.slice(0, most).join(', ')}${items.length > most ? ` and ${items.length - most} more` : ''}`;
}

/** A code span whatever the text holds, in a table as well. */
function code(text: string): string {
  const line = text.replaceAll('\n', ' ').replaceAll('|', '\\|');
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  if (longest === 0) return `\`${line}\``;
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${line} ${fence}`;
}

/** Plain text: no markup of the user's names comes through, and nobody is called by an `@`. Simple code spans stay. */
function escaped(text: string): string {
  return text
    .replace(/\p{Cc}/gu, ' ')
    .split(/((?<!`)`[^`]+`(?!`))/)
    .map((part, index) =>
      index % 2 === 1
        ? part.replaceAll('|', '\\|')
        : html(part)
            .replace(/[\\`*[\]|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&')
            .replaceAll('@', '@&#8203;'),
    )
    .join('');
}

function html(text: string): string {
  return text
    .replace(/\p{Cc}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function fenceFor(lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`{3,}/g)].map(([run]) => run.length)));
  return '`'.repeat(longest + 1);
}
