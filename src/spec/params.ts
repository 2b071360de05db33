/** Parameters of a pipeline: what each may be. A default alone says the type; a map says more. Pure. */
import { parseInstant } from '../lib/instant.ts';
import type { Param, PipelineSpec } from './schema-types.ts';

export type ParamValue = string | number | boolean;
export type ParamType = Param['type'];

/** A short form is a parameter with a default. */
export function declaredParam(written: ParamValue | Param): Param {
  return typeof written === 'object'
    ? written
    : { type: typeof written as 'string' | 'number' | 'boolean', default: written };
}

export function declaredParams(spec: Pick<PipelineSpec, 'params'>): Readonly<Record<string, Param>> {
  return Object.fromEntries(Object.entries(spec.params ?? {}).map(([name, written]) => [name, declaredParam(written)]));
}

export type ParamVerdict = { readonly value: ParamValue } | { readonly problem: string };

const TYPES: Readonly<Record<ParamType, string>> = {
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  date: 'a date such as 2026-01-31',
  timestamp: 'a time such as 2026-01-31T12:00:00Z',
};

/** Texts, as the command line has them, are read as the type asks for. `problem` ends a sentence that begins with the name. */
export function checkParam(param: Param, given: unknown): ParamVerdict {
  const value = typedValue(param.type, given);
  if (value === undefined) return { problem: `is ${TYPES[param.type]}; ${JSON.stringify(given)} was given` };
  if (param.enum !== undefined && !param.enum.includes(value as never))
    return {
      problem: `is one of ${param.enum.map((one) => JSON.stringify(one)).join(', ')}; ${JSON.stringify(given)} was given`,
    };
  if (param.min !== undefined && comparable(value) < comparable(param.min))
    return { problem: `is at least ${param.min}; ${JSON.stringify(given)} was given` };
  if (param.max !== undefined && comparable(value) > comparable(param.max))
    return { problem: `is at most ${param.max}; ${JSON.stringify(given)} was given` };
  return { value };
}

function typedValue(type: ParamType, given: unknown): ParamValue | undefined {
  switch (type) {
    case 'string':
      return typeof given === 'string' ? given : undefined;
    case 'boolean':
      return typeof given === 'boolean' ? given : given === 'true' ? true : given === 'false' ? false : undefined;
    case 'number':
    case 'integer': {
      const number = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
      if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
      return type === 'number' || Number.isSafeInteger(number) ? number : undefined;
    }
    case 'date': {
      if (typeof given !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(given)) return undefined;
      return parseInstant(given)?.toISOString().slice(0, 10) === given ? given : undefined;
    }
    case 'timestamp':
      return typeof given === 'string' ? parseInstant(given)?.toISOString() : undefined;
  }
}

/** Dates compare as texts, times once they have one form. */
function comparable(value: ParamValue): ParamValue {
  return typeof value === 'string' && value.length > 10 ? (parseInstant(value)?.toISOString() ?? value) : value;
}

/** What is wrong with a declaration: `at` is below the parameter's pointer. */
export function paramProblems(param: Param): readonly { readonly at: string; readonly detail: string }[] {
  const problems: { at: string; detail: string }[] = [];
  const bare: Param = { type: param.type };
  for (const field of ['min', 'max'] as const) {
    const bound = param[field];
    if (bound === undefined) continue;
    if (param.type === 'string' || param.type === 'boolean')
      problems.push({ at: `/${field}`, detail: `"${field}" goes with numbers, dates and times` });
    else if ('problem' in checkParam(bare, bound))
      problems.push({ at: `/${field}`, detail: `"${field}" is no ${param.type}` });
  }
  for (const [index, one] of (param.enum ?? []).entries())
    if ('problem' in checkParam(bare, one))
      problems.push({ at: `/enum/${index}`, detail: `${JSON.stringify(one)} is no ${param.type}` });
  if (param.default !== undefined) {
    const verdict = checkParam(param, param.default);
    if ('problem' in verdict) problems.push({ at: '/default', detail: `The default ${verdict.problem}` });
    if (param.required === true)
      problems.push({
        at: '/required',
        detail: 'A parameter that has a default need not be given; leave out one of the two',
      });
  }
  return problems;
}
