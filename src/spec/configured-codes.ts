/** Codes that `rules` and `suppress` name: SP118 where there is no such finding, or none that may be configured. */
import { CONFIGURABLE_CODES, whyFixed } from '../lib/finding-codes.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CommonFields } from './canonical-specs.ts';
import { pointerTo } from './locator.ts';
import type { Problem } from './problem.ts';

export function ruleProblems(rules: Readonly<Record<string, unknown>> | undefined): readonly Problem[] {
  return Object.keys(rules ?? {}).flatMap((code) => problemOf(code, pointerTo('/rules', code), 'key'));
}

export function suppressProblems({ suppress = [] }: Pick<CommonFields, 'suppress'>): readonly Problem[] {
  return suppress.flatMap(({ code }, index) => {
    const pointer = `/suppress/${index}/code`;
    if (suppress.findIndex((other) => other.code === code) === index) return problemOf(code, pointer, 'value');
    return [{ code: 'SP103' as const, pointer, detail: `"${code}" is suppressed twice; one reason counts.` }];
  });
}

function problemOf(code: string, pointer: string, part: Problem['part']): readonly Problem[] {
  if ((CONFIGURABLE_CODES as ReadonlySet<string>).has(code)) return [];
  const fixed = whyFixed(code);
  return [
    fixed === undefined
      ? {
          code: 'SP118',
          pointer,
          part,
          detail: `"${code}" is not the code of a finding.`,
          hint: nearestCode(code) ?? 'docs/codes.md lists the findings of a plan',
        }
      : {
          code: 'SP118',
          pointer,
          part,
          detail: `"${code}" cannot be configured: ${fixed}.`,
          hint: 'docs/codes.md lists the findings of a plan',
        },
  ];
}

/** Codes are alike in all but a digit: only what differs in one letter is offered. */
function nearestCode(code: string): string | undefined {
  const written = code.toUpperCase();
  return didYouMean(
    written,
    [...CONFIGURABLE_CODES].filter(
      (known) => known.startsWith(written.slice(0, 2)) || known.endsWith(written.slice(-3)),
    ),
  );
}
