/** Drift as people read it, on a terminal and in a comment: what is not as recorded, the gravest first, each with what puts it right. */
import type { Severity } from '../../lib/diagnostics.ts';
import type { Drift, Plan } from '../plan.ts';
import { fitted } from './layout.ts';
import { clipped, code, fenced, prose } from './markdown-text.ts';
import type { Paint } from './paint.ts';

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/** Of what puts it right: it is code, and one of them does not crowd out the others. */
const FIX_LINES = 30;
const FIX_WIDTH = 200;

/** What puts it right is code: it stays as long as it is. */
export function driftText(plan: Plan, paint: Paint, width: number): string {
  const lines = plan.drift.flatMap((one, index) => [...(index === 0 ? [] : ['']), ...driftLines(one, paint, width)]);
  if (lines.length > 0) lines.push('');
  const sentence = fitted(`${paint.strong(`${titleOf(plan)}:`)} ${sentenceOf(plan)}`, width);
  return `${[...lines, ...sentence].join('\n')}\n`;
}

function driftLines(
  { address, code, severity, summary, detail, fix }: Drift,
  paint: Paint,
  width: number,
): readonly string[] {
  const told = [
    `  ${paint.severity(severity, `${severity} ${code}`)} ${paint.strong(address)}  ${summary}`,
    ...detail.split('\n').map((line) => `      ${line}`),
  ];
  return [
    ...told.flatMap((line) => fitted(line, width)),
    ...(fix === null
      ? []
      : indented(`fix: ${fix}`).map((line, index) => (index === 0 ? line.replace('fix:', paint.faint('fix:')) : line))),
  ];
}

function indented(text: string): readonly string[] {
  return text.split('\n').map((line) => `      ${line}`);
}

/** One comment's worth: `limit` characters, the gravest kept. `marker` is its first line. */
export function driftMarkdown(plan: Plan, marker: string, limit: number): string {
  const head = `${marker}\n### ${titleOf(plan)} of ${code(`${plan.project}/${plan.environment}`)}\n\n${prose(sentenceOf(plan))}`;
  const blocks: string[] = [];
  let size = head.length + 200;
  for (const one of plan.drift) {
    const block = driftItem(one);
    if (size + block.length + 1 > limit) continue;
    size += block.length + 1;
    blocks.push(block);
  }
  const cut = plan.drift.length - blocks.length;
  const note = `> **Cut to fit a comment**, the gravest kept. Not shown: ${cut}. \`mlops plan --refresh-only\` shows all of it.`;
  return `${[head, ...(blocks.length === 0 ? [] : [blocks.join('\n')]), ...(cut === 0 ? [] : [note])].join('\n\n')}\n`;
}

function driftItem({ address, code: id, severity, summary, detail, fix }: Drift): string {
  const told = detail.split('\n').map((line) => prose(clipped(line)));
  const lines = fix === null ? [] : fix.split('\n').map((line) => clipped(line, FIX_WIDTH));
  const more = lines.length - FIX_LINES;
  return [
    `- **${severity} ${id}** ${code(clipped(address))} ${prose(summary)}`,
    `  ${told.slice(0, FIX_LINES).join('<br>')}`,
    ...(lines.length === 0 ? [] : ['', ...fenced(lines.slice(0, FIX_LINES)).map((line) => `  ${line}`)]),
    ...(more > 0 ? [`  … and ${counted(more, 'more line')}`] : []),
  ].join('\n');
}

function titleOf({ drift }: Plan): string {
  return drift.length === 0 ? 'No drift' : 'Drift';
}

function sentenceOf({ drift, project, environment, summary }: Plan): string {
  const resources = counted(summary.noOp + summary.unmanaged, 'recorded resource');
  if (drift.length === 0)
    return `the stores of ${project}/${environment} are as recorded (${resources}). Nothing was changed.`;
  const counts = SEVERITIES.flatMap((severity) => {
    const count = drift.filter((one) => one.severity === severity).length;
    return count === 0 ? [] : [severity === 'info' ? `${count} to know` : counted(count, severity)];
  });
  return `the stores of ${project}/${environment} are not as recorded: ${counts.join(', ')}; ${resources}. Nothing was changed.`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
