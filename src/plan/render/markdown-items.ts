/** What a comment on a pull request lists, an item each: rows of its tables, findings, policies, decisions. */

import { actionSymbol } from '../action.ts';
import type { AffectedEndpoint, Change, Finding, FindingPlace } from '../change.ts';
import type { Decision } from '../plan.ts';
import { cell, cellCode, clipped, code, prose } from './markdown-text.ts';
import type { PolicyTold } from './policy-text.ts';
import { placeText } from './steering.ts';

/** Names that are told of one thing. */
export const NAMES_SHOWN = 20;
const SENTENCES_SHOWN = 10;
const OPTIONS_SHOWN = 6;
const NAME_SHOWN = 200;

export function tableRow({ actions, address, class: name, reason }: Change): string {
  const grave = name === 'breaking' || name === 'destructive';
  return row([
    cellCode(actionSymbol(actions)),
    grave ? `**${name}**` : name,
    cellCode(clipped(address, NAME_SHOWN)),
    cell(clipped(reason)),
  ]);
}

export function endpointRow({ address, owner, requestsPerDay }: AffectedEndpoint): string {
  return row([
    cellCode(clipped(address, NAME_SHOWN)),
    owner === null ? 'nobody named' : cellCode(clipped(owner, NAME_SHOWN)),
    requestsPerDay === null ? 'unknown' : Math.round(requestsPerDay).toLocaleString('en-US'),
  ]);
}

export function findingItem(address: string | undefined, finding: Finding): string {
  const { code: id, severity, summary, detail, at, fix, suppressed } = finding;
  const about = address === undefined ? '' : `: ${nameOf(address)}`;
  return item(`**${severity} ${id}** ${prose(clipped(summary))}${about}${placeOf(at)}`, [
    prose(clipped(detail)),
    ...(suppressed != null
      ? [`*suppressed:* ${prose(clipped(suppressed))}`]
      : fix === null
        ? []
        : [`*fix:* ${prose(clipped(fix))}`]),
  ]);
}

export function policyItem({ code: id, severity, verdict, name, sentences, result: { at } }: PolicyTold): string {
  const said = sentences.slice(0, SENTENCES_SHOWN).map(({ text, addresses }) => {
    const about = addresses.length === 0 ? '' : ` (${shownOf(addresses.map(nameOf), NAMES_SHOWN)})`;
    return `${prose(clipped(text))}${about}`;
  });
  const more = sentences.length - said.length;
  return item(`**${severity} ${id}** ${code(clipped(name, NAME_SHOWN))} ${prose(verdict)}${placeOf(at)}`, [
    ...said,
    ...(more > 0 ? [`… and ${more} more`] : []),
  ]);
}

export function decisionItem({ question, options }: Decision): string {
  const told = options
    .slice(0, OPTIONS_SHOWN)
    .map(({ meaning, paste, at }) =>
      paste === null
        ? `  - leave as it is: ${prose(clipped(meaning))}`
        : `  - paste at ${code(clipped(placeText(at), NAME_SHOWN))}: ${code(clipped(paste))} (${prose(clipped(meaning))})`,
    );
  const more = options.length - told.length;
  return [`- ${prose(clipped(question))}`, ...told, ...(more > 0 ? [`  - and ${more} more`] : [])].join('\n');
}

export function nameOf(address: string): string {
  return code(clipped(address, NAME_SHOWN));
}

export function shownOf(items: readonly string[], most: number): string {
  return `${items.slice(0, most).join(', ')}${items.length > most ? ` and ${items.length - most} more` : ''}`;
}

/** Lines of one item, each on a line of its own where it is shown. */
function item(head: string, body: readonly string[]): string {
  const lines = [head, ...body];
  return lines
    .map((line, index) => `${index === 0 ? '- ' : '  '}${line}${index < lines.length - 1 ? '  ' : ''}`)
    .join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function placeOf(at: FindingPlace | null): string {
  return at === null ? '' : ` (${code(clipped(placeText(at), NAME_SHOWN))})`;
}
