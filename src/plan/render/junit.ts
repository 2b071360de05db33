/**
 * The plan as JUnit XML, which continuous integration shows as a test report: one test case a resource, and one a policy; a change that cannot be applied
 * or that the gate holds back is a failure; warnings are output; what stays as it is passes without a word.
 */
import { CODES } from '../../lib/codes.ts';
import { isNoOp } from '../action.ts';
import type { Change, Finding } from '../change.ts';
import type { Gate } from '../gate.ts';
import type { Plan } from '../plan.ts';
import { isAgainst } from '../policies.ts';
import { type PolicyTold, tellPolicy } from './policy-text.ts';

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
  const scope = `${plan.project}/${plan.environment}`;
  const suites = [
    suiteOf(`mlops plan ${scope}`, [
      ...cases.map(({ change, failures }) => ({
        failed: failures.length > 0,
        lines: testCase(plan, change, failures),
      })),
      ...driftCases(plan),
    ]),
    ...(plan.policies.length === 0
      ? []
      : [
          suiteOf(
            `mlops policies ${scope}`,
            plan.policies.map((result) => policyCase(plan, tellPolicy(result, options.gate))),
          ),
        ]),
  ];
  const tests = suites.reduce((sum, suite) => sum + suite.tests, 0);
  const failures = suites.reduce((sum, suite) => sum + suite.failures, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: `mlops plan ${scope}`, tests, failures, errors: 0, time: 0 })}>`,
    ...suites.flatMap(({ lines }) => lines),
    '</testsuites>',
    '',
  ].join('\n');
}

/** What has drifted is a test of its own: it fails, unless it is only to know. */
function driftCases(plan: Plan): readonly Case[] {
  return plan.drift.map(({ address, code, severity, summary, detail, fix }) => {
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
    const lines = [`    <testcase${head}>`, `      ${told}`, '    </testcase>'];
    return { failed: severity !== 'info', lines };
  });
}

interface Case {
  readonly failed: boolean;
  readonly lines: readonly string[];
}

function suiteOf(name: string, cases: readonly Case[]) {
  const [tests, failures] = [cases.length, cases.filter(({ failed }) => failed).length];
  const head = attributes({ name, tests, failures, errors: 0, skipped: 0, time: 0 });
  return {
    tests,
    failures,
    lines: [`  <testsuite${head}>`, ...cases.flatMap(({ lines }) => lines), '  </testsuite>'],
  };
}

function policyCase(plan: Plan, { result, code, severity, verdict, name, sentences }: PolicyTold): Case {
  const head = attributes({
    name,
    classname: `${plan.project}.${plan.environment}.policies`,
    time: 0,
  });
  if (!isAgainst(result)) return { failed: false, lines: [`    <testcase${head}/>`] };
  const text = sentences
    .map((one) => `${one.text}${one.addresses.length === 0 ? '' : `\nabout ${one.addresses.join(', ')}`}`)
    .join('\n');
  const told =
    severity === 'error'
      ? `      <failure${attributes({ type: code, message: `${verdict}: ${CODES[code]}` })}>${escapeXml(text)}</failure>`
      : `      <system-out>${escapeXml(`${verdict} ${code} ${CODES[code]}\n${text}`)}</system-out>`;
  return { failed: severity === 'error', lines: [`    <testcase${head}>`, told, '    </testcase>'] };
}

function testCase(plan: Plan, change: Change, failures: readonly Failure[]): readonly string[] {
  const head = attributes({
    name: change.address,
    classname: `${plan.project}.${plan.environment}.${change.kind}`,
    time: 0,
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
