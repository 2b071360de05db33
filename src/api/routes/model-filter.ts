/**
 * The `filter` of GET /api/v1/models: conditions joined by `and`. `name`, `stage`, `framework` and `tags.KEY` take `=` and a
 * quoted text; `metrics.NAME` takes a comparison and a number.
 */
import { MlopsError } from '../../lib/error.ts';
import { type MetricCondition, STAGES, type Stage, type VersionFilter } from '../../stores/control/registry.ts';

const CONDITION =
  /^\s*(name|stage|framework|tags\.[^\s=<>!]+|metrics\.[^\s=<>!]+)\s*(>=|<=|!=|=|>|<)\s*('(?:[^']|'')*'|"[^"]*"|[^\s'"]+)\s*/i;

export function parseFilter(text: string): Omit<VersionFilter, 'limit' | 'cursor'> {
  const tags: Record<string, string> = {};
  const metrics: MetricCondition[] = [];
  const equal: Record<string, string> = {};
  let rest = text.trim();
  while (rest !== '') {
    const match = CONDITION.exec(rest);
    const [, field = '', op = '', written = ''] = match ?? [];
    if (match === null) throw unreadable(text, `"${rest}" is no condition`);
    rest = rest.slice(match[0].length);
    const value = unquoted(written);
    if (field.toLowerCase().startsWith('metrics.')) {
      const number = Number(value);
      if (value === '' || !Number.isFinite(number)) throw unreadable(text, `${field} is compared with a number`);
      metrics.push({ metric: field.slice('metrics.'.length), op: op as MetricCondition['op'], value: number });
    } else if (op !== '=') throw unreadable(text, `${field} is compared with "=" only`);
    else if (field.toLowerCase().startsWith('tags.')) tags[field.slice('tags.'.length)] = value;
    else equal[field.toLowerCase()] = value;
    if (rest === '') break;
    if (!/^and\s/i.test(rest))
      throw unreadable(text, `conditions are joined by "and", not by "${rest.split(/\s/)[0]}"`);
    rest = rest.slice('and'.length);
    if (rest.trim() === '') throw unreadable(text, 'a condition is missing after "and"');
  }
  const { stage } = equal;
  if (stage !== undefined && !STAGES.some((known) => known === stage))
    throw unreadable(text, `there is no stage "${stage}"`);
  return {
    ...(equal['name'] !== undefined && { name: equal['name'] }),
    ...(equal['framework'] !== undefined && { framework: equal['framework'] }),
    ...(stage !== undefined && { stage: stage as Stage }),
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(metrics.length > 0 && { metrics }),
  };
}

const unquoted = (text: string): string => {
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text.startsWith('"') ? text.slice(1, -1) : text;
};

function unreadable(filter: string, why: string): MlopsError {
  return new MlopsError('API400', {
    detail: `The filter cannot be read: ${why}. It was: ${filter}`,
    hint: "e.g. filter=stage = 'production' and metrics.auc >= 0.8",
  });
}
