/** Rows as the HTTP interface shows them. The names are the contract; see docs/http-api.md and openapi.json. */

import type { FeatureSetDescription } from '../features/describe.ts';
import type { Timeliness } from '../features/timeliness.ts';
import type { TrainingSetDescription } from '../features/training-recipe.ts';
import { canonicallyEqual } from '../lib/canonical.ts';
import type { BackfillPreview } from '../orchestrator/backfills.ts';
import type { AttemptLine } from '../orchestrator/follow-lines.ts';
import type { PipelineStatus } from '../orchestrator/pipeline-status.ts';
import type { LogSearchResult } from '../orchestrator/search-logs.ts';
import type { BackfillRecord, BackfillSummary } from '../stores/control/backfills.ts';
import type { BreakerStanding } from '../stores/control/breakers.ts';
import type { HistoryEntry, PastResource } from '../stores/control/history.ts';
import type { NotificationRecord } from '../stores/control/notifications.ts';
import type { ModelVersion, StageMove } from '../stores/control/registry.ts';
import type { FeedEvent } from '../stores/control/run-feed.ts';
import type { RunEvent, RunRecord, RunSummary, TaskRecord } from '../stores/control/runs.ts';
import type { RecordedResource } from '../stores/control/state.ts';
import { snakeCaseKeys } from './json.ts';

export { snakeCaseKeys } from './json.ts';

export function runSummaryView(run: RunSummary) {
  return {
    run_id: run.runId,
    pipeline: run.pipeline,
    status: run.status,
    cause: run.cause,
    params: run.params,
    cancelled_by: run.cancelledBy,
    created_at: run.createdAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
  };
}

export function runView(run: RunRecord) {
  return { ...runSummaryView(run), git_commit: run.gitCommit, tasks: run.tasks.map(taskView) };
}

export function taskView(task: TaskRecord) {
  return {
    name: task.name,
    operator: task.operator,
    needs: task.needs,
    status: task.status,
    attempt: task.attempt,
    exit_code: task.exitCode,
    error: task.error,
    outputs: task.outputs,
    progress: task.progress === null ? null : (snakeCaseKeys(task.progress) as Record<string, unknown>),
    cached_from:
      task.reused === null ? null : { run_id: task.reused.runId, task: task.reused.task, attempt: task.reused.attempt },
    usage:
      task.usage === null
        ? null
        : {
            cpu_seconds: task.usage.cpuSeconds,
            peak_memory_bytes: task.usage.peakMemoryBytes,
            wall_seconds: task.usage.wallSeconds,
          },
    waiting_for: task.waitingFor,
    items: task.items,
    started_at: task.startedAt,
    finished_at: task.finishedAt,
  };
}

export function runEventView(event: RunEvent) {
  return {
    seq: event.seq,
    at: event.at,
    task: event.task,
    status: event.status,
    attempt: event.attempt,
    error: event.error,
    data: event.data,
  };
}

export function feedEventView(event: FeedEvent) {
  return { run_id: event.runId, pipeline: event.pipeline, ...runEventView(event) };
}

export function backfillView({ counts, ...backfill }: BackfillSummary) {
  return {
    backfill_id: backfill.backfillId,
    pipeline: backfill.pipeline,
    status: backfill.status,
    params: backfill.params,
    from: backfill.from,
    to: backfill.to,
    concurrency: backfill.concurrency,
    backwards: backfill.backwards,
    reprocess: backfill.reprocess,
    counts,
    git_commit: backfill.gitCommit,
    created_by: backfill.createdBy,
    created_at: backfill.createdAt,
    cancelled_by: backfill.cancelledBy,
    finished_at: backfill.finishedAt,
  };
}

export function backfillRecordView({ instants, ...backfill }: BackfillRecord) {
  return {
    ...backfillView(backfill),
    instants: instants.map(({ instant, status, why, runId }) => ({ instant, status, why, run_id: runId })),
  };
}

export function backfillPreviewView({ instants, ...preview }: BackfillPreview) {
  const { pipeline, params, from, to, concurrency, backwards, reprocess } = preview;
  return {
    dry_run: true,
    ...{ pipeline, params, from, to, concurrency, backwards, reprocess },
    to_run: instants.filter(({ run }) => run).length,
    instants: instants.map(({ instant, run, why, runId }) => ({ instant, run, why, run_id: runId })),
  };
}

export function breakerView({ pipeline: _, ...standing }: BreakerStanding) {
  return snakeCaseKeys(standing) as Record<string, unknown>;
}

