/** The parts of a report in JUnit's XML: suites of test cases, each with failures and output, any text in them. */

export interface TestFailure {
  readonly type: string;
  readonly message: string;
  readonly text: string;
}

export interface TestCase {
  readonly failed: boolean;
  readonly lines: readonly string[];
}

export interface TestSuite {
  readonly tests: number;
  readonly failures: number;
  readonly lines: readonly string[];
}

export function reportXml(name: string, suites: readonly TestSuite[]): string {
  const tests = suites.reduce((sum, suite) => sum + suite.tests, 0);
  const failures = suites.reduce((sum, suite) => sum + suite.failures, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name, tests, failures, errors: 0, time: 0 })}>`,
    ...suites.flatMap(({ lines }) => lines),
    '</testsuites>',
    '',
  ].join('\n');
}

export function suiteOf(name: string, cases: readonly TestCase[]): TestSuite {
  const [tests, failures] = [cases.length, cases.filter(({ failed }) => failed).length];
  const head = attributes({ name, tests, failures, errors: 0, skipped: 0, time: 0 });
  return {
    tests,
    failures,
    lines: [`  <testsuite${head}>`, ...cases.flatMap(({ lines }) => lines), '  </testsuite>'],
  };
}

export function testCase(
  names: { readonly name: string; readonly classname: string },
  told: { readonly failures?: readonly TestFailure[]; readonly output?: string | undefined } = {},
): TestCase {
  const { failures = [], output } = told;
  const head = `    <testcase${attributes({ ...names, time: 0 })}`;
  if (failures.length === 0 && output === undefined) return { failed: false, lines: [`${head}/>`] };
  return {
    failed: failures.length > 0,
    lines: [
      `${head}>`,
      ...failures.map(
        ({ type, message, text }) => `      <failure${attributes({ type, message })}>${escapeXml(text)}</failure>`,
      ),
      ...(output === undefined ? [] : [`      <system-out>${escapeXml(output)}</system-out>`]),
      '    </testcase>',
    ],
  };
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
