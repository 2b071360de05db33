/** Notifications, late pipelines, ended runs and exported telemetry as figures for Prometheus. */
import type { NotifyFigures } from '../notify/notifier.ts';
import type { NotificationStanding } from '../stores/control/notifications.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { counter, type Family, gauge, histogram } from './metrics.ts';

export function notifyFamilies({ sent, failed, dropped, runsEnded, runDurations }: NotifyFigures): readonly Family[] {
  return [
    counter(
      'mlops_runs_ended_total',
      'Runs that ended, by how; each is counted by one daemon that schedules.',
      runsEnded,
    ),
    histogram('mlops_run_duration_seconds', 'Time from the start of a run to its end.', runDurations),
    counter('mlops_notifications_sent_total', 'Notifications that a receiver took.', sent),
    counter('mlops_notification_failures_total', 'Tries that failed.', failed),
    counter(
      'mlops_notifications_dropped_total',
      'Notifications that are given up: refused, or failed for too long.',
      dropped,
    ),
  ];
}

export function standingNotifyGauges({ pending, pipelines }: NotificationStanding): readonly Family[] {
  return [
    gauge(
      'mlops_notifications_pending',
      'Notifications that wait to be sent, first or again.',
      pending.map(({ channel, count }) => ({ labels: { channel }, value: count })),
    ),
    gauge(
      'mlops_notifications_oldest_pending_seconds',
      'How long the oldest of them has waited.',
      pending.map(({ channel, oldestSeconds }) => ({ labels: { channel }, value: oldestSeconds })),
    ),
    gauge(
      'mlops_pipeline_late',
      '1 where what `expect` of the pipeline asks for is not there in time, else 0.',
      pipelines.map(({ name, late }) => ({ labels: { pipeline: name }, value: late ? 1 : 0 })),
    ),
  ];
}

/** Undefined: this daemon exports nothing. */
export function telemetryFamilies(figures: Telemetry['figures'] | undefined): readonly Family[] {
  const none = { list: () => [] };
  return [
    counter(
      'mlops_telemetry_sent_total',
      'Spans and events of lineage that their receiver took.',
      figures?.sent ?? none,
    ),
    counter('mlops_telemetry_dropped_total', 'Those that it did not take in three tries.', figures?.dropped ?? none),
  ];
}
