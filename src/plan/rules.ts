/** How findings of analyzers count: by the project's `rules`, and by what a resource suppresses with a reason. */
import { CONFIGURABLE_CODES } from '../lib/finding-codes.ts';
import type { CommonFields } from '../spec/canonical-specs.ts';
import type { Resource, Rules } from '../spec/project.ts';
import type { Action } from './action.ts';
import { finding } from './analyzers/analyzer.ts';
import type { Finding } from './change.ts';

export type { Rules } from '../spec/project.ts';

/**
 * What analyzers found, as it counts. `desired` is the resource as it will be: what it suppresses stands in the specs that are
 * reviewed. What a resource that goes suppressed when it was applied does not count, so that nothing which was meant for an edit long
 * ago lets its data go without a word.
 */
export function settle(
  found: readonly Finding[],
  rules: Rules,
  desired: Resource | undefined,
  actions: readonly Action[],
): readonly Finding[] {
  const suppress = (desired?.spec as Pick<CommonFields, 'suppress'> | undefined)?.suppress ?? [];
  const counted = found.flatMap((one) => settled(one, rules, suppress));
  const idle = suppress.flatMap(({ code }, index) =>
    found.some((one) => one.code === code) ? [] : [withoutEffect(code, index, desired)],
  );
  // What is made for the first time gives rise to little; its suppressions are not for that.
  if (!actions.includes('update')) return counted;
  return [...counted, ...idle];
}

function settled(found: Finding, rules: Rules, suppress: NonNullable<CommonFields['suppress']>): readonly Finding[] {
  if (!CONFIGURABLE_CODES.has(found.code)) return [found];
  const reason = suppress.find(({ code }) => code === found.code)?.reason;
  if (reason !== undefined) return [{ ...found, severity: 'info', suppressed: reason }];
  const rule = rules[found.code];
  if (rule === 'off') return [];
  return [rule === undefined ? found : { ...found, severity: rule === 'warn' ? 'warning' : 'error' }];
}

function withoutEffect(code: string, index: number, desired: Resource | undefined): Finding {
  return finding('SP119', 'info', desired, {
    detail: `${desired?.address} suppresses ${code}, and this change does not give rise to it.`,
    fix: 'take it out of `suppress`, so that it does not hide a later one',
    pointer: `/suppress/${index}/code`,
  });
}
