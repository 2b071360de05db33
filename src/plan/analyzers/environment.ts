/** Settings of the environment change for runs that start after its daemons read them: what is kept is all that can be lost. */
import { durationMs } from '../../lib/units.ts';
import type { CanonicalEnvironment, CanonicalPipeline } from '../../spec/canonical-specs.ts';
import { whereOf } from '../../spec/where-tasks-run.ts';
import { type Analysis, type AnalysisContext, type Analyzer, finding, listed, says, together } from './analyzer.ts';
import { artifactsElsewhere } from './artifacts-elsewhere.ts';
import { FIX, lackingOf } from './room.ts';

type Context = AnalysisContext<'environment'>;

/** Where it says nothing, the defaults hold: making and destroying it are changes like any other. */
export const analyzeEnvironment: Analyzer<'environment'> = (context) =>
  together([roomLost(context), elsewhere(context), artifactsElsewhere(context), ...keptShorter(context)]);

/** PL123, for pipelines that stay as they are; the others tell of it themselves. */
function roomLost({ before, after, desired, desiredResources, unchanged }: Context): Analysis | undefined {
  const found = [...desiredResources.values()].flatMap((resource) => {
    if (resource.kind !== 'pipeline' || !unchanged(resource.address)) return [];
    const had = new Set(lackingOf(resource.spec, before).map(({ text }) => text));
    return lackingOf(resource.spec, after)
      .filter(({ text }) => !had.has(text))
      .map(({ text }) => `${resource.address}: ${text}: it could never run.`);
  });
  if (found.length === 0) return undefined;
  return says(
    'safe',
    ...found.map((detail) => finding('PL123', 'warning', desired, { detail, fix: FIX, pointer: '' })),
  );
}

/** PL124: to a cluster, back from it, or to another one. */
function elsewhere({ before, after, desired, desiredResources, isRecorded }: Context): Analysis | undefined {
  const [old, next] = [clusterOf(before), clusterOf(after)];
  if (old === next) return undefined;
  const moved = [...desiredResources.values()].flatMap((resource) =>
    resource.kind === 'pipeline' &&
    isRecorded(resource.address) &&
    runsElsewhere(resource.spec, old !== undefined, next !== undefined)
      ? [resource.address]
      : [],
  );
  if (moved.length === 0) return undefined;
  const where = (cluster: string | undefined): string => cluster ?? 'the machine of the daemon';
  return says(
    'safe',
    finding('PL124', 'warning', desired, {
      detail: `Programs of ${listed(moved)} run in ${where(next)} instead of ${where(old)} once the daemons have been started again.`,
      fix: 'see that what they need (images, files, secrets, room) is there',
      pointer: next === undefined ? '' : '/runner',
    }),
  );
}

function clusterOf(settings: CanonicalEnvironment | undefined): string | undefined {
  const cluster = settings?.runner?.kubernetes;
  if (cluster === undefined) return undefined;
  const { namespace, context, kubeconfig } = cluster;
  const more = [
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
    ...(context === undefined ? [] : [`context ${context}`]),
    ...(kubeconfig === undefined
      ? []
      : [`kubeconfig ${typeof kubeconfig === 'string' ? kubeconfig : kubeconfig.$env}`]),
  ];
  return more.length === 0 ? 'the cluster' : `the cluster (${more.join(', ')})`;
}

function runsElsewhere({ tasks }: CanonicalPipeline, old: boolean, next: boolean): boolean {
  return Object.values(tasks).some(
    (task) => whereOf(task, old) === 'kubernetes' || whereOf(task, next) === 'kubernetes',
  );
}

/** PL125. */
function keptShorter({ before, after, desired }: Context): readonly (Analysis | undefined)[] {
  return KEPT.map(({ what, of, pointer, fallback }) => {
    const [was, becomes] = [before, after].map((settings) => (settings && of(settings)) ?? fallback);
    if (was === undefined || becomes === undefined || durationMs(becomes) >= durationMs(was)) return undefined;
    return says(
      'destructive',
      finding('PL125', 'warning', desired, {
        detail: `${what} are kept for ${becomes} instead of ${was}: what is older goes once the daemons have been started again, and does not come back.`,
        fix: 'keep a copy of what is still needed first',
        pointer,
      }),
    );
  });
}

const KEPT: readonly {
  readonly what: string;
  readonly of: (settings: CanonicalEnvironment) => string | undefined;
  readonly pointer: string;
  readonly fallback: string;
}[] = [
  { what: 'Logs of tasks', of: (one) => one.retention?.logs, pointer: '/retention/logs', fallback: '90d' },
  { what: 'Events of runs', of: (one) => one.retention?.events, pointer: '/retention/events', fallback: '365d' },
  {
    what: 'Files that tasks left',
    of: (one) => one.retention?.artifacts,
    pointer: '/retention/artifacts',
    fallback: '90d',
  },
  { what: 'Snapshots of sources', of: (one) => one.snapshots?.keep, pointer: '/snapshots/keep', fallback: '30d' },
  { what: 'Answers that were drawn', of: (one) => one.answerLog?.keep, pointer: '/answerLog/keep', fallback: '7d' },
];
