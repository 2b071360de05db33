/** The version of a model that the run has registered, from its nearest registration. */
import type { Registration } from './model-registration.ts';
import type { OperatorContext } from './operator.ts';
import { fromOutputs, upstreamOf } from './upstream-outputs.ts';

export function registeredVersion(model: string, context: OperatorContext): number | undefined {
  return upstreamOf('model_registration', context)
    .map(({ outputs }) => fromOutputs<Registration>(outputs))
    .find((registration) => registration.model === model)?.version;
}
