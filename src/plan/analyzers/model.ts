/** Models: the declaration that versions are checked against. Versions are made by runs and belong to the registry. */
import { type Analyzer, finding, SAFE } from './analyzer.ts';

export const analyzeModel: Analyzer<'model'> = ({ address, before, after, facts }) => {
  if (before === undefined || after !== undefined) return SAFE;
  const versions = facts.models?.get(before.name)?.versions;
  if (versions === 0) return SAFE;
  const count =
    versions === undefined ? 'Versions that it has' : versions === 1 ? 'Its version' : `Its ${versions} versions`;
  return {
    class: 'destructive',
    findings: [
      finding('MD101', 'warning', undefined, {
        detail: `${address} loses its declaration: inputs, gates and card. ${count} can be neither promoted nor served by an endpoint any more. Versions, artifacts and history stay in the registry, and count again when a model of that name is declared.`,
        fix: 'put `protect: true` on a model that must not be destroyed',
      }),
    ],
  };
};
