/**
 * The canonical form of a pipeline: every task names its upstream tasks and what it works on. An operand that is left out is
 * taken from upstream (validate what was ingested, register what was trained), else from the project where there is only one
 * candidate, else it is an error that names the candidates.
 */
import { assertNever } from '../lib/assert.ts';
import { didYouMean } from '../lib/suggest.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalPipeline, CanonicalTask, OperatorName } from './canonical-specs.ts';
import { checkTemplates } from './check-templates.ts';
import { modelsOf } from './endpoint-models.ts';
import { checkSchedule, reportExpression } from './feature-set.ts';
import { KIND_TITLES, type Kind } from './kinds.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, refer, report } from './lookup.ts';
import { problemOfOutput } from './output-file.ts';
import { checkParam, declaredParams, paramProblems } from './params.ts';
import { mentionedIn, overSources } from './query-text.ts';
import type { BatchPredictionTask, DeploymentTask, PipelineSpec, Task } from './schema-types.ts';
import { checkTaskCache } from './task-cache.ts';
import { itemsQuery } from './task-texts.ts';
import { isTemplate } from './template-text.ts';
import { checkTriggers } from './triggers.ts';

interface PipelineContext {
  readonly into: Canonicalizing;
  readonly pipeline: string;
  /** Done so far: every task's upstream tasks are. */
  readonly done: Map<string, CanonicalTask>;
}

export function canonicalPipeline(spec: PipelineSpec, into: Canonicalizing): CanonicalPipeline {
  if (spec.schedule !== undefined) checkSchedule(spec.schedule.cron, spec.schedule.timezone, '/schedule', into);
  if (spec.expect?.by !== undefined && spec.schedule === undefined)
    report(
      into,
      'SP102',
      '/expect/by',
      'A time of day is expected after an instant of the schedule, and there is no "schedule".',
      {
        part: 'key',
        hint: 'expect: { within: … } holds for every run',
      },
    );
  if (spec.triggers !== undefined) checkTriggers(spec.triggers, into);
  checkParams(spec, into);
  const needs = needsOf(spec.tasks, into);
  const context: PipelineContext = { into, pipeline: spec.name, done: new Map() };
  for (const name of inOrder(needs, into)) {
    const task = spec.tasks[name];
    if (task !== undefined) context.done.set(name, canonicalTask(name, task, needs.get(name) ?? [], context));
  }
  const tasks: Record<string, CanonicalTask> = {};
  for (const name of Object.keys(spec.tasks)) {
    const task = context.done.get(name);
    if (task !== undefined) tasks[name] = task;
  }
  const pipeline = { ...spec, tasks };
  checkTemplates(pipeline, (name) => upstreamOf(name, needs), into);
  return pipeline;
}

function checkParams(spec: PipelineSpec, into: Canonicalizing): void {
  for (const [name, param] of Object.entries(declaredParams(spec))) {
    const pointer = pointerTo('/params', name);
    for (const { at, detail } of paramProblems(param)) report(into, 'SP103', `${pointer}${at}`, `${detail}.`);
    if (param.required === true && spec.schedule !== undefined) {
      const hint = 'give it a default';
      report(into, 'SP103', `${pointer}/required`, `The schedule of the pipeline gives no value for "${name}".`, {
        hint,
      });
    }
  }
}

/** What a task gives the pipeline that it runs; values with templates are known when it runs. */
function checkGivenParams(
  pipeline: Pick<PipelineSpec, 'name' | 'params'>,
  given: Readonly<Record<string, unknown>>,
  pointer: string,
  into: Canonicalizing,
): void {
  const declared = declaredParams(pipeline);
  for (const [name, value] of Object.entries(given)) {
    const param = declared[name];
    const at = pointerTo(pointer, name);
    if (param === undefined) {
      const hint = didYouMean(name, Object.keys(declared));
      report(into, 'SP104', at, `The pipeline "${pipeline.name}" has no parameter "${name}".`, { part: 'key', hint });
    } else if (value !== null && !(typeof value === 'string' && isTemplate(value))) {
      const verdict = checkParam(param, value);
      if ('problem' in verdict) report(into, 'SP103', at, `The parameter "${name}" ${verdict.problem}.`);
    }
  }
  for (const [name, { required }] of Object.entries(declared)) {
    if (required === true && given[name] === undefined)
      report(into, 'SP102', pointer, `The pipeline "${pipeline.name}" needs the parameter "${name}".`, { part: 'key' });
  }
}

