/**
 * The plan as people read it: one line a change with symbol, address, class and reason, below it only what differs, what
 * there is to know and whom it touches. What does not change is counted, not listed. Prose is wrapped at the width that there
 * is; addresses, code and values stay whole.
 */
import type { Address } from '../../spec/address.ts';
import { actionSymbol, isNoOp } from '../action.ts';
import type { Change, Finding } from '../change.ts';
import type { Gate } from '../gate.ts';
import { type Decision, hasChanges, type Plan } from '../plan.ts';
import { type CodeText, differenceLines } from './difference.ts';
import { driftText } from './drift.ts';
import { affectedNames, changedFeatures, readersText, recomputeText, snapshotsText, totalText } from './impact-text.ts';
import { fitted, widthOf } from './layout.ts';
import { legibleCode, legiblePlan } from './legible.ts';
import { createPaint, type Paint } from './paint.ts';
import { denialMessage, passedPolicies, toldPolicies } from './policy-text.ts';
import { decisionsOfPlan, errorsText, placeText, rulesText } from './steering.ts';
import { limitText } from './targets.ts';
import { attributeLines } from './value.ts';

export interface RenderOptions {
  readonly color: boolean;
  /** Columns. Default: as many as there are to say. */
  readonly width?: number;
  readonly gate?: Gate | undefined;
  /** For the line difference of changed code: see `changedCodeDigests`. Default: none is to be had. */
  readonly codeText?: CodeText;
}

const BODY = '      ';
const DOWNSTREAM_SHOWN = 6;
const SENTENCES_SHOWN = 10;
const LEFT_OUT_SHOWN = 5;
/** Of one violation, and of what is left alone. */
const ADDRESSES_SHOWN = 20;
/** A reason that has less room than this beside its address stands below it. */
const LEAST_REASON = 24;
/** Longer addresses push their own line to the right, not everybody's. */
const ADDRESS_WIDTH = 44;

export function renderHuman(given: Plan, options: RenderOptions): string {
  const plan = legiblePlan(given);
  const codeText = legibleCode(options.codeText ?? (() => undefined));
  const paint = createPaint(options.color);
  const { width = Number.POSITIVE_INFINITY } = options;
  const wrapped = (text: readonly string[]): string[] => text.flatMap((line) => fitted(line, width));
  if (plan.mode === 'refresh') return driftText(plan, paint, width);
  const moving = plan.changes.filter(({ actions }) => !isNoOp(actions));
  const widths = {
    address: Math.min(ADDRESS_WIDTH, longest(moving.map(({ address }) => address))),
    class: longest(moving.map((change) => change.class)),
  };
  const gone = new Set(moving.filter(({ actions }) => actions.at(-1) === 'delete').map(({ address }) => address));
  const lines: string[] = [];
  for (const change of moving) {
    const body = [
      ...attributesOf(change, paint, codeText, width),
      ...runsLines(change, paint),
      ...wrapped([
        ...change.findings.flatMap((finding) => findingLines(finding, paint)),
        ...impactLines(change, gone, paint),
      ]),
    ];
    // A block of lines stands free; changes without one follow each other closely.
    if (lines.length > 0 && (body.length > 0 || lines.at(-1)?.startsWith(BODY) === true)) lines.push('');
    lines.push(...headLines(change, widths, paint, width), ...body);
  }
  if (plan.unmanaged.length > 0) {
    if (lines.length > 0) lines.push('');
    lines.push(paint.faint('Made through the HTTP interface, left alone:'));
    for (const { address } of plan.unmanaged.slice(0, ADDRESSES_SHOWN)) lines.push(`  ${paint.faint('·')} ${address}`);
    if (plan.unmanaged.length > ADDRESSES_SHOWN)
      lines.push(`  ${paint.faint(`and ${plan.unmanaged.length - ADDRESSES_SHOWN} more`)}`);
  }
  for (const decision of decisionsOfPlan(plan)) {
    if (lines.length > 0) lines.push('');
    lines.push(...decisionLines(decision, paint, width));
  }
  const policies = wrapped(policyLines(plan, options.gate, paint));
  if (policies.length > 0) lines.push(...(lines.length > 0 ? [''] : []), ...policies);
  if (lines.length > 0) lines.push('');
  lines.push(...wrapped(summaryLines(plan, paint)));
  return `${lines.join('\n')}\n`;
}

