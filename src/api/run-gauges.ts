/** Runs, tasks, machines and the scheduler as figures for Prometheus: how they stand, from the store, and what this daemon did. */
import type { Figures } from '../orchestrator/figures.ts';
import type { PoolUse } from '../orchestrator/pools.ts';
import type { MachineFigures, RunFiguresNow } from '../stores/control/run-figures.ts';
import { counter, type Family, gauge, histogram, single } from './metrics.ts';

export function standingGauges({
  runs,
  tasks,
  oldestWaitSeconds,
  machines,
  pipelines,
}: RunFiguresNow): readonly Family[] {
  const byStatus = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([status, value]) => ({ labels: { status }, value }));
  const ofMachines = (value: (machine: MachineFigures) => number) =>
    machines.map((machine) => ({ labels: { node: machine.node }, value: value(machine) }));
  const ends = pipelines.flatMap(({ pipeline, succeededAt, failedAt }) =>
    [['succeeded', succeededAt] as const, ['failed', failedAt] as const].flatMap(([status, at]) =>
      at === null ? [] : [{ labels: { pipeline, status }, value: at.getTime() / 1000 }],
    ),
  );
  return [
    gauge('mlops_runs', 'Runs that are not at their end.', byStatus(runs)),
    gauge('mlops_tasks', 'Tasks that are not at their end, of such runs.', byStatus(tasks)),
    single(
      'mlops_task_queue_length',
      'Tasks that could run and wait for a worker or for room.',
      tasks.ready + tasks.waiting,
    ),
    single(
      'mlops_task_queue_oldest_seconds',
      'How long the oldest of them has waited; 0 where there is none.',
      oldestWaitSeconds ?? 0,
    ),
    gauge('mlops_pipeline_last_end_timestamp_seconds', 'When a run of the pipeline last ended so.', ends),
    gauge(
      'mlops_workers',
      'Workers that live.',
      ofMachines(({ workers }) => workers),
    ),
    gauge(
      'mlops_machine_tasks_running',
      'Tasks that run on the machine.',
      ofMachines(({ tasks: running }) => running),
    ),
    gauge(
      'mlops_machine_cpu_cores',
      'Cores that tasks may use.',
      ofMachines(({ has }) => has.cpu),
    ),
    gauge(
      'mlops_machine_cpu_cores_used',
      'Cores that running tasks asked for.',
      ofMachines(({ used }) => used.cpu),
    ),
    gauge(
      'mlops_machine_memory_bytes',
      'Memory that tasks may use.',
      ofMachines(({ has }) => has.memoryBytes),
    ),
    gauge(
      'mlops_machine_memory_used_bytes',
      'Memory that running tasks asked for.',
      ofMachines(({ used }) => used.memoryBytes),
    ),
    gauge(
      'mlops_machine_gpus',
      'Devices that tasks may use.',
      ofMachines(({ has }) => has.gpu),
    ),
    gauge(
      'mlops_machine_gpus_used',
      'Devices that running tasks have.',
      ofMachines(({ used }) => used.gpu),
    ),
  ];
}

export function poolGauges(pools: readonly PoolUse[]): readonly Family[] {
  const ofPools = (value: (pool: PoolUse) => number | null) =>
    pools.flatMap((pool) => {
      const found = value(pool);
      return found === null ? [] : [{ labels: { pool: pool.name }, value: found }];
    });
  return [
    gauge(
      'mlops_pool_slots',
      'Slots of the pool.',
      ofPools(({ slots }) => slots),
    ),
    gauge(
      'mlops_pool_slots_used',
      'Slots that running tasks hold.',
      ofPools(({ used }) => used),
    ),
    gauge(
      'mlops_pool_slots_waiting',
      'Slots that tasks wait for.',
      ofPools(({ waiting }) => waiting),
    ),
  ];
}

export function figureFamilies(figures: Figures): readonly Family[] {
  return [
    counter('mlops_task_outcomes_total', 'Attempts of tasks that ended, by how.', figures.outcomes),
    counter('mlops_task_retries_total', 'Attempts after which the task is tried again.', figures.retries),
    histogram('mlops_task_duration_seconds', 'Time from the start of an attempt to its end.', figures.durations),
    histogram(
      'mlops_task_dispatch_duration_seconds',
      'Time from the moment when a task could run to its start, the wait for room included.',
      figures.dispatch,
    ),
    counter(
      'mlops_task_leases_lost_total',
      'Leases that this worker lost because it was silent for too long.',
      figures.leasesLost,
    ),
    counter(
      'mlops_task_leases_recovered_total',
      'Leases that this scheduler took from workers that were gone.',
      figures.leasesRecovered,
    ),
    single(
      'mlops_scheduler_lag_seconds',
      'How much later than it should be the last round of the scheduler began, or the next one is by now.',
      figures.lagSeconds(),
    ),
    histogram('mlops_scheduler_round_duration_seconds', 'Time that a round of the scheduler took.', figures.rounds),
    counter('mlops_scheduler_errors_total', 'Parts of rounds that failed; each is tried again.', figures.roundErrors),
  ];
}
