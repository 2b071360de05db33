/** What the routes work with: the services of one environment, as compose.ts made them. */
import type { Features } from '../features/create-features.ts';
import type { FeatureCall } from '../features/definitions.ts';
import type { VerifyReport, VerifyRequest } from '../features/verify/verify.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { Orchestrator } from '../orchestrator/orchestrator.ts';
import type { Registry } from '../registry/registry.ts';
import type { Feedback } from '../serving/feedback.ts';
import type { EndpointResults } from '../serving/results/endpoint-results.ts';
import type { Rollouts } from '../serving/rollouts/rollouts.ts';
import type { ModelRepository } from '../serving/runtime/model-repository.ts';
import type { Serving } from '../serving/serving.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeedbackStore } from '../stores/control/feedback.ts';
import type { PredictionLogStore } from '../stores/control/prediction-log.ts';
import type { RegistryStore } from '../stores/control/registry.ts';
import type { Scope, StateStore } from '../stores/control/state.ts';
import type { VariantFiguresStore } from '../stores/control/variant-figures.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Tracking } from '../tracking/tracking.ts';
import type { Metrics } from './metrics.ts';

export interface ApiContext {
  readonly scope: Scope;
  readonly version: string;
  readonly startedAt: Date;
  readonly catalog: Catalog;
  readonly state: StateStore;
  readonly artifacts: ArtifactStore;
  /** Files that tasks of runs left. */
  readonly runFiles: ArtifactStore;
  readonly orchestrator: Orchestrator;
  readonly notifier: Notifier;
  /** Undefined where this daemon exports nothing: it does not schedule. */
  readonly telemetry: Telemetry | undefined;
  readonly registry: Registry;
  readonly registryStore: RegistryStore;
  readonly tracking: Tracking;
  readonly features: Features;
  readonly serving: Serving;
  /** Which version of a model answers to tensors. */
  readonly repository: ModelRepository;
  readonly rollouts: Rollouts;
  readonly results: EndpointResults;
  readonly predictions: PredictionLogStore;
  readonly feedback: Feedback;
  readonly feedbackStore: FeedbackStore;
  readonly variantFigures: VariantFiguresStore;
  readonly verify: (request: VerifyRequest, call: FeatureCall) => Promise<VerifyReport>;
  readonly metrics: Metrics;
  /** Whether a request can be served now, what does not answer in time cannot (default 2 s): by name, null where all is well, else what is wrong. */
  readonly readiness: (withinMs?: number) => Promise<Readonly<Record<string, string | null>>>;
  readonly secured: boolean;
}
