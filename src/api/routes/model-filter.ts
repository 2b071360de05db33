/**
 * The `filter` and `order` of GET /api/v1/models. Conditions are joined by `and`: `name`, `stage`, `framework`, `run_id`, `source`, `created_by` and
 * `tags.KEY` take `=`, `!=`, `like`, `ilike`, `in` and `not in` with quoted texts; `version` and `metrics.NAME` take a comparison and a number.
 */
import { MlopsError } from '../../lib/error.ts';
import {
  type MetricCondition,
  type NumberOperator,
  STAGES,
  type TextOperator,
  type VersionCondition,
  type VersionFilter,
  type VersionOrder,
} from '../../stores/control/registry.ts';

const QUOTED = `'(?:[^']|'')*'|"[^"]*"`;
const CONDITION = new RegExp(
  String.raw`^\s*(name|stage|framework|run_id|source|created_by|version|tags\.[^\s=<>!]+|metrics\.[^\s=<>!]+)\s*` +
    String.raw`(?:(>=|<=|!=|=|>|<|i?like(?=[\s'"]))\s*(${QUOTED}|[^\s'"]+)|(not\s+in|in)\s*\(\s*((?:${QUOTED})(?:\s*,\s*(?:${QUOTED}))*)\s*\))\s*`,
  'i',
);
const ORDER = /^\s*(name|version|created_at|updated_at|metrics\.[^\s,]+)(?:\s+(asc|desc))?\s*$/i;
const TEXTS = {
  name: 'name',
  stage: 'stage',
  framework: 'framework',
  run_id: 'runId',
  source: 'source',
  created_by: 'createdBy',
} as const;
const TIMES = { created_at: 'createdAt', updated_at: 'updatedAt' } as const;
const isText = (field: string): field is keyof typeof TEXTS => field in TEXTS;

type Asked = Omit<VersionFilter, 'limit' | 'cursor' | 'order'>;

export function parseFilter(text: string): Asked {
  const metrics: MetricCondition[] = [];
  const conditions: VersionCondition[] = [];
  let name: string | undefined;
  let rest = text.trim();
  while (rest !== '') {
    const match = CONDITION.exec(rest);
    if (match === null) throw unreadable(text, `"${rest}" is no condition`);
    rest = rest.slice(match[0].length);
    const [, written = '', single, value = '', listed, list = ''] = match;
    const dot = written.indexOf('.');
    const field = (dot < 0 ? written : written.slice(0, dot)).toLowerCase();
    const key = written.slice(dot + 1);
    const op = (single ?? listed ?? '').toLowerCase().replace(/\s+/, ' ');
    if (field === 'metrics' || field === 'version') {
      const number = Number(unquoted(value));
      if (listed !== undefined || op.endsWith('like') || value === '' || !Number.isFinite(number))
        throw unreadable(text, `${written} is compared with a number`);
      if (field === 'version') conditions.push({ on: 'version', op: op as NumberOperator, value: number });
      else metrics.push({ metric: key, op: op as NumberOperator, value: number });
    } else {
      if (/[<>]/.test(op)) throw unreadable(text, `${written} is compared with =, !=, like, ilike, in or not in`);
      const given = {
        op: op as TextOperator,
        value: listed === undefined ? unquoted(value) : (list.match(new RegExp(QUOTED, 'g')) ?? []).map(unquoted),
      };
      if (field === 'stage') refuseUnknownStage(text, given.value);
      // Also by a name that the model had before.
      if (field === 'name' && op === '=' && name === undefined) name = String(given.value);
      else if (isText(field)) conditions.push({ on: TEXTS[field], ...given });
      else conditions.push({ on: 'tag', key, ...given });
    }
    if (rest === '') break;
    if (!/^and\s/i.test(rest))
      throw unreadable(text, `conditions are joined by "and", not by "${rest.split(/\s/)[0]}"`);
    rest = rest.slice('and'.length);
    if (rest.trim() === '') throw unreadable(text, 'a condition is missing after "and"');
  }
  return {
    ...(name !== undefined && { name }),
    ...(metrics.length > 0 && { metrics }),
    ...(conditions.length > 0 && { conditions }),
  };
}

/** `metrics.auc desc, name`. */
export function parseOrder(text: string): readonly VersionOrder[] {
  if (text.trim() === '') return [];
  return text.split(',').map((part): VersionOrder => {
    const [, field, direction] = ORDER.exec(part) ?? [];
    if (field === undefined)
      throw new MlopsError('API400', {
        detail: `The order cannot be read: "${part.trim()}" is nothing to order by.`,
        hint: 'name, version, created_at, updated_at or metrics.NAME, each with asc or desc',
      });
    const ascending = direction?.toLowerCase() !== 'desc';
    if (/^metrics\./i.test(field)) return { by: 'metric', metric: field.slice('metrics.'.length), ascending };
    const by = field.toLowerCase();
    return { by: by in TIMES ? TIMES[by as keyof typeof TIMES] : (by as 'name' | 'version'), ascending };
  });
}

function refuseUnknownStage(text: string, value: string | readonly string[]): void {
  const unknown = [value].flat().find((stage) => !STAGES.some((known) => known === stage));
  if (unknown !== undefined) throw unreadable(text, `there is no stage "${unknown}"`);
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
