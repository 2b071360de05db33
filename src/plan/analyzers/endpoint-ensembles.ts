/** Ensembles in a plan: what one answers with, and what of it changed. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { combinationOf } from '../../spec/endpoint-models.ts';
import type { Ensemble } from '../../spec/schema-types.ts';
import type { PlanFacts } from '../../stores/control/facts.ts';
import { escapePointer } from '../diff.ts';
import { listed } from './analyzer.ts';
import { followsText, sameFollowed, versionOf } from './followed-versions.ts';

export function ensembleText({ members, combine }: Ensemble): string {
  return `the ${wayOf(combine)} of ${listed(Object.keys(members))}`;
}

/** What its answers are made of otherwise: nothing where only time limits and what is optional changed. */
export function ensembleDifferences(
  old: Ensemble,
  next: Ensemble,
  facts: PlanFacts,
): { readonly what: string; readonly at: string } | undefined {
  const told: string[] = [];
  let at = '/ensemble';
  const place = (pointer: string): void => {
    if (told.length === 0) at = pointer;
  };
  for (const [name, member] of Object.entries(next.members)) {
    const was = old.members[name];
    const where = `/ensemble/members/${escapePointer(name)}`;
    if (was === undefined) {
      place(where);
      told.push(`asks ${name} (${followsText(member, versionOf(member, facts))}) too`);
    } else if (!sameFollowed(was, member, facts)) {
      place(where);
      told.push(
        `asks ${followsText(member, versionOf(member, facts))} as ${name} instead of ${followsText(was, versionOf(was, facts))}`,
      );
    }
  }
  for (const name of Object.keys(old.members)) {
    if (next.members[name] !== undefined) continue;
    place('/ensemble/members');
    told.push(`no longer asks ${name}`);
  }
  const combined = combinationDifference(old.combine, next.combine, facts);
  if (combined !== undefined) {
    place('/ensemble/combine');
    told.push(combined);
  }
  return told.length === 0 ? undefined : { what: listed(told), at };
}

function combinationDifference(
  old: Ensemble['combine'],
  next: Ensemble['combine'],
  facts: PlanFacts,
): string | undefined {
  if (canonicallyEqual(old, next)) return undefined;
  const [was, is] = [combinationOf(old).stacking, combinationOf(next).stacking];
  if (was !== undefined && is !== undefined) {
    if (sameFollowed(was, is, facts)) return undefined;
    return `stacks by ${followsText(is, versionOf(is, facts))} instead of ${followsText(was, versionOf(was, facts))}`;
  }
  const [before, after] = [wayOf(old), wayOf(next)];
  return before === after
    ? `combines them with other settings of ${after}`
    : `answers with the ${after} instead of the ${before}`;
}

function wayOf(combine: Ensemble['combine']): string {
  if (typeof combine === 'string') return combine;
  if (combine.weighted !== undefined) return 'weighted mean';
  return combine.stacking === undefined ? 'pick' : 'stacking';
}
