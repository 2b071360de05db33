/**
 * What commands take of the services beside an open environment: rows as `--json` shows them, under the names that the HTTP interface has,
 * and the words that they accept. Apart from compose.ts, so that a command that needs none of it does not load the services.
 */
export { serviceFeatures } from '../api/feature-names.ts';
export { parseFilter, parseOrder } from '../api/routes/model-filter.ts';
/** Rows as `--json` shows them: under the names that the HTTP interface has. */
export {
  backfillPreviewView,
  backfillRecordView,
  backfillView,
  featureSetView,
  historyView,
  logLineView,
  logSearchView,
  notificationView,
  pastView,
  pipelineStatusView,
  recordedView,
  runEventView,
  runSummaryView,
  runView,
  snakeCaseKeys,
  stageMoveView,
  trainingSetView,
  versionView,
} from '../api/views.ts';
export { comparisonView, historyLineView, modelView } from '../api/views-models.ts';
export { heldView, insightView, statisticsView } from '../api/views-quality.ts';
export { resultsView, rolloutDetailsView, rolloutView } from '../api/views-rollouts.ts';
export { experimentRow, trackedRunRow } from '../api/views-tracking.ts';
export { CATALOGUE_KINDS, type CatalogueKind, searchCatalogue } from '../features/catalogue.ts';
export { fileFormat, type TableFormat } from '../features/file-format.ts';
export type { SetInsight } from '../features/insight.ts';
export type { MaterializationProgress } from '../features/materialization-progress.ts';
export { PUSH_TARGETS, type PushTarget } from '../features/push.ts';
export { timeMicros } from '../features/time.ts';
export { SERVED } from '../features/verify/served.ts';
export { parseInstant, parseLastInstant } from '../lib/instant.ts';
export { sinceOf } from '../lib/since.ts';
export type { BackfillPreview } from '../orchestrator/backfills.ts';
export { hasFilter, LOG_LEVELS, type LogLevel } from '../orchestrator/log-lines.ts';
export type { Orchestrator } from '../orchestrator/orchestrator.ts';
export type { PipelineStatus } from '../orchestrator/pipeline-status.ts';
export { CARD_FORMATS, type CardFormat } from '../registry/card/model-card.ts';
export type { Difference } from '../registry/compare.ts';
export { profileOf } from '../serving/reference-profiles.ts';
export type { Results, VariantResult } from '../serving/results/results.ts';
export type { RolloutDetails } from '../serving/rollouts/rollouts.ts';
export { type BackfillRecord, REPROCESS, type Reprocess } from '../stores/control/backfills.ts';
export type { BreakerStanding } from '../stores/control/breakers.ts';
export { sourcesBelow } from '../stores/control/catalog.ts';
export type { HistoryEntry, SerialRecord } from '../stores/control/history.ts';
export { NOTIFICATION_STATUSES, type NotificationStatus } from '../stores/control/notifications.ts';
export { type ModelVersion, STAGES, type Stage } from '../stores/control/registry.ts';
export { ROLLOUT_STATUSES, type Rollout, type RolloutStatus } from '../stores/control/rollouts.ts';
export { RUN_STATUSES, type RunStatus } from '../stores/control/run-states.ts';
export type { RunEvent, RunRecord } from '../stores/control/runs.ts';
export type { AnyRecordedResource, HeldLock, State, StateEdit } from '../stores/control/state.ts';
export type { Experiment, TrackedRun } from '../stores/control/tracking.ts';
export { type ColumnProfile, type Histogram, QUANTILES } from '../stores/profile.ts';
export type { Tracking } from '../tracking/tracking.ts';
