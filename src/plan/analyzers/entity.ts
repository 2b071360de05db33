/** Entities. Keys are part of the structure of every feature set of the entity. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { type Analyzer, finding, listed, SAFE, says, verb } from './analyzer.ts';

export const analyzeEntity: Analyzer<'entity'> = ({ address, before, after, desired, readers, stays }) => {
  if (before === undefined || after === undefined || canonicallyEqual(before.keys, after.keys)) return SAFE;
  const sets = readers.featureSetsOn(address).filter(stays);
  const who =
    sets.length === 0
      ? 'No feature set uses it.'
      : `${listed(sets)} ${verb(sets, 'gets', 'get')} a new version, and whoever reads them must send the new keys.`;
  return says(
    'breaking',
    finding('FS104', 'warning', desired, {
      detail: `The keys of ${address} change from (${keysText(before.keys)}) to (${keysText(after.keys)}). ${who}`,
      fix: 'declare another entity with the new keys and move its feature sets one by one, so that callers can follow',
      pointer: '/keys',
    }),
  );
};

function keysText(keys: Readonly<Record<string, string>>): string {
  return Object.entries(keys)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ');
}
