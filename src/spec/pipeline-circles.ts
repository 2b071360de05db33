/** Pipelines that start each other without end: by triggers, by tasks that run a pipeline, or by both in turn. */
import { CODES } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { addressOf } from './address.ts';
import type { CanonicalPipeline } from './canonical-specs.ts';
import type { ResourceTable } from './loaded-resource.ts';

export interface PipelineCircle {
  /** Names: each starts the next, and the last is the first. */
  readonly path: readonly string[];
  /** By `run_pipeline` tasks alone. */
  readonly byTasks: boolean;
}

/** Each circle once, from its first pipeline by name. */
export function pipelineCircles(pipelines: ReadonlyMap<string, CanonicalPipeline>): readonly PipelineCircle[] {
  const all = [...pipelines.values()];
  if (!all.some((spec) => (spec.triggers ?? []).length > 0 || runBy(spec).size > 0)) return [];
  const triggered = all.filter(({ triggers = [] }) => triggers.length > 0);
  const starts = new Map(all.map((spec) => [spec.name, [...new Set([...startedBy(spec, triggered), ...runBy(spec)])]]));
  const done = new Set<string>();
  const circles: PipelineCircle[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      const circle = [...path.slice(path.indexOf(name)), name];
      const byTasks = circle.slice(1).every((next, index) => {
        const spec = pipelines.get(circle[index] ?? '');
        return spec !== undefined && runBy(spec).has(next);
      });
      circles.push({ path: circle, byTasks });
      return;
    }
    if (done.has(name)) return;
    for (const next of starts.get(name) ?? []) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of [...pipelines.keys()].sort()) visit(name, []);
  return circles;
}

export function circleText({ path }: PipelineCircle): string {
  return `A run of each of these pipelines starts the next, without end: ${path.join(' → ')}.`;
}

/** PL120 of each circle that a trigger closes; of the others SP107 tells. */
export function findPipelineCircles(table: ResourceTable): Diagnostic[] {
  const pipelines = new Map<string, CanonicalPipeline>();
  for (const { name, kind } of table.sorted()) {
    const spec = kind === 'pipeline' ? table.get('pipeline', name) : undefined;
    if (spec !== undefined) pipelines.set(name, spec);
  }
  return pipelineCircles(pipelines)
    .filter(({ byTasks }) => !byTasks)
    .map((circle) => {
      const [first = ''] = circle.path;
      const resource = table.sorted().find(({ kind, name }) => kind === 'pipeline' && name === first);
      return {
        code: 'PL120',
        severity: 'error',
        summary: CODES.PL120,
        detail: circleText(circle),
        at: resource?.locator.at('/triggers'),
        address: addressOf('pipeline', first),
        hint: 'take one of the triggers out',
      };
    });
}

function runBy({ tasks }: CanonicalPipeline): ReadonlySet<string> {
  return new Set(Object.values(tasks).flatMap((task) => (task.operator === 'run_pipeline' ? [task.pipeline] : [])));
}

/** Pipelines that a run of this one may start by their triggers. */
function startedBy(from: CanonicalPipeline, pipelines: readonly CanonicalPipeline[]): readonly string[] {
  const tasks = Object.values(from.tasks);
  const sets = new Set(
    tasks.flatMap((task) => {
      if (task.operator === 'sql_query' || task.operator === 'batch_prediction')
        return task.into === undefined ? [] : [task.into];
      return task.operator === 'feature_materialization' ? task.featureSets : [];
    }),
  );
  const moves = new Set(
    tasks.flatMap((task) =>
      task.operator === 'model_promotion'
        ? [`${task.model} ${task.to}`]
        : task.operator === 'model_registration'
          ? [`${task.model} development`]
          : [],
    ),
  );
  return pipelines
    .filter(({ triggers = [] }) =>
      triggers.some(
        ({ pipeline, materialized, promoted, to = 'production' }) =>
          pipeline === from.name ||
          (materialized !== undefined && sets.has(materialized)) ||
          (promoted !== undefined && moves.has(`${promoted} ${to}`)),
      ),
    )
    .map(({ name }) => name);
}
