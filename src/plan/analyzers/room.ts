/** Tasks that ask for more than there is: of the machine that the environment declares, of its pools, of what their team may use. */
import { sizeBytes } from '../../lib/units.ts';
import type { CanonicalEnvironment, CanonicalPipeline, CanonicalTask } from '../../spec/canonical-specs.ts';
import { defaultCpu, whereOf } from '../../spec/where-tasks-run.ts';
import { escapePointer } from '../diff.ts';
import { type Analysis, type AnalysisContext, finding, says } from './analyzer.ts';

/** One thing of which a task asks for more than it can ever get. */
export interface Lacking {
  /** Into the pipeline. */
  readonly pointer: string;
  readonly text: string;
}

/** PL123, one a task, for a pipeline that changes. */
export function roomLacking(context: AnalysisContext<'pipeline'>): Analysis | undefined {
  const { address, after, desired, desiredResources } = context;
  if (after === undefined) return undefined;
  const settings = [...desiredResources.values()].find(({ kind }) => kind === 'environment')?.spec;
  const lacking = lackingOf(after, settings as CanonicalEnvironment | undefined);
  if (lacking.length === 0) return undefined;
  return says(
    'safe',
    ...lacking.map(({ text, pointer }) =>
      finding('PL123', 'warning', desired, { detail: `${address}: ${text}: it could never run.`, fix: FIX, pointer }),
    ),
  );
}

export const FIX = 'ask for less, or declare more in the environment (pools, teams, daemon.resources)';

export function lackingOf(pipeline: CanonicalPipeline, settings: CanonicalEnvironment | undefined): readonly Lacking[] {
  return Object.entries(pipeline.tasks).flatMap(([name, task]) => {
    const pointer = `/tasks/${escapePointer(name)}`;
    return [...ofPools(task, settings), ...ofMachine(pipeline, task, settings)].map(({ at, text }) => ({
      pointer: `${pointer}/${at}`,
      text: `the task "${name}" asks for ${text}`,
    }));
  });
}

interface Part {
  readonly at: string;
  readonly text: string;
}

function ofPools({ pool }: CanonicalTask, settings: CanonicalEnvironment | undefined): readonly Part[] {
  const asked = typeof pool === 'string' ? [[pool, 1] as const] : Object.entries(pool ?? {});
  return asked.flatMap(([name, slots]) => {
    const { pools = {} } = settings ?? {};
    const has = Object.hasOwn(pools, name) ? pools[name] : undefined;
    if (has === undefined) return [{ at: 'pool', text: `the pool "${name}", which this environment does not have` }];
    return slots <= has ? [] : [{ at: 'pool', text: `${slots} slots of the pool "${name}", which has ${has}` }];
  });
}

/** What runs in a cluster takes no room of a machine, nor of a team. */
function ofMachine(
  { owner }: CanonicalPipeline,
  task: CanonicalTask,
  settings: CanonicalEnvironment | undefined,
): readonly Part[] {
  if (settings === undefined || whereOf(task, settings.runner?.kubernetes !== undefined) === 'kubernetes') return [];
  const { cpu = defaultCpu(task), memory, gpu = 0 } = task.resources ?? {};
  const { teams = {} } = settings;
  const offers = [
    { of: settings.resources, who: 'the machine has' },
    { of: owner !== undefined && Object.hasOwn(teams, owner) ? teams[owner] : undefined, who: `the team ${owner} has` },
  ];
  return offers.flatMap(({ of = {}, who }) => [
    ...(of.cpu !== undefined && cpu > of.cpu ? [{ at: 'resources', text: `${cpu} cores; ${who} ${of.cpu}` }] : []),
    ...(of.memory !== undefined && memory !== undefined && sizeBytes(memory) > sizeBytes(of.memory)
      ? [{ at: 'resources', text: `${memory} of memory; ${who} ${of.memory}` }]
      : []),
    ...(of.gpu !== undefined && gpu > of.gpu ? [{ at: 'resources', text: `${gpu} gpus; ${who} ${of.gpu}` }] : []),
  ]);
}
