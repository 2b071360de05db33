/**
 * The plan as people read it: one line a change with symbol, address, class and reason, below it only what differs, what
 * there is to know and whom it touches. What does not change is counted, not listed.
 */
import type { Address } from '../../spec/address.ts';
import { actionSymbol, isNoOp } from '../action.ts';
import type { Change, Finding } from '../change.ts';
import type { Gate } from '../gate.ts';
import { type Decision, hasChanges, type Plan } from '../plan.ts';
import { type CodeText, differenceLines } from './difference.ts';
import { driftText } from './drift.ts';
import { affectedNames, changedFeatures, recomputeText, totalText } from './impact-text.ts';
import { createPaint, type Paint } from './paint.ts';
import { denialMessage, passedPolicies, toldPolicies } from './policy-text.ts';
import { decisionsOfPlan, placeText, rulesText } from './steering.ts';
import { attributeLines } from './value.ts';

export interface RenderOptions {
  readonly color: boolean;
  readonly gate?: Gate | undefined;
  /** For the line difference of changed code: see `changedCodeDigests`. Default: none is to be had. */
  readonly codeText?: CodeText;
}

const BODY = '      ';
const DOWNSTREAM_SHOWN = 6;
/** Longer addresses push their own line to the right, not everybody's. */
const ADDRESS_WIDTH = 44;

export function renderHuman(plan: Plan, options: RenderOptions): string {
  const paint = createPaint(options.color);
  if (plan.mode === 'refresh') return driftText(plan, paint);
  const moving = plan.changes.filter(({ actions }) => !isNoOp(actions));
  const widths = {
    address: Math.min(ADDRESS_WIDTH, longest(moving.map(({ address }) => address))),
    class: longest(moving.map((change) => change.class)),
  };
  const gone = new Set(moving.filter(({ actions }) => actions.at(-1) === 'delete').map(({ address }) => address));
  const lines: string[] = [];
  for (const change of moving) {
    const body = bodyLines(change, gone, paint, options.codeText ?? (() => undefined));
    // A block of lines stands free; changes without one follow each other closely.
    if (lines.length > 0 && (body.length > 0 || lines.at(-1)?.startsWith(BODY) === true)) lines.push('');
    lines.push(headLine(change, widths, paint), ...body);
  }
  if (plan.unmanaged.length > 0) {
    if (lines.length > 0) lines.push('');
    lines.push(paint.faint('Made through the HTTP interface, left alone:'));
    for (const { address } of plan.unmanaged) lines.push(`  ${paint.faint('·')} ${address}`);
  }
  for (const decision of decisionsOfPlan(plan)) {
    if (lines.length > 0) lines.push('');
    lines.push(...decisionLines(decision, paint));
  }
  const policies = policyLines(plan, options.gate, paint);
  if (policies.length > 0) lines.push(...(lines.length > 0 ? [''] : []), ...policies);
  if (lines.length > 0) lines.push('');
  lines.push(...summaryLines(plan, paint));
  return `${lines.join('\n')}\n`;
}

function headLine(change: Change, widths: { readonly address: number; readonly class: number }, paint: Paint): string {
  const symbol = paint.actions(change.actions, actionSymbol(change.actions));
  const address = paint.strong(change.address) + ' '.repeat(Math.max(0, widths.address - change.address.length));
  return `  ${symbol} ${address}  ${paint.class(change.class, change.class.padEnd(widths.class))}  ${paint.faint(change.reason)}`;
}

function bodyLines(change: Change, gone: ReadonlySet<Address>, paint: Paint, codeText: CodeText): string[] {
  const { name: _, ...created } = change.after ?? {};
  const attributes =
    change.before === null ? attributeLines(created, BODY) : differenceLines(change.diffs, BODY, paint, codeText);
  return [
    ...attributes,
    ...change.findings.flatMap((finding) => findingLines(finding, paint)),
    ...impactLines(change, gone, paint),
  ];
}

function findingLines({ code, severity, summary, detail, at, fix, suppressed }: Finding, paint: Paint): string[] {
  const place = at === null ? '' : paint.faint(`  ${at.file}:${at.line}:${at.column}`);
  return [
    `${BODY}${paint.severity(severity, `${severity} ${code}`)} ${paint.strong(summary)}${place}`,
    `${BODY}  ${detail}`,
    ...(suppressed == null ? [] : [`${BODY}  ${paint.faint('suppressed:')} ${suppressed}`]),
    ...(fix === null || suppressed != null ? [] : [`${BODY}  ${paint.faint('fix:')} ${fix}`]),
  ];
}

