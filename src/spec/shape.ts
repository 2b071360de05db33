/** Checks a normalized value against its schema and says what is wrong in the user's words, one finding for each mistake. */
import type { ErrorObject } from 'ajv';
import { didYouMean } from '../lib/suggest.ts';
import { ITEM_DTYPES } from './dtype.ts';
import { pointerTo, segmentsOf } from './locator.ts';
import type { Problem } from './problem.ts';
import { type SchemaName, validatorOf } from './schemas.ts';

const NAME_RULE =
  'A name has lower-case letters, digits, `_` and `-`, starts with a letter and has at most 63 characters.';

export interface Shape {
  readonly problems: readonly Problem[];
  /** True where every value has the right type, so that the rest can be checked too: a wrong word, an unknown field. */
  readonly readable: boolean;
}

const MILD: ReadonlySet<string> = new Set([
  'additionalProperties',
  'enum',
  'pattern',
  'propertyNames',
  'minimum',
  'maximum',
]);

export function checkShape(name: SchemaName, value: unknown): Shape {
  const validate = validatorOf(name);
  if (validate(value)) return { problems: [], readable: true };
  const errors = validate.errors ?? [];
  // What an anyOf says covers what its branches say, here and below; ajv puts it after them.
  const choices = errors
    .filter((error) => error.keyword === 'anyOf' && !isChoiceOfFields(error))
    .map((error) => error.instancePath);
  const covered = (error: ErrorObject): boolean =>
    error.keyword !== 'anyOf' &&
    choices.some((path) => error.instancePath === path || error.instancePath.startsWith(`${path}/`));
  const inBranch = (error: ErrorObject): boolean =>
    error.keyword === 'required' && /\/(oneOf|anyOf)\/\d+\//.test(error.schemaPath);
  const own = errors.filter((error) => !covered(error) && !inBranch(error));
  return {
    problems: own.flatMap((error) => toProblem(error) ?? []),
    readable: errors.every((error) => MILD.has(error.keyword)),
  };
}

function toProblem(error: ErrorObject): Problem | undefined {
  const { instancePath: pointer, keyword, params } = error;
  const field = fieldName(pointer);
  switch (keyword) {
    case 'additionalProperties': {
      const unknown = String(params['additionalProperty']);
      const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
      return {
        code: 'SP101',
        pointer: pointerTo(pointer, unknown),
        part: 'key',
        detail: `${quoted(unknown)} is not a field ${pointer === '' ? 'here' : `of ${field}`}.`,
        hint: didYouMean(unknown, known) ?? `known: ${known.sort().join(', ')}`,
      };
    }
    case 'required': {
      const missing = String(params['missingProperty']);
      const schema = error.parentSchema?.['properties'] as Record<string, { description?: string }> | undefined;
      const description = schema?.[missing]?.description;
      return {
        code: 'SP102',
        pointer,
        detail: `${capital(field)} needs ${quoted(missing)}.${description === undefined ? '' : ` ${meaning(description)}`}`,
      };
    }
    case 'oneOf':
      return choiceProblem(error, field);
    case 'discriminator': {
      if (params['error'] !== 'mapping')
        return (error.data as { operator?: unknown }).operator === undefined
          ? undefined
          : wrong(error, `The operator of ${field} must be a text.`);
      const known = operatorsOf(error);
      return {
        code: 'SP103',
        pointer: pointerTo(pointer, 'operator'),
        detail: `${quoted(params['tagValue'])} is not an operator.`,
        hint: didYouMean(String(params['tagValue']), known) ?? `known: ${known.join(', ')}`,
      };
    }
    case 'pattern': {
      const written = error.propertyName ?? error.data;
      if (error.propertyName !== undefined) {
        const rule = String(params['pattern']).includes('A-Z')
          ? 'It has letters, digits and `_`, and does not start with a digit.'
          : NAME_RULE;
        return {
          code: 'SP106',
          pointer: pointerTo(pointer, error.propertyName),
          part: 'key',
          detail: `${quoted(written)} cannot be a name. ${rule}`,
        };
      }
      if (error.parentSchema?.['x-dtype'] === true) return dtypeProblem(error, field);
      if (String(params['pattern']).startsWith('^[a-z][a-z0-9_-]'))
        return { code: 'SP106', pointer, detail: `${quoted(written)} cannot be a name. ${NAME_RULE}` };
      return wrong(error, `${capital(field)} is ${quoted(written)}.`);
    }
    case 'propertyNames':
      return undefined;
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).map(String);
      return {
        code: 'SP103',
        pointer,
        detail: `${capital(field)} is ${quoted(error.data)}; it can be ${listed(allowed)}.`,
        hint: typeof error.data === 'string' ? nearHint(error.data, allowed) : undefined,
      };
    }
    case 'const':
      return wrong(error, `${capital(field)} is ${quoted(error.data)}; it must be ${quoted(params['allowedValue'])}.`);
    case 'type':
      return wrong(error, `${capital(field)} is ${described(error.data)}; it must be ${typeNames(params['type'])}.`);
    case 'anyOf':
      if (isChoiceOfFields(error)) return choiceProblem(error, field);
      return wrong(error, `${capital(field)} is ${described(error.data)}, which does not fit.`);
    case 'minProperties':
    case 'minItems':
      return wrong(
        error,
        `${capital(field)} must have at least ${params['limit']} ${params['limit'] === 1 ? 'entry' : 'entries'}.`,
      );
    case 'minLength':
      return wrong(
        error,
        error.data === '' ? `${capital(field)} is empty.` : `${capital(field)} is too short: ${quoted(error.data)}.`,
      );
    default:
      return wrong(error, `${capital(field)} is ${described(error.data)}; it ${error.message ?? 'does not fit'}.`);
  }
}

