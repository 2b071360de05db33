/**
 * The plan as JUnit XML, which continuous integration shows as a test report: one test case a resource, and one a policy; a change that cannot be applied
 * or that the gate holds back is a failure; warnings are output; what stays as it is passes without a word.
 */
import { CODES } from '../../lib/codes.ts';
import { isNoOp } from '../action.ts';
import type { Change, Finding } from '../change.ts';
import type { Gate } from '../gate.ts';
import type { Drift, Plan } from '../plan.ts';
import { isAgainst } from '../policies.ts';
import { readersText } from './impact-text.ts';
import { reportXml, suiteOf, type TestCase, type TestFailure, testCase } from './junit-xml.ts';
import { type PolicyTold, tellPolicy } from './policy-text.ts';

export interface JunitOptions {
  readonly gate?: Gate | undefined;
}

export function renderJunit(plan: Plan, { gate }: JunitOptions = {}): string {
  const blocked = new Set(gate?.blocked ?? []);
  const scope = `${plan.project}/${plan.environment}`;
  const policies = plan.policies.map((result) => policyCase(plan, tellPolicy(result, gate)));
  return reportXml(`mlops plan ${scope}`, [
    suiteOf(`mlops plan ${scope}`, [
      ...plan.changes.map((change) => changeCase(plan, change, blocked.has(change.address) ? gate : undefined)),
      ...plan.drift.map((one) => driftCase(plan, one)),
    ]),
    ...(policies.length === 0 ? [] : [suiteOf(`mlops policies ${scope}`, policies)]),
  ]);
}

/** `gate`: what holds this change back. */
function changeCase(plan: Plan, change: Change, gate: Gate | undefined): TestCase {
  const failures = [
    ...change.findings.filter(({ severity }) => severity === 'error').map(failureOf),
    ...(gate === undefined ? [] : [gateFailure(change, gate)]),
  ];
  const readers = readersText(change.impact);
  const output = isNoOp(change.actions)
    ? undefined
    : [
        `${change.actions.join(', ')} (${change.class}): ${change.reason}`,
        ...change.findings.filter(({ severity }) => severity !== 'error').map(findingText),
        ...(readers === undefined ? [] : [readers]),
      ].join('\n');
  return testCase({ name: change.address, classname: classOf(plan, change.kind) }, { failures, output });
}

/** What has drifted is a test of its own: it fails, unless it is only to know. */
function driftCase(plan: Plan, { address, code, severity, summary, detail, fix }: Drift): TestCase {
  const text = [detail, ...(fix === null ? [] : [`fix: ${fix}`])].join('\n');
  return testCase(
    { name: `${address} ${code}`, classname: classOf(plan, 'drift') },
    severity === 'info' ? { output: text } : { failures: [{ type: code, message: summary, text }] },
  );
}

function policyCase(plan: Plan, { result, code, severity, verdict, name, sentences }: PolicyTold): TestCase {
  const names = { name, classname: classOf(plan, 'policies') };
  if (!isAgainst(result)) return testCase(names);
  const text = sentences
    .map((one) => `${one.text}${one.addresses.length === 0 ? '' : `\nabout ${one.addresses.join(', ')}`}`)
    .join('\n');
  return testCase(
    names,
    severity === 'error'
      ? { failures: [{ type: code, message: `${verdict}: ${CODES[code]}`, text }] }
      : { output: `${verdict} ${code} ${CODES[code]}\n${text}` },
  );
}

function classOf({ project, environment }: Plan, kind: string): string {
  return `${project}.${environment}.${kind}`;
}

function failureOf(finding: Finding): TestFailure {
  return { type: finding.code, message: finding.summary, text: findingText(finding) };
}

function gateFailure(change: Change, gate: Gate): TestFailure {
  return {
    type: 'AP110',
    message: `--fail-on ${gate.failOn}`,
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
