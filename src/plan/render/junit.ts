/**
 * The plan as JUnit XML, which continuous integration shows as a test report: one test case a resource; a change that cannot be applied
 * or that the gate holds back is a failure; warnings are output; what stays as it is passes without a word.
 */
import { isNoOp } from '../action.ts';
import type { Change, Finding } from '../change.ts';
import type { Gate } from '../gate.ts';
import type { Plan } from '../plan.ts';

export interface JunitOptions {
  readonly gate?: Gate | undefined;
}

interface Failure {
  readonly type: string;
  readonly message: string;
  readonly text: string;
}

export function renderJunit(plan: Plan, options: JunitOptions = {}): string {
  const blocked = new Set(options.gate?.blocked ?? []);
  const cases = plan.changes.map((change) => ({
    change,
    failures: [
      ...change.findings.filter(({ severity }) => severity === 'error').map(failureOf),
      ...(blocked.has(change.address) ? [gateFailure(change, options.gate)] : []),
    ],
  }));
  const drifted = driftCases(plan);
  const failing = drifted.failing + cases.filter(({ failures }) => failures.length > 0).length;
  const tests = cases.length + drifted.cases;
  const name = `mlops plan ${plan.project}/${plan.environment}`;
  const counts = attributes({ name, tests, failures: failing, errors: 0, skipped: 0, time: 0 });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name, tests, failures: failing, errors: 0, time: 0 })}>`,
    `  <testsuite${counts}>`,
    ...cases.flatMap(({ change, failures }) => testCase(plan, change, failures)),
    ...drifted.lines,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** What has drifted is a test of its own: it fails, unless it is only to know. */
function driftCases(plan: Plan): {
  readonly cases: number;
  readonly failing: number;
  readonly lines: readonly string[];
} {
  const lines = plan.drift.flatMap(({ address, code, severity, summary, detail, fix }) => {
    const head = attributes({
      name: `${address} ${code}`,
      classname: `${plan.project}.${plan.environment}.drift`,
      time: 0,
    });
    const text = escapeXml([detail, ...(fix === null ? [] : [`fix: ${fix}`])].join('\n'));
    const told =
      severity === 'info'
        ? `<system-out>${text}</system-out>`
        : `<failure${attributes({ type: code, message: summary })}>${text}</failure>`;
    return [`    <testcase${head}>`, `      ${told}`, '    </testcase>'];
  });
  const failing = plan.drift.filter(({ severity }) => severity !== 'info').length;
  return { cases: plan.drift.length, failing, lines };
}

function testCase(plan: Plan, change: Change, failures: readonly Failure[]): readonly string[] {
  const file = change.findings.find(({ at }) => at !== null)?.at?.file;
  const head = attributes({
    name: change.address,
    classname: `${plan.project}.${plan.environment}.${change.kind}`,
    time: 0,
    ...(file !== undefined && { file }),
  });
  const told = isNoOp(change.actions)
    ? []
    : [
        `${change.actions.join(', ')} (${change.class}): ${change.reason}`,
        ...change.findings.filter(({ severity }) => severity !== 'error').map(findingText),
      ];
  if (failures.length === 0 && told.length === 0) return [`    <testcase${head}/>`];
  return [
    `    <testcase${head}>`,
    ...failures.map(
      ({ type, message, text }) => `      <failure${attributes({ type, message })}>${escapeXml(text)}</failure>`,
    ),
    ...(told.length === 0 ? [] : [`      <system-out>${escapeXml(told.join('\n'))}</system-out>`]),
    '    </testcase>',
  ];
}

function failureOf(finding: Finding): Failure {
  return { type: finding.code, message: finding.summary, text: findingText(finding) };
}

function gateFailure(change: Change, gate: Gate | undefined): Failure {
  return {
    type: 'AP110',
    message: `--fail-on ${gate?.failOn}`,
    text: `${change.address} is ${change.class}: ${change.reason}`,
  };
}

function findingText({ code, severity, summary, detail, at, fix, suppressed }: Finding): string {
  return [
    `${severity} ${code} ${summary}${at === null ? '' : ` ${at.file}:${at.line}:${at.column}`}`,
    detail,
    ...(suppressed == null ? [] : [`suppressed: ${suppressed}`]),
    ...(fix === null || suppressed != null ? [] : [`fix: ${fix}`]),
  ].join('\n');
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value)).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')}"`)
    .join('');
}

/** XML 1.0 has no way at all to write most control characters: they become the replacement character. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;');
}