function dtypeProblem({ instancePath: pointer, data }: ErrorObject, field: string): Problem {
  const [, item] = /^array<(.*)>$/.exec(String(data)) ?? [];
  return {
    code: 'SP103',
    pointer,
    detail: `${capital(field)} is ${quoted(data)}; it can be ${listed([...ITEM_DTYPES, 'json', 'an array of them such as array<float64> (but not of json)', 'an embedding such as vector<384>'])}.`,
    hint:
      item === undefined
        ? nearHint(String(data), [...ITEM_DTYPES, 'json'])
        : nearHint(
            String(data),
            ITEM_DTYPES.map((type) => `array<${type}>`),
          ),
  };
}

function wrong(error: ErrorObject, detail: string): Problem {
  if (isEnv(error.data)) {
    return {
      code: 'SP103',
      pointer: error.instancePath,
      detail: `${capital(fieldName(error.instancePath))} cannot be read from an environment variable.`,
    };
  }
  const description = error.parentSchema?.['description'];
  return {
    code: 'SP103',
    pointer: error.instancePath,
    detail: typeof description === 'string' ? `${detail} ${meaning(description)}` : detail,
  };
}

/** What a field is, without what changing it costs: that is no help to who writes it first. */
function meaning(description: string): string {
  return description.replace(/ A change (of|to|makes|is) .*$/, '');
}

/** `source`, `query` or `push`, exactly one; `min`, `max` or `atLeast`, at least one. */
function choiceProblem(error: ErrorObject, field: string): Problem {
  const names = branchesOf(error);
  if (names.length === 0) return wrong(error, `${capital(field)} does not fit.`);
  if (error.keyword === 'anyOf' || error.params['passingSchemas'] === null) {
    return {
      code: 'SP102',
      pointer: error.instancePath,
      detail: `${capital(field)} needs ${listed(names.map(quoted))}.`,
    };
  }
  const written = names.filter((name) => Object.hasOwn(error.data as object, name));
  return {
    code: 'SP103',
    pointer: pointerTo(error.instancePath, written.at(-1) ?? ''),
    part: 'key',
    detail: `${capital(field)} has both ${written.map(quoted).join(' and ')}; only one of them ${error.parentSchema?.['x-choice'] ?? 'can say where its rows come from'}.`,
  };
}

function isChoiceOfFields(error: ErrorObject): boolean {
  return (error.schema as { required?: unknown; properties?: unknown }[]).every(
    (branch) => branch.required !== undefined && branch.properties === undefined,
  );
}

function branchesOf(error: ErrorObject): string[] {
  return (error.schema as { required?: string[] }[]).flatMap((branch) => branch.required ?? []);
}

function operatorsOf(error: ErrorObject): string[] {
  const branches = (error.parentSchema?.['oneOf'] as { $ref: string }[] | undefined) ?? [];
  return branches.map(({ $ref }) =>
    ($ref.split('/').at(-1) ?? '')
      .replace(/Task$/, '')
      .replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`)
      .toLowerCase(),
  );
}

function fieldName(pointer: string): string {
  return pointer === '' ? 'it' : quoted(segmentsOf(pointer).join('.'));
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(JSON.stringify(value));
}

function capital(text: string): string {
  return text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
}

function described(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'string' && value.length > 60 ? 'a text' : quoted(value);
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
};

function typeNames(type: unknown): string {
  return listed((Array.isArray(type) ? type : [type]).map((name) => TYPE_NAMES[String(name)] ?? String(name)));
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`;
}

function nearHint(written: string, allowed: readonly string[]): string | undefined {
  const hint = didYouMean(written, allowed);
  return hint?.startsWith('did you mean') === true ? hint : undefined;
}

function isEnv(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '$env' in value;
}
