/** A task with the values of this run in place of its templates. What a value becomes goes by where it stands: never code. */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import { TEMPLATE_VARIABLES, templateVariables } from '../spec/check-templates.ts';
import type { QueryText } from '../spec/query-text.ts';
import { mapItemsQuery, mapTaskTexts, type TextPlace } from '../spec/task-texts.ts';
import { shellSurroundings, sqlSurroundings } from '../spec/template-places.ts';
import { isTemplate, type TemplateExpression, templateExpressions } from '../spec/template-text.ts';

export interface TemplateScope {
  readonly params: JsonObject;
  readonly outputs: Readonly<Record<string, JsonObject>>;
  readonly run: JsonObject;
  readonly item?: JsonValue | undefined;
  readonly index?: number | undefined;
}

/** Whether there is anything to fill. */
export function hasTemplates(task: CanonicalTask): boolean {
  let found = false;
  mapTaskTexts(task, (text) => {
    found ||= isTemplate(text);
    return text;
  });
  return found;
}

const OF_NONE: ReadonlySet<string> = new Set();

/** Tasks whose outputs the templates read; undefined: of all. */
export function readByTemplates(task: CanonicalTask): ReadonlySet<string> | undefined {
  if (!hasTemplates(task)) return OF_NONE;
  const read = new Set<string>();
  let all = false;
  mapTaskTexts(task, (text) => {
    if (!isTemplate(text)) return text;
    for (const { expression } of templateExpressions(text, templateVariables(task))) {
      for (const { path } of expression.reads) {
        if (path[0] !== 'outputs') continue;
        if (typeof path[1] === 'string') read.add(path[1]);
        else all = true;
      }
    }
    return text;
  });
  return all ? undefined : read;
}

/** PL221 where a value cannot stand where it is asked for. */
export function fillTask<T extends CanonicalTask>(task: T, scope: TemplateScope): T {
  const variables: Record<string, string> = {};
  const filled = mapTaskTexts(task, (text, place) => {
    if (!isTemplate(text)) return text;
    const found = templateExpressions(text, templateVariables(task));
    const [only] = found;
    if (place === 'value' && only !== undefined && only.start === 0 && only.end === text.length)
      return valueIn(only, scope) ?? null;
    return filledText(text, place, found, scope, variables);
  });
  // A shell line reads its values from variables, so that the shell takes none of them for code.
  return Object.keys(variables).length === 0
    ? filled
    : { ...filled, env: { ...('env' in filled ? filled.env : undefined), ...variables } };
}

/** The query that gives a task its items, with the values of the run. PL221. */
export function fillItemsQuery(
  task: CanonicalTask,
  scope: Omit<TemplateScope, 'item' | 'index'>,
): QueryText | undefined {
  return mapItemsQuery(task.forEach, (text, place) =>
    isTemplate(text) ? filledText(text, place, templateExpressions(text, TEMPLATE_VARIABLES), scope, {}) : text,
  );
}

function filledText(
  text: string,
  place: TextPlace,
  found: readonly TemplateExpression[],
  scope: TemplateScope,
  variables: Record<string, string>,
): string {
  const starts = found.map(({ start }) => start);
  const around =
    place === 'sql' ? sqlSurroundings(text, starts) : place === 'shell' ? shellSurroundings(text, starts) : [];
  let out = '';
  let from = 0;
  for (const [index, template] of found.entries()) {
    const where = around[index];
    // The plan refused it; a pipeline that came another way is held to the same.
    if (typeof where === 'object') throw cannot(template, `it stands in ${where.unsafe}`);
    const value = valueIn(template, scope);
    out += text.slice(from, template.start);
    switch (place) {
      case 'sql':
        out += ` ${sqlLiteral(template, value)} `;
        break;
      case 'shell': {
        const name = `MLOPS_VALUE_${Object.keys(variables).length + 1}`;
        variables[name] = textOf(template, value);
        out += where === 'double' ? `\${${name}}` : `"\${${name}}"`;
        break;
      }
      case 'url':
        out += template.start === 0 ? textOf(template, value) : encodeURIComponent(textOf(template, value));
        break;
      case 'text':
      case 'value':
        out += textOf(template, value);
    }
    from = template.end;
  }
  return out + text.slice(from);
}

function valueIn({ expression }: TemplateExpression, scope: TemplateScope): JsonValue | undefined {
  return expression.evaluate({ ...scope }) as JsonValue | undefined;
}

function textOf(template: TemplateExpression, value: JsonValue | undefined): string {
  if (value === null || value === undefined) throw cannot(template, 'there is no such value');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function sqlLiteral(template: TemplateExpression, value: JsonValue | undefined): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      if (value.includes('\u0000')) throw cannot(template, 'it holds a NUL, which no text of SQL can');
      return `'${value.replaceAll("'", "''")}'`;
    case 'number':
    case 'boolean':
      return String(value);
    default:
      if (!Array.isArray(value)) throw cannot(template, 'an object has no form in SQL');
      return `(${value.length === 0 ? 'null' : value.map((item: JsonValue) => sqlLiteral(template, item)).join(', ')})`;
  }
}

function cannot({ expression }: TemplateExpression, why: string): MlopsError {
  return new MlopsError('PL221', {
    detail: `The template \${{ ${expression.text.trim()} }} cannot be filled: ${why}.`,
    hint: 'see what the parameters of the run and the outputs before the task are: mlops runs show RUN',
  });
}