export function pipelineStatusView({ pipeline, spec, lastRun, sensors, events, breaker, history }: PipelineStatus) {
  return {
    pipeline,
    schedule: spec.schedule ?? null,
    triggers: (spec.triggers ?? []).map((trigger) => ({
      ...trigger,
      ...sensors
        .filter((sensor) => canonicallyEqual(sensor.spec, trigger))
        .map(({ error, changedAt }) => ({ error, changed_at: changedAt }))[0],
    })),
    last_run: lastRun === null ? null : runSummaryView(lastRun),
    breaker: breaker === null ? null : breakerView(breaker),
    history: history.map(({ id, at, kind, detail }) => ({ id, at, kind, detail })),
    events: events.map(({ id, kind, subject, detail, at, outcome, why, runId }) => ({
      ...{ id, kind, subject, detail, at, outcome, why },
      run_id: runId,
    })),
  };
}

export function versionView(version: ModelVersion) {
  return {
    id: version.id,
    name: version.name,
    version: version.version,
    stage: version.stage,
    framework: version.framework,
    metrics: version.metrics,
    hyperparameters: version.hyperparameters,
    artifacts: version.artifacts,
    tags: version.tags,
    lineage: version.lineage,
    signature: version.signature,
    description: version.description,
    created_at: version.createdAt,
    created_by: version.createdBy,
    stage_changed_at: version.stageChangedAt,
    aliases: version.aliases,
    run_id: version.runId,
    source: version.source,
    flavour: version.flavour,
    updated_at: version.updatedAt,
  };
}

export function stageMoveView(move: StageMove) {
  return {
    model: move.model,
    version: move.version,
    from: move.from,
    to: move.to,
    at: move.at,
    who: move.who,
    reason: move.reason,
    gates: move.gates,
    deleted: move.deleted,
  };
}

/** A recorded resource: its spec as written, what was learned when it was applied, and where it comes from. */
export function resourceView(resource: RecordedResource) {
  return {
    address: resource.address,
    name: resource.name,
    spec: resource.spec,
    outputs: resource.outputs,
    managed_by: resource.managedBy,
    status: resource.status,
    created_at: resource.createdAt,
    updated_at: resource.updatedAt,
  };
}

/** A feature set as it is applied and materialized. Names of features are the user's and stay as they are. */
export function featureSetView(description: FeatureSetDescription) {
  const { features, keys, versions, servingVersion, schedule, push: _, ...rest } = description;
  return {
    ...rest,
    keys,
    schedule: schedule === null ? null : scheduleView(schedule),
    serving_version: servingVersion,
    versions: snakeCaseKeys(versions),
    features,
  };
}

/** Of a feature set's own schedule. */
export function scheduleView({ isLate, isUnderWay, ...rest }: Timeliness) {
  return { ...(snakeCaseKeys(rest) as Record<string, unknown>), under_way: isUnderWay, late: isLate };
}

/** A recorded resource whole, as the state has it. The spec is spelled as in the schemas; `outputs` holds the user's names too. */
export function recordedView({ spec, outputs, ...resource }: RecordedResource) {
  return { ...(snakeCaseKeys(resource) as Record<string, unknown>), spec, outputs };
}

/** Names of feature sets are the user's. */
export function trainingSetView({ featureSetVersions, ...rest }: TrainingSetDescription) {
  return { ...(snakeCaseKeys(rest) as Record<string, unknown>), feature_set_versions: featureSetVersions };
}

/** One change of the state's history. */
export function historyView({ before, after, ...entry }: HistoryEntry) {
  return { ...(snakeCaseKeys(entry) as Record<string, unknown>), before: pastView(before), after: pastView(after) };
}

/** A resource as it was. */
export function pastView(resource: PastResource | null) {
  if (resource === null) return null;
  const { spec, outputs, ...rest } = resource;
  return { ...(snakeCaseKeys(rest) as Record<string, unknown>), spec, outputs };
}

/** What was told, and how far that is. */
export function notificationView({ key: _, message: { title, text, severity }, ...rest }: NotificationRecord) {
  return { ...(snakeCaseKeys(rest) as Record<string, unknown>), title, text, severity };
}

/** A line of a log. */
export function logLineView({ task, attempt, at, level, stream, text }: AttemptLine & { readonly task: string }) {
  return { task, attempt, at, level, stream, text };
}

export function logSearchView({ items, nextCursor, searchedRuns, searchedBack, skippedRuns }: LogSearchResult) {
  return {
    items: items.map((line) => ({ run_id: line.runId, ...logLineView(line) })),
    next_cursor: nextCursor,
    searched_runs: searchedRuns,
    searched_back: searchedBack,
    skipped_runs: skippedRuns,
  };
}
