/** Feature sets: the structure is registered as a version before the record says so; destroying drops the rows of all versions. */
import { invariant } from '../../lib/assert.ts';
import { structureDigest } from '../../spec/feature-set-structure.ts';
import type { Handler } from './handler.ts';

export const featureSetHandler: Handler<'feature_set'> = {
  put: async (set, { effects, entity, applyId }, observed) => {
    const keyedBy = entity(set.entity);
    invariant(keyedBy !== undefined, `${set.name} names entity.${set.entity}, which the plan does not hold`);
    const { version } = await effects.registerFeatureSet(set, keyedBy, applyId);
    // The keys are recorded because the set's own spec does not hold them: the plan must see when the entity's change.
    return { version, structure: structureDigest(set, keyedBy), keys: { ...keyedBy.keys }, ...observed };
  },
  remove: (set, { effects, applyId }) => effects.dropFeatureSet(set.name, applyId),
};
