/** A pipeline as it stands: what starts it, and what came of that. */
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { BreakerStanding, BreakerStore, PipelineEvent } from '../stores/control/breakers.ts';
import type { RunStore, RunSummary } from '../stores/control/runs.ts';
import type { HandledEvent, TriggerStore } from '../stores/control/triggers.ts';

export interface PipelineStatus {
  readonly pipeline: string;
  readonly spec: CanonicalPipeline;
  readonly lastRun: RunSummary | null;
  /** Its file, table and query triggers that looked once: what keeps one from looking, and when it last saw a change. */
  readonly sensors: Awaited<ReturnType<TriggerStore['sensors']>>;
  /** Newest first. */
  readonly events: readonly HandledEvent[];
  /** Null: it has none. */
  readonly breaker: BreakerStanding | null;
  /** What happened to it apart from its runs, newest first. */
  readonly history: readonly PipelineEvent[];
}

const EVENTS = 20;

export async function pipelineStatus(
  spec: CanonicalPipeline,
  {
    runs,
    triggers,
    breakers,
  }: { readonly runs: Pick<RunStore, 'list'>; readonly triggers: TriggerStore; readonly breakers: BreakerStore },
): Promise<PipelineStatus> {
  const [{ items }, sensors, events, [breaker], history] = await Promise.all([
    runs.list({ pipeline: spec.name, limit: 1 }),
    triggers.sensors(spec.name),
    triggers.of(spec.name, EVENTS),
    breakers.standings([spec]),
    breakers.events(spec.name, EVENTS),
  ]);
  return { pipeline: spec.name, spec, lastRun: items[0] ?? null, sensors, events, breaker: breaker ?? null, history };
}
