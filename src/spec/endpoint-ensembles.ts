/** What the schema cannot say of an ensemble: whom its combination names, and what goes with which way to combine. */
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalVariant } from './canonical-specs.ts';
import { combinationOf } from './endpoint-models.ts';
import { checkCondition, isAlways } from './endpoint-rules.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';

/** `keys`: of the entities that the models' features describe, where they are known. */
export function checkEnsemble(
  name: string,
  variant: CanonicalVariant,
  keys: ReadonlySet<string> | undefined,
  into: Canonicalizing,
): void {
  if (variant.ensemble === undefined) return;
  const at = pointerTo('/variants', name);
  for (const field of ['stage', 'version'] as const)
    if (variant[field] !== undefined)
      report(into, 'SP103', `${at}/${field}`, `"${field}" goes with a model, and "${name}" is an ensemble.`, {
        part: 'key',
        hint: `each member may have a "${field}" of its own`,
      });
  const { members, combine } = variant.ensemble;
  const names = Object.keys(members);
  const pointer = `${at}/ensemble`;
  const { weighted, stacking, pick } = combinationOf(combine);
  const unknown = (member: string, where: string, part: 'key' | 'value'): void => {
    if (names.includes(member)) return;
    report(into, 'SP104', where, `The ensemble "${name}" has no member "${member}".`, {
      ...(part === 'key' && { part }),
      hint: didYouMean(member, names) ?? `it has: ${names.join(', ')}`,
    });
  };

  for (const [member, { optional, default: score }] of Object.entries(members)) {
    const where = pointerTo(`${pointer}/members`, member);
    if (stacking !== undefined && optional === true && score === undefined)
      report(
        into,
        'SP102',
        where,
        `The optional member "${member}" needs "default", the score that the stacking model gets where it does not answer.`,
      );
    if (score !== undefined && (stacking === undefined || optional !== true))
      report(
        into,
        'SP103',
        `${where}/default`,
        `"default" goes with an optional member of an ensemble with "stacking".`,
        {
          part: 'key',
        },
      );
  }
  if (pick === undefined && names.length > 0 && Object.values(members).every(({ optional }) => optional === true))
    report(into, 'SP103', `${pointer}/members`, `Every member of "${name}" is optional: nobody would have to answer.`, {
      part: 'key',
      hint: 'let one of them be required',
    });
  if (weighted !== undefined) {
    for (const member of Object.keys(weighted))
      unknown(member, pointerTo(`${pointer}/combine/weighted`, member), 'key');
    const missing = names.filter((member) => weighted[member] === undefined);
    if (missing.length > 0)
      report(
        into,
        'SP102',
        `${pointer}/combine/weighted`,
        `"${name}" does not say what ${missing.map((one) => `"${one}"`).join(' and ')} weighs.`,
        {
          part: 'key',
        },
      );
    // What has to answer has to be able to: an optional member may be missing.
    const certain = names.filter((member) => members[member]?.optional !== true);
    if (missing.length === 0 && certain.every((member) => weighted[member] === 0))
      report(
        into,
        'SP103',
        `${pointer}/combine/weighted`,
        `The members of "${name}" that are not optional weigh nothing.`,
        {
          part: 'key',
        },
      );
  }
  if (pick === undefined) return;
  for (const [index, { when, member }] of pick.entries()) {
    const where = pointerTo(`${pointer}/combine/pick`, index);
    unknown(member, `${where}/member`, 'value');
    if (when !== undefined) checkCondition(when, `${where}/when`, keys, into);
    const last = index === pick.length - 1;
    if (last && when !== undefined)
      report(
        into,
        'SP102',
        where,
        `The last entry of "pick" has no "when": it says who answers where no other entry is true.`,
      );
    if (!last && (when === undefined || isAlways(when)))
      report(into, 'EP109', where, `It is true of every request: the entries after it are never reached.`, {
        severity: 'warning',
        hint: 'put it last',
      });
  }
}