function upstreamOf(name: string, needs: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(needs.get(name) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(needs.get(next) ?? []));
  }
  return found;
}

/** In a pipeline where no task declares any, each needs the one written before. */
function needsOf(tasks: Readonly<Record<string, Task>>, into: Canonicalizing): Map<string, string[]> {
  const names = Object.keys(tasks);
  const declared = Object.values(tasks).some((task) => task.needs !== undefined);
  const needs = new Map<string, string[]>();
  for (const [index, [name, task]] of Object.entries(tasks).entries()) {
    if (!declared) {
      needs.set(name, names.slice(Math.max(0, index - 1), index));
      continue;
    }
    const known: string[] = [];
    for (const [position, need] of (task.needs ?? []).entries()) {
      const pointer = `${pointerTo('/tasks', name)}/needs/${position}`;
      if (need === name) report(into, 'SP107', pointer, `The task "${name}" needs itself.`);
      else if (!names.includes(need))
        report(into, 'SP104', pointer, `The pipeline has no task "${need}".`, { hint: didYouMean(need, names) });
      else if (!known.includes(need)) known.push(need);
    }
    needs.set(name, known);
  }
  return needs;
}

/** Upstream first. A cycle is reported once; its tasks and those behind it are left out. */
function inOrder(needs: ReadonlyMap<string, readonly string[]>, into: Canonicalizing): string[] {
  const order: string[] = [];
  const placed = new Set<string>();
  let waiting = [...needs.keys()];
  while (waiting.length > 0) {
    const ready = waiting.filter((name) => (needs.get(name) ?? []).every((need) => placed.has(need)));
    if (ready.length === 0) break;
    for (const name of ready) placed.add(name);
    order.push(...ready);
    waiting = waiting.filter((name) => !placed.has(name));
  }
  if (waiting.length > 0) {
    const path: string[] = [];
    let at = waiting[0] ?? '';
    while (!path.includes(at)) {
      path.push(at);
      at = (needs.get(at) ?? []).find((need) => waiting.includes(need)) ?? '';
    }
    const cycle = [...path.slice(path.indexOf(at)), at].reverse();
    report(into, 'SP107', `${pointerTo('/tasks', at)}/needs`, `The tasks wait for each other: ${cycle.join(' → ')}.`);
  }
  return order;
}

