/** How findings of analyzers count: by the project's `rules`, and by what a resource suppresses with a reason. */
import type { DiagnosticCode } from '../lib/codes.ts';
import type { CommonFields } from '../spec/canonical-specs.ts';
import type { Rules } from '../spec/project.ts';
import type { Finding } from './change.ts';

export type { Rules } from '../spec/project.ts';

/** Nothing where the project turned the code off. `resource`: as it will be; for a delete as recorded. */
export function settle(found: Finding, rules: Rules, resource: Pick<CommonFields, 'suppress'>): readonly Finding[] {
  const reason = resource.suppress?.find(({ code }) => code === found.code)?.reason;
  if (reason !== undefined) return [{ ...found, severity: 'info', suppressed: reason }];
  const rule = rules[found.code as DiagnosticCode];
  if (rule === 'off') return [];
  return [rule === undefined ? found : { ...found, severity: rule === 'warn' ? 'warning' : 'error' }];
}
