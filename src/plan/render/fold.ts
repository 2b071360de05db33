/** One change in a comment on a pull request, folded: what differs, which values change, what it touches and costs. */
import { actionSymbol } from '../action.ts';
import type { Change } from '../change.ts';
import { diffBody } from './diff-body.ts';
import type { CodeText } from './difference.ts';
import { changedFeatures, readersText, recomputeText } from './impact-text.ts';
import { NAMES_SHOWN, nameOf, shownOf } from './markdown-items.ts';
import { clipped, fenced, html, inHtml, prose } from './markdown-text.ts';

/** One change does not crowd out the others, and always fits itself. */
const LINES_SHOWN = 200;
const CHARACTERS_SHOWN = 8_000;

export function foldOf(change: Change, codeText: CodeText): string {
  const all = diffBody(change, codeText).map((line) => clipped(line));
  const shown = firstLines(all);
  const more = all.length - shown.length;
  return [
    `<details><summary><code>${actionSymbol(change.actions)} ${html(clipped(change.address, 200))}</code> ${change.class}: ${inHtml(clipped(change.reason))}</summary>`,
    '',
    ...(shown.length === 0 ? ['No attribute differs.'] : fenced(shown, 'diff')),
    ...(more > 0 ? [`… ${more} more ${more === 1 ? 'line' : 'lines'} of this change`] : []),
    ...impactLines(change),
    '',
    '</details>',
  ].join('\n');
}

function firstLines(lines: readonly string[]): readonly string[] {
  let size = 0;
  const end = lines.findIndex((line, index) => {
    size += line.length + 1;
    return index >= LINES_SHOWN || size > CHARACTERS_SHOWN;
  });
  return end < 0 ? lines : lines.slice(0, end);
}

function impactLines(change: Change): readonly string[] {
  const features = changedFeatures(change).map(nameOf);
  const { downstream, basis } = change.impact;
  const recompute = recomputeText(change.impact);
  const readers = readersText(change.impact, nameOf);
  return [
    ...(features.length === 0 ? [] : ['', `Changes values of ${shownOf(features, NAMES_SHOWN)}.`]),
    ...(change.class === 'safe' || downstream.length === 0
      ? []
      : ['', `Affects ${shownOf(downstream.map(nameOf), NAMES_SHOWN)}.`]),
    ...(readers === undefined ? [] : ['', `${readers.replace(/^r/, 'R')}.`]),
    ...(recompute === undefined
      ? []
      : ['', `To ${prose(recompute)}${basis === null ? '' : ` (${prose(clipped(basis))})`}.`]),
  ];
}
