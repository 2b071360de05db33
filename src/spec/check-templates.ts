/** Templates of a pipeline's tasks: that their expressions read what is there, and that they stand where a value can. */
import { MlopsError } from '../lib/error.ts';
import type { ExpressionPlace } from '../lib/expression.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalPipeline, CanonicalTask } from './canonical-specs.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';
import { mapItemsQuery, mapTaskTexts, type TextMapper, type TextPlace } from './task-texts.ts';
import { shellSurroundings, sqlSurroundings } from './template-places.ts';
import { isTemplate, type TemplateExpression, templateExpressions } from './template-text.ts';

/** What every expression may read; a task that is one of many reads `item` and `index` too. */
export const TEMPLATE_VARIABLES = ['params', 'outputs', 'run'] as const;
export const ITEM_VARIABLES = ['item', 'index'] as const;

export function templateVariables(task: CanonicalTask): readonly string[] {
  return 'forEach' in task && task.forEach !== undefined
    ? [...TEMPLATE_VARIABLES, ...ITEM_VARIABLES]
    : TEMPLATE_VARIABLES;
}

const RUN_MEMBERS = ['id', 'pipeline', 'cause', 'instant'];

export function checkTemplates(
  spec: CanonicalPipeline,
  before: (task: string) => ReadonlySet<string>,
  into: Canonicalizing,
): void {
  for (const [name, task] of Object.entries(spec.tasks)) {
    const check =
      (variables: readonly string[]): TextMapper =>
      (text, place, below) => {
        const at = `${pointerTo('/tasks', name)}${below}`;
        if (isTemplate(text))
          checkText(text, place, at, { task: name, pipeline: spec, before: before(name), variables }, into);
        return text;
      };
    mapTaskTexts(task, check(templateVariables(task)));
    mapItemsQuery(task.forEach, check(TEMPLATE_VARIABLES));
  }
}

interface Scope {
  readonly task: string;
  readonly pipeline: CanonicalPipeline;
  readonly before: ReadonlySet<string>;
  readonly variables: readonly string[];
}

function checkText(text: string, place: TextPlace, pointer: string, scope: Scope, into: Canonicalizing): void {
  let found: readonly TemplateExpression[];
  try {
    found = templateExpressions(text, scope.variables);
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    report(into, 'SP114', pointer, error.detail, {
      hint: error.hint,
      span: error.data?.['place'] as ExpressionPlace | undefined,
    });
    return;
  }
  const starts = found.map(({ start }) => start);
  const around =
    place === 'sql' ? sqlSurroundings(text, starts) : place === 'shell' ? shellSurroundings(text, starts) : [];
  for (const [index, { expression, start, end }] of found.entries()) {
    const where = around[index];
    const span = { start, end };
    if (typeof where === 'object') {
      const hint =
        place === 'sql'
          ? 'take the quotes away: a value comes as a literal; join texts with ||'
          : 'let it stand by itself or within double quotes, or pass it in env and read the variable';
      report(
        into,
        'SP131',
        pointer,
        `The template stands in ${where.unsafe}, where its value could not be told from code.`,
        { hint, span },
      );
    }
    const told = new Set<string>();
    for (const { path } of expression.reads) {
      const problem = unknownRead(path.map(String), scope);
      if (problem === undefined || told.has(problem.detail)) continue;
      told.add(problem.detail);
      report(into, 'SP114', pointer, problem.detail, { hint: problem.hint, span });
    }
  }
}

function unknownRead(
  [variable, member]: readonly string[],
  { task, pipeline, before }: Scope,
): { readonly detail: string; readonly hint: string | undefined } | undefined {
  if (member === undefined) return undefined;
  if (variable === 'params') {
    const known = Object.keys(pipeline.params ?? {});
    if (known.includes(member)) return undefined;
    return {
      detail: `The pipeline has no parameter "${member}".`,
      hint: didYouMean(member, known) ?? `declare it: params: { ${member}: … }`,
    };
  }
  if (variable === 'outputs' && !before.has(member)) {
    const isTask = Object.hasOwn(pipeline.tasks, member);
    return {
      detail: isTask ? `The task "${member}" does not come before "${task}".` : `The pipeline has no task "${member}".`,
      hint: isTask ? `add it to the needs of "${task}"` : didYouMean(member, before),
    };
  }
  if (variable === 'run' && !RUN_MEMBERS.includes(member))
    return { detail: `A run has no "${member}".`, hint: `it has ${RUN_MEMBERS.join(', ')}` };
  return undefined;
}