function headLines(
  change: Change,
  widths: { readonly address: number; readonly class: number },
  paint: Paint,
  width: number,
): string[] {
  const symbol = paint.actions(change.actions, actionSymbol(change.actions));
  const address = paint.strong(change.address) + ' '.repeat(Math.max(0, widths.address - change.address.length));
  const head = `  ${symbol} ${address}  `;
  const reason = paint.faint(change.reason);
  const column = widthOf(head) + widths.class + 2;
  if (column + LEAST_REASON <= width || column + widthOf(reason) <= width)
    return fitted(`${head}${paint.class(change.class, change.class.padEnd(widths.class))}  ${reason}`, width, column);
  return [`${head}${paint.class(change.class, change.class)}`, ...fitted(`${BODY}${reason}`, width)];
}

function attributesOf(change: Change, paint: Paint, codeText: CodeText, width: number): string[] {
  const { name: _, ...created } = change.after ?? {};
  if (change.before === null) return attributeLines(created, BODY, width);
  return differenceLines(change.diffs, BODY, paint, codeText, width);
}

/** As it will run, not wrapped: it may be copied from here. */
function runsLines({ runs = {} }: Change, paint: Paint): string[] {
  return Object.entries(runs).map(([pointer, text]) => {
    const of = pointer === '/query' ? 'the query' : pointer.slice(1).replaceAll('/', '.');
    return `${BODY}${paint.faint(`runs on Postgres, ${of}:`)} ${text}`;
  });
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
  const readers = readersText(change.impact);
  const { basis } = change.impact;
  return [
    ...line('changes values of', changedFeatures(change)),
    ...line('affects', affectedNames(change, gone)),
    ...(readers === undefined ? [] : [`${BODY}${readers}`]),
    ...(recompute === undefined ? [] : [`${BODY}${recompute}${basis === null ? '' : ` ${paint.faint(`(${basis})`)}`}`]),
  ];
}

function decisionLines({ question, options }: Decision, paint: Paint, width: number): string[] {
  return [
    ...fitted(`  ${paint.update('?')} ${paint.strong(question)}`, width),
    ...options.flatMap(({ meaning, paste, at }) => {
      if (paste === null) return fitted(`${BODY}${paint.faint('leave as it is:')} ${meaning}`, width);
      const line = `${BODY}${paint.faint(`paste at ${placeText(at)}:`)} ${paste}`;
      const why = paint.faint(`(${meaning})`);
      if (widthOf(line) + 2 + widthOf(why) <= width) return [`${line}  ${why}`];
      return [line, ...fitted(`${BODY}  ${why}`, width)];
    }),
  ];
}

function policyLines(plan: Plan, gate: Gate | undefined, paint: Paint): string[] {
  return toldPolicies(plan, gate).flatMap(({ code, severity, verdict, name, sentences, result: { at } }) => [
    `  ${paint.severity(severity, `${verdict} ${code}`)} ${paint.strong(name)}${at === null ? '' : paint.faint(`  ${at.file}:${at.line}:${at.column}`)}`,
    ...sentences
      .slice(0, SENTENCES_SHOWN)
      .flatMap(({ text, addresses }) => [
        ...text.split('\n').map((line) => `${BODY}${line}`),
        ...(addresses.length === 0 ? [] : [`${BODY}  ${paint.faint('about')} ${shownOf(addresses)}`]),
      ]),
    ...(sentences.length > SENTENCES_SHOWN ? [`${BODY}… and ${sentences.length - SENTENCES_SHOWN} more`] : []),
  ]);
}

function shownOf(addresses: readonly string[]): string {
  const more = addresses.length - ADDRESSES_SHOWN;
  return `${addresses.slice(0, ADDRESSES_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function summaryLines(plan: Plan, paint: Paint): string[] {
  const { create, update, delete: deletes, noOp, errors, warnings, suppressed } = plan.summary;
  const scope = `${plan.project}/${plan.environment}`;
  const partial = plan.complete ? [] : [paint.faint(limitText(plan, LEFT_OUT_SHOWN))];
  const going = plan.summary.snapshots == null ? undefined : snapshotsText(plan.summary.snapshots);
  const snapshots =
    going === undefined ? [] : [paint.faint(`Snapshots to be deleted once nothing needs them: ${going}.`)];
  const denial = denialMessage(plan);
  const denied = denial === undefined ? [] : [paint.severity('error', denial)];
  if (!hasChanges(plan)) {
    const as = plan.against === null ? 'the specs say' : `at serial ${plan.against}`;
    const same = plan.mode === 'destroy' ? 'there is nothing to destroy' : `${scope} is as ${as}`;
    return [
      ...partial,
      `${paint.strong('Nothing to change:')} ${same}${noOp === 0 ? '' : ` (${counted(noOp, 'resource')})`}.`,
      ...snapshots,
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
    ...snapshots,
    ...(plan.errored
      ? [
          `${paint.severity('error', 'It cannot be applied until what is marked as an error is settled:')} ${errorsText(plan)}.`,
        ]
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
