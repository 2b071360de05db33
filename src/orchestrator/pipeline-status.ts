/** A pipeline as it stands: what starts it, and what came of that. */
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
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
}

const EVENTS = 20;

export async function pipelineStatus(
  spec: CanonicalPipeline,
  { runs, triggers }: { readonly runs: Pick<RunStore, 'list'>; readonly triggers: TriggerStore },
): Promise<PipelineStatus> {
  const [{ items }, sensors, events] = await Promise.all([
    runs.list({ pipeline: spec.name, limit: 1 }),
    triggers.sensors(spec.name),
    triggers.of(spec.name, EVENTS),
  ]);
  return { pipeline: spec.name, spec, lastRun: items[0] ?? null, sensors, events };
}
