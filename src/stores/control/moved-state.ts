/** The refusal of a plan whose state has moved: AP102, with what moved it. */
import { MlopsError } from '../../lib/error.ts';
import type { HistoryEntry } from './history.ts';

interface Stand {
  readonly lineage: string | null;
  readonly serial: number;
}

const SHOWN = 5;

/** `since`: entries of later serials, the newest first. */
export function movedState(planned: Stand, found: Stand, since: readonly HistoryEntry[]): MlopsError {
  return new MlopsError('AP102', {
    detail:
      found.lineage === planned.lineage
        ? `The plan was made from serial ${planned.serial} of the state; it is at ${found.serial} now.${whatMoved(since)}`
        : 'The plan was made from another state than this environment has now.',
    hint: 'plan again: what was applied in between is not in this plan',
    data: {
      planned: { lineage: planned.lineage, serial: planned.serial },
      found: { lineage: found.lineage, serial: found.serial },
      moved: since.map(({ serial, at, who, action, address, previousAddress }) => ({
        serial,
        at: at.toISOString(),
        who,
        action,
        address,
        previousAddress,
      })),
    },
  });
}

function whatMoved(since: readonly HistoryEntry[]): string {
  if (since.length === 0) return ' Nothing was finished in between.';
  const told = since
    .slice(0, SHOWN)
    .map(
      ({ action, address, previousAddress, who, at }) =>
        `${action} ${previousAddress === null ? '' : `${previousAddress} to `}${address} (${who}, ${at.toISOString().slice(0, 16).replace('T', ' ')})`,
    );
  const more = since.length > SHOWN ? ` and ${since.length - SHOWN} more` : '';
  return ` Since then: ${told.join('; ')}${more}.`;
}
