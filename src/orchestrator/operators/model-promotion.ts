/** model_promotion: the version registered upstream moves to a stage, if its gates let it. */

import type { Registration } from './model-registration.ts';
import type { Operator } from './operator.ts';
import { asOutputs, fromOutputs, nearestOf, upstreamOf } from './upstream-outputs.ts';

export const modelPromotion: Operator<'model_promotion'> = async (task, context) => {
  const registered = upstreamOf('model_registration', context).find(
    ({ outputs }) => fromOutputs<Registration>(outputs).model === task.model,
  );
  const { outputs } = registered ?? nearestOf('model_registration', `a registered version of ${task.model}`, context);
  const registration = fromOutputs<Registration>(outputs);
  const promoted = await context.services.promote(
    {
      versionId: registration.id,
      to: task.to,
      reason: `run ${context.runId} of ${context.pipeline}`,
    },
    context,
  );
  for (const gate of promoted.gates)
    context.log(`gate ${gate.metric} ${gate.rule}: ${gate.passed ? 'passed' : 'refused'}; ${gate.detail}`);
  context.log(
    `${promoted.model} version ${promoted.version} is in ${promoted.stage}` +
      (promoted.archived === null ? '' : `, version ${promoted.archived} archived`),
  );
  return asOutputs(promoted);
};
