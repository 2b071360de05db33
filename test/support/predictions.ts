/** Predictions as an endpoint logs them. */
import { randomUUID } from 'node:crypto';
import type { NewPrediction } from '../../src/stores/control/prediction-log.ts';

/** One of a request of its own. */
export function newPrediction(change: Partial<NewPrediction> = {}): NewPrediction {
  return {
    id: randomUUID(),
    requestId: randomUUID(),
    ordinal: 0,
    endpoint: 'mortality',
    variant: 'control',
    model: 'risk',
    version: 1,
    entity: null,
    features: {},
    prediction: { label: 0, probability: 0.1 },
    latencyMs: 1,
    ageMs: 0,
    ...change,
  };
}
