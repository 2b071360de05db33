/**
 * A plan that could not be made, for those who wait for it on a code host: a comment, code-scanning results and a test report that say why, as
 * they would have said what changes. Without it they would go on showing the plan of the push before.
 */
import { type Diagnostic, sortDiagnostics } from '../../lib/diagnostics.ts';
import type { MlopsError } from '../../lib/error.ts';
import type { Finding } from '../change.ts';
import type { Plan } from '../plan.ts';
import { reportXml, suiteOf, testCase } from './junit-xml.ts';
import { COMMENT_LIMIT, commentMarker, MARGIN } from './markdown.ts';
import { findingItem } from './markdown-items.ts';
import { clipped, code, prose } from './markdown-text.ts';
import { type SarifOptions, sarifLog } from './sarif.ts';

/** Undefined where not even that is known: the config file cannot be read. */
export type FailureScope = Pick<Plan, 'project' | 'environment'> | undefined;

type Problem = Omit<Finding, 'suppressed'> & { readonly address: string | undefined };

export function renderFailureMarkdown(error: MlopsError, scope: FailureScope): string {
  const head = [
    ...(scope === undefined ? [] : [commentMarker(scope)]),
    `### The plan${scope === undefined ? '' : ` for ${code(nameOf(scope))}`} could not be made`,
    '',
    `> **${error.code} ${error.summary}.** ${prose(clipped(error.detail))}`,
    ...(error.hint === undefined ? [] : ['>', `> *fix:* ${prose(clipped(error.hint))}`]),
  ].join('\n');
  const kept: string[] = [];
  let room = COMMENT_LIMIT - MARGIN - head.length - 200;
  for (const problem of problemsOf(error.diagnostics)) {
    const item = findingItem(problem.address, { ...problem, suppressed: null });
    if (item.length + 1 > room) break;
    room -= item.length + 1;
    kept.push(item);
  }
  const cut = error.diagnostics.length - kept.length;
  return `${[
    head,
    ...(kept.length === 0 ? [] : [kept.join('\n')]),
    ...(cut === 0
      ? []
      : [`> **Cut to fit a comment**, errors first. Not shown: ${cut}. \`mlops validate\` shows all.`]),
  ].join('\n\n')}\n`;
}

export function renderFailureSarif(error: MlopsError, scope: FailureScope, options: SarifOptions): string {
  const told = problemsOrItself(error).map(({ code: id, severity, address, detail, fix, at }) => ({
    code: id,
    severity,
    address: address ?? nameOf(scope),
    at,
    suppressed: null,
    text: `${detail}${fix === null ? '' : `\nFix: ${fix}.`}`,
  }));
  return sarifLog(told, { id: `mlops/${nameOf(scope)}/`, properties: {} }, options);
}

export function renderFailureJunit(error: MlopsError, scope: FailureScope): string {
  const name = `mlops plan ${nameOf(scope)}`;
  const cases = problemsOrItself(error).map(({ code: id, severity, summary, address, detail, fix, at }) => {
    const place = at === null ? '' : ` ${at.file}:${at.line}:${at.column}`;
    const text = [detail, ...(fix === null ? [] : [`fix: ${fix}`])].join('\n');
    const told =
      severity === 'error'
        ? { failures: [{ type: id, message: `${summary}${place}`, text }] }
        : { output: `${severity} ${id} ${summary}${place}\n${text}` };
    return testCase({ name: `${address ?? 'specs'} ${id}${place}`, classname: `${classOf(scope)}.specs` }, told);
  });
  return reportXml(name, [suiteOf(name, cases)]);
}

/** The gravest first, then as people work through them. */
function problemsOf(diagnostics: readonly Diagnostic[]): readonly Problem[] {
  const sorted = sortDiagnostics(diagnostics);
  return [
    ...sorted.filter(({ severity }) => severity === 'error'),
    ...sorted.filter(({ severity }) => severity !== 'error'),
  ].map(({ code: id, severity, summary, detail, at, hint, address }) => ({
    code: id,
    severity,
    summary,
    detail,
    at: at === undefined ? null : { file: at.file, line: at.start.line, column: at.start.column },
    fix: hint ?? null,
    address,
  }));
}

function problemsOrItself(error: MlopsError): readonly Problem[] {
  if (error.diagnostics.length > 0) return problemsOf(error.diagnostics);
  const { code: id, summary, detail, hint = null, address } = error;
  return [{ code: id, severity: 'error', summary, detail, at: null, fix: hint, address }];
}

const nameOf = (scope: FailureScope): string =>
  scope === undefined ? 'project' : `${scope.project}/${scope.environment}`;
const classOf = (scope: FailureScope): string => nameOf(scope).replace('/', '.');