function canonicalTask(name: string, task: Task, needs: string[], context: PipelineContext): CanonicalTask {
  const { into } = context;
  const pointer = pointerTo('/tasks', name);
  const variables = ['params', 'outputs', 'run'];
  if (task.when !== undefined)
    reportExpression(
      task.when,
      task.forEach === undefined ? variables : [...variables, 'item', 'index'],
      `${pointer}/when`,
      into,
    );
  if (typeof task.forEach === 'string') reportExpression(task.forEach, variables, `${pointer}/forEach`, into);
  for (const source of mentionedIn(itemsQuery(task.forEach), into.lookup.names('source')))
    refer(into, 'source', source, `${pointer}/forEach/query`);
  if (task.concurrency !== undefined && task.forEach === undefined)
    report(into, 'SP103', `${pointer}/concurrency`, `The task "${name}" has no "forEach" whose items it could limit.`, {
      part: 'key',
    });
  checkTaskCache(task, pointer, into);
  if ('artifacts' in task) checkArtifacts(task.artifacts ?? [], `${pointer}/artifacts`, into);
  switch (task.operator) {
    case 'data_ingestion': {
      const source = task.source ?? onlyOne('source', `what to ingest ("source")`, pointer, context);
      if (source !== undefined) refer(into, 'source', source, `${pointer}/source`);
      return { ...task, needs, source: source ?? '' };
    }
    case 'data_validation': {
      if (task.source !== undefined) refer(into, 'source', task.source, `${pointer}/source`);
      const sources = task.source === undefined ? ingestedBefore(needs, context) : [task.source];
      const featureSets =
        task.featureSets ??
        setsReading(sources, context) ??
        onlySet('what to validate ("featureSets")', pointer, context);
      return { ...task, needs, featureSets: referToSets(featureSets, pointer, into) };
    }
    case 'sql_query': {
      for (const source of mentionedIn(task.query, into.lookup.names('source')))
        refer(into, 'source', source, `${pointer}/query`);
      if (task.into !== undefined) refer(into, 'feature_set', task.into, `${pointer}/into`);
      return { ...task, needs };
    }
    case 'feature_materialization': {
      const validated = nearest('data_validation', needs, context).flatMap((upstream) => upstream.featureSets);
      const featureSets =
        task.featureSets ??
        (validated.length > 0 ? [...new Set(validated)] : setsReading(ingestedBefore(needs, context), context)) ??
        onlySet('what to materialize ("featureSets")', pointer, context);
      return { ...task, needs, featureSets: referToSets(featureSets, pointer, into) };
    }
    case 'training_dataset': {
      const inputs = modelsOfPipeline(context).flatMap((model) => into.lookup.get('model', model)?.inputs ?? []);
      const [input, ...others] = new Set(inputs);
      const features =
        task.features ??
        (others.length === 0 ? input : undefined) ??
        onlyOne('feature_service', 'the features to join ("features")', pointer, context);
      if (features !== undefined) refer(into, 'feature_service', features, `${pointer}/features`);
      for (const source of mentionedIn(task.spine, into.lookup.names('source')))
        refer(into, 'source', source, `${pointer}/spine`);
      return { ...task, needs, features: features ?? '' };
    }
    case 'model_training': {
      const by = (['trainer', 'command', 'python'] as const).filter((field) => task[field] !== undefined);
      if (by.length !== 1) {
        const named = by.map((field) => `"${field}"`);
        const detail =
          by.length === 0
            ? 'needs "trainer", "command" or "python"'
            : `has ${named.length === 2 ? `both ${named.join(' and ')}` : named.join(', ')}; only one can train`;
        report(into, by.length === 0 ? 'SP102' : 'SP103', pointer, `The task "${name}" ${detail}.`, { part: 'key' });
      }
      requireUpstream(name, 'training_dataset', needs, pointer, context);
      return { ...task, needs };
    }
    case 'model_evaluation': {
      requireUpstream(name, 'model_training', needs, pointer, context);
      if (task.model !== undefined) refer(into, 'model', task.model, `${pointer}/model`, true);
      return { ...task, needs };
    }
    case 'model_registration': {
      requireUpstream(name, 'model_training', needs, pointer, context);
      return { ...task, needs, model: modelOf(task.model, 'which model gets the version ("model")', pointer, context) };
    }
    case 'model_promotion': {
      requireUpstream(name, 'model_registration', needs, pointer, context);
      const registered = nearest('model_registration', needs, context)[0]?.model;
      return {
        ...task,
        needs,
        model: modelOf(task.model ?? registered, 'which model to promote ("model")', pointer, context),
      };
    }
    case 'batch_prediction': {
      const registered = nearest('model_registration', needs, context)[0]?.model;
      checkBatchPrediction(name, task, needs, pointer, context);
      return {
        ...task,
        needs,
        model: modelOf(task.model ?? registered, 'which model answers ("model")', pointer, context),
      };
    }
    case 'deployment':
      return { ...task, needs, ...deploymentOf(name, task, needs, pointer, context) };
    case 'command':
    case 'python':
    case 'typescript':
    case 'notify':
      return { ...task, needs };
    case 'wait_for': {
      if (task.every !== undefined && durationMs(task.every) < 1000)
        report(into, 'SP103', `${pointer}/every`, 'A task looks at most once a second.');
      if (task.that !== undefined)
        reportExpression(task.that, ['params', 'outputs', 'run', 'now'], `${pointer}/that`, into, { documents: true });
      if (task.http?.expect?.that !== undefined)
        reportExpression(task.http.expect.that, ['status', 'headers', 'body'], `${pointer}/http/expect/that`, into, {
          documents: true,
        });
      if (task.pipeline !== undefined) refer(into, 'pipeline', task.pipeline, `${pointer}/pipeline`, true);
      for (const source of mentionedIn(task.query, into.lookup.names('source')))
        refer(into, 'source', source, `${pointer}/query`);
      return { ...task, needs };
    }
    case 'run_pipeline': {
      if (task.pipeline === context.pipeline)
        report(into, 'SP107', `${pointer}/pipeline`, `The pipeline "${task.pipeline}" runs itself.`);
      else refer(into, 'pipeline', task.pipeline, `${pointer}/pipeline`);
      const declared = into.lookup.get('pipeline', task.pipeline);
      if (declared !== undefined) checkGivenParams(declared, task.params ?? {}, `${pointer}/params`, into);
      return { ...task, needs };
    }
    case 'http_request': {
      if (task.expect?.that !== undefined)
        reportExpression(task.expect.that, ['status', 'headers', 'body'], `${pointer}/expect/that`, into, {
          documents: true,
        });
      if (task.body !== undefined && (task.method === 'GET' || task.method === 'HEAD'))
        report(into, 'SP103', `${pointer}/body`, `A ${task.method} request has no body.`, { part: 'key' });
      return { ...task, needs };
    }
    default:
      return assertNever(task);
  }
}