/** For people only where it matters: not for harmless changes, and not what goes in the same plan. */
function impactLines(change: Change, gone: ReadonlySet<Address>, paint: Paint): string[] {
  const line = (word: string, names: readonly string[]): readonly string[] => {
    if (names.length === 0) return [];
    const more = names.length > DOWNSTREAM_SHOWN ? ` and ${names.length - DOWNSTREAM_SHOWN} more` : '';
    return [`${BODY}${paint.faint(word)} ${names.slice(0, DOWNSTREAM_SHOWN).join(', ')}${more}`];
  };
  const recompute = recomputeText(change.impact);
  const { basis } = change.impact;
  return [
    ...line('changes values of', changedFeatures(change)),
    ...line('affects', affectedNames(change, gone)),
    ...(recompute === undefined ? [] : [`${BODY}${recompute}${basis === null ? '' : ` ${paint.faint(`(${basis})`)}`}`]),
  ];
}

function decisionLines({ question, options }: Decision, paint: Paint): string[] {
  return [
    `  ${paint.update('?')} ${paint.strong(question)}`,
    ...options.map(({ meaning, paste, at }) =>
      paste === null
        ? `${BODY}${paint.faint('leave as it is:')} ${meaning}`
        : `${BODY}${paint.faint(`paste at ${placeText(at)}:`)} ${paste}  ${paint.faint(`(${meaning})`)}`,
    ),
  ];
}

function policyLines(plan: Plan, gate: Gate | undefined, paint: Paint): string[] {
  return toldPolicies(plan, gate).flatMap(({ code, severity, verdict, name, sentences, result: { at } }) => [
    `  ${paint.severity(severity, `${verdict} ${code}`)} ${paint.strong(name)}${at === null ? '' : paint.faint(`  ${at.file}:${at.line}:${at.column}`)}`,
    ...sentences.flatMap(({ text, addresses }) => [
      `${BODY}${text}`,
      ...(addresses.length === 0 ? [] : [`${BODY}  ${paint.faint('about')} ${addresses.join(', ')}`]),
    ]),
  ]);
}

function summaryLines(plan: Plan, paint: Paint): string[] {
  const { create, update, delete: deletes, noOp, errors, warnings, suppressed } = plan.summary;
  const scope = `${plan.project}/${plan.environment}`;
  const partial = plan.complete ? [] : [paint.faint(`Limited to ${plan.targets.join(', ')} and what belongs to it.`)];
  const denial = denialMessage(plan);
  const denied = denial === undefined ? [] : [paint.severity('error', denial)];
  if (!hasChanges(plan)) {
    const as = plan.against === null ? 'the specs say' : `at serial ${plan.against}`;
    const same = plan.mode === 'destroy' ? 'there is nothing to destroy' : `${scope} is as ${as}`;
    return [
      ...partial,
      `${paint.strong('Nothing to change:')} ${same}${noOp === 0 ? '' : ` (${counted(noOp, 'resource')})`}.`,
      ...denied,
    ];
  }
  const passed = passedPolicies(plan);
  const parts = [`${create} to create`, `${update} to update`, `${deletes} to destroy`];
  const findings = [
    ...(errors === 0 ? [] : [counted(errors, 'error')]),
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
    ...(suppressed > 0 ? [`${suppressed} suppressed`] : []),
    ...(passed === undefined ? [] : [passed]),
  ];
  const rules = rulesText(plan);
  return [
    ...partial,
    ...(rules === undefined ? [] : [paint.faint(`Rules of the project: ${rules}.`)]),
    `${paint.strong(`Plan for ${scope}${plan.against === null ? '' : `, back to serial ${plan.against}`}:`)} ${parts.join(', ')}${noOp === 0 ? '' : `, ${noOp} unchanged`}.${
      findings.length === 0 ? '' : ` ${findings.join(', ')}.`
    }`,
    ...(plan.summary.recompute == null ? [] : [`To recompute: ${totalText(plan.summary.recompute)}.`]),
    ...(plan.errored
      ? [paint.severity('error', 'It cannot be applied until what is marked as an error is settled.')]
      : []),
    ...denied,
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function longest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, text.length), 0);
}
