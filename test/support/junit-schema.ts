/** What the JUnit schema that CI servers read (Jenkins' junit-10.xsd) says of the elements we write: attributes, children, order, counts. */
import type { XmlElement } from './xml.ts';

interface ElementRule {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly children: readonly string[];
}

const RULES: Readonly<Record<string, ElementRule>> = {
  testsuites: {
    required: [],
    optional: ['name', 'time', 'tests', 'failures', 'disabled', 'errors'],
    children: ['testsuite'],
  },
  testsuite: {
    required: ['name', 'tests'],
    optional: ['failures', 'errors', 'time', 'disabled', 'skipped', 'timestamp', 'hostname', 'id', 'package', 'file'],
    children: ['testsuite', 'properties', 'testcase', 'system-out', 'system-err'],
  },
  testcase: {
    required: ['name', 'classname'],
    optional: ['assertions', 'time', 'status', 'class', 'file', 'line'],
    children: ['skipped', 'error', 'failure', 'system-out', 'system-err'],
  },
  failure: { required: [], optional: ['message', 'type'], children: [] },
  'system-out': { required: [], optional: [], children: [] },
};

/** Everything that the schema would refuse. */
export function junitProblems(element: XmlElement, path = element.name): readonly string[] {
  const rule = RULES[element.name];
  if (rule === undefined) return [`${path}: unknown element`];
  const names = Object.keys(element.attributes);
  const own = [
    ...rule.required.filter((name) => !names.includes(name)).map((name) => `${path}: no ${name}`),
    ...names
      .filter((name) => ![...rule.required, ...rule.optional].includes(name))
      .map((name) => `${path}: has ${name}`),
    ...element.children.filter(({ name }) => !rule.children.includes(name)).map(({ name }) => `${path}: holds ${name}`),
    ...(rule.children.length > 0 && element.text.trim() !== '' ? [`${path}: holds text`] : []),
  ];
  for (const count of ['tests', 'failures', 'errors', 'skipped']) {
    const value = element.attributes[count];
    if (value !== undefined && !/^\d+$/.test(value)) own.push(`${path}: ${count} is no count`);
  }
  const cases = element.children.filter(({ name }) => name === 'testcase');
  if (element.name === 'testsuite') {
    const failing = cases.filter(({ children }) => children.some(({ name }) => name === 'failure'));
    if (Number(element.attributes['tests']) !== cases.length) own.push(`${path}: tests do not add up`);
    if (Number(element.attributes['failures']) !== failing.length) own.push(`${path}: failures do not add up`);
  }
  return [...own, ...element.children.flatMap((child) => junitProblems(child, `${path}/${child.name}`))];
}