/** What a program leaves lies below its directory. */
function checkArtifacts(paths: readonly string[], pointer: string, into: Canonicalizing): void {
  for (const [index, path] of paths.entries()) {
    if (!/^([/\\]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..')) continue;
    report(into, 'SP103', pointerTo(pointer, index), `"${path}" is not below the directory that the task runs in.`, {
      hint: 'write a relative path, such as out/report.html',
    });
  }
}

/** The model, the endpoint and its variant, written or the only ones that it can be. */
function deploymentOf(
  name: string,
  task: DeploymentTask,
  needs: readonly string[],
  pointer: string,
  context: PipelineContext,
): { readonly model: string; readonly endpoint: string; readonly variant: string } {
  const { into } = context;
  const { lookup } = into;
  if (task.version !== undefined && task.stage !== undefined)
    report(into, 'SP103', `${pointer}/stage`, `The task "${name}" has both "version" and "stage".`, {
      part: 'key',
      hint: 'leave one of them out',
    });
  const registered = nearest('model_registration', needs, context)[0]?.model;
  const model = modelOf(task.model ?? registered, 'which model is served ("model")', pointer, context);
  const variantsOf = (endpoint: string): readonly string[] => {
    const spec = lookup.get('endpoint', endpoint);
    const named = spec === undefined ? [] : modelsOf(spec).filter((one) => one.model === model);
    return [...new Set(named.map(({ name }) => name))];
  };
  const ambiguous = (what: string, candidates: readonly string[], none: string): '' => {
    report(into, 'SP108', pointer, `The task "${name}" does not say ${what}.`, {
      part: 'key',
      hint: candidates.length === 0 ? none : `candidates: ${candidates.join(', ')}`,
    });
    return '';
  };
  const endpoints = [...lookup.names('endpoint')].filter((endpoint) => variantsOf(endpoint).length > 0).sort();
  const [only, ...others] = endpoints;
  const endpoint =
    task.endpoint ??
    (only !== undefined && others.length === 0
      ? only
      : ambiguous('which endpoint serves it ("endpoint")', endpoints, `no endpoint has the model "${model}"`));
  // Weak: what orders them is the model, which the endpoint needs and a pipeline does not.
  if (endpoint === '' || refer(into, 'endpoint', endpoint, `${pointer}/endpoint`, true) === undefined)
    return { model, endpoint, variant: task.variant ?? '' };
  const variants = variantsOf(endpoint);
  if (task.variant !== undefined && !variants.includes(task.variant))
    report(
      into,
      'SP104',
      `${pointer}/variant`,
      `The endpoint "${endpoint}" has no variant "${task.variant}" with the model "${model}".`,
      { hint: didYouMean(task.variant, variants) ?? `it has: ${variants.join(', ') || 'none with it'}` },
    );
  const [first, ...more] = variants;
  const variant =
    task.variant ??
    (first !== undefined && more.length === 0
      ? first
      : ambiguous('which variant serves it ("variant")', variants, `"${endpoint}" has none with the model "${model}"`));
  return { model, endpoint, variant };
}

/** What it answers, and where the answers go. */
function checkBatchPrediction(
  name: string,
  task: BatchPredictionTask,
  needs: readonly string[],
  pointer: string,
  context: PipelineContext,
): void {
  const { into } = context;
  for (const [one, other] of [
    ['query', 'source'],
    ['version', 'stage'],
  ] as const) {
    if (task[one] !== undefined && task[other] !== undefined)
      report(into, 'SP103', `${pointer}/${other}`, `The task "${name}" has both "${one}" and "${other}".`, {
        part: 'key',
        hint: 'leave one of them out',
      });
  }
  for (const source of mentionedIn(task.query, into.lookup.names('source')))
    refer(into, 'source', source, `${pointer}/query`);
  if (task.source !== undefined) refer(into, 'source', task.source, `${pointer}/source`);
  if (task.into !== undefined) refer(into, 'feature_set', task.into, `${pointer}/into`);
  if (task.file !== undefined) {
    const problem = problemOfOutput(task.file);
    if (problem !== undefined) report(into, 'SP103', `${pointer}/file`, problem.detail, { hint: problem.hint });
  }
  const given = task.query !== undefined || task.source !== undefined;
  if (given || ['training_dataset', 'sql_query'].some((by) => nearest(by as OperatorName, needs, context).length > 0))
    return;
  report(into, 'SP108', pointer, `The task "${name}" does not say which rows to answer.`, {
    part: 'key',
    hint: 'add "query" or "source", or put a training_dataset or a sql_query task before it',
  });
}

/** The nearest tasks upstream of that operator: on each way, the first. */
function nearest<O extends OperatorName>(
  operator: O,
  needs: readonly string[],
  { done }: PipelineContext,
): Extract<CanonicalTask, { operator: O }>[] {
  const found: Extract<CanonicalTask, { operator: O }>[] = [];
  const seen = new Set<string>();
  let frontier = [...needs];
  while (frontier.length > 0) {
    const next: string[] = [];
    for (const name of frontier) {
      const task = done.get(name);
      if (task === undefined || seen.has(name)) continue;
      seen.add(name);
      if (task.operator === operator) found.push(task as Extract<CanonicalTask, { operator: O }>);
      else next.push(...task.needs);
    }
    frontier = next;
  }
  return found;
}

function ingestedBefore(needs: readonly string[], context: PipelineContext): string[] {
  return [...new Set(nearest('data_ingestion', needs, context).map((task) => task.source))].filter(
    (source) => source !== '',
  );
}

/** The sets whose rows come from the sources, directly or through query sources; undefined where none do. */
function setsReading(sources: readonly string[], { into: { lookup } }: PipelineContext): string[] | undefined {
  if (sources.length === 0) return undefined;
  const reached = new Set(sources);
  const queryOf = (name: string) => overSources(lookup.get('source', name) ?? {});
  const derived = [...lookup.names('source')].filter((name) => queryOf(name) !== undefined);
  for (let before = -1; before !== reached.size; ) {
    before = reached.size;
    for (const name of derived) {
      if (mentionedIn(queryOf(name), reached).length > 0) reached.add(name);
    }
  }
  const sets = [...lookup.names('feature_set')].filter((name) => {
    const set = lookup.get('feature_set', name);
    if (set === undefined) return false;
    return set.source === undefined ? mentionedIn(set.query, reached).length > 0 : reached.has(set.source);
  });
  return sets.length === 0 ? undefined : sets.sort();
}

function referToSets(names: readonly string[], pointer: string, into: Canonicalizing): string[] {
  for (const [index, name] of names.entries()) refer(into, 'feature_set', name, `${pointer}/featureSets/${index}`);
  return [...new Set(names)];
}

/** Models that name this pipeline as theirs. */
function modelsOfPipeline({ into: { lookup }, pipeline }: PipelineContext): string[] {
  return [...lookup.names('model')].filter((name) => lookup.get('model', name)?.pipeline === pipeline);
}

function modelOf(written: string | undefined, what: string, pointer: string, context: PipelineContext): string {
  const mine = modelsOfPipeline(context);
  const model = written ?? (mine.length === 1 ? mine[0] : onlyOne('model', what, pointer, context));
  if (model !== undefined && model !== '') refer(context.into, 'model', model, `${pointer}/model`, true);
  return model ?? '';
}

function onlySet(what: string, pointer: string, context: PipelineContext): string[] {
  const set = onlyOne('feature_set', what, pointer, context);
  return set === undefined ? [] : [set];
}

/** The project's only resource of the kind; SP108 with the candidates where there are none or several. */
function onlyOne(kind: Kind, what: string, pointer: string, { into }: PipelineContext): string | undefined {
  const names = [...into.lookup.names(kind)].sort();
  if (names.length === 1) return names[0];
  const candidates =
    names.length === 0 ? `this project has no ${KIND_TITLES[kind]}` : `candidates: ${names.slice(0, 20).join(', ')}`;
  report(
    into,
    'SP108',
    pointer,
    `The task "${pointer.slice('/tasks/'.length)}" does not say ${what}, and it does not follow from what comes before it.`,
    {
      part: 'key',
      hint: candidates,
    },
  );
  return undefined;
}

function requireUpstream(
  name: string,
  operator: OperatorName,
  needs: readonly string[],
  pointer: string,
  context: PipelineContext,
): void {
  if (nearest(operator, needs, context).length > 0) return;
  const candidates = [...context.done].filter(([, task]) => task.operator === operator).map(([task]) => task);
  report(
    context.into,
    'SP108',
    pointer,
    `The task "${name}" works on the result of a ${operator} task, but none comes before it.`,
    {
      part: 'key',
      hint: candidates.length === 0 ? `add a ${operator} task` : `add needs: [${candidates.join(', ')}]`,
    },
  );
}
