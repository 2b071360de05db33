/** The canonical form of a feature set, and what its features must be. */
import { MlopsError } from '../lib/error.ts';
import { compileExpression, type ExpressionOptions, type ExpressionPlace } from '../lib/expression.ts';
import type { CanonicalFeatureSet } from './canonical-specs.ts';
import { parseDtype } from './dtype.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, refer, report } from './lookup.ts';
import { mentionedIn } from './query-text.ts';
import { scheduleProblem } from './schedule-problems.ts';
import type { Dtype, Feature, FeatureSetSpec, ScalarDtype } from './schema-types.ts';

export function canonicalFeatureSet(spec: FeatureSetSpec, into: Canonicalizing): CanonicalFeatureSet {
  // Short forms were written out when the value was normalized.
  const features = spec.features as Readonly<Record<string, Feature>>;
  const entity = refer(into, 'entity', spec.entity, '/entity');
  if (spec.source !== undefined) refer(into, 'source', spec.source, '/source');
  if (spec.query !== undefined) {
    for (const name of mentionedIn(spec.query, into.lookup.names('source'))) refer(into, 'source', name, '/query');
  }
  for (const [name, feature] of Object.entries(features)) checkFeature(name, feature, features, into);
  checkExpressionCycles(features, into);
  const taken = new Map([
    [spec.eventTime, 'the event time'],
    ...Object.keys(entity?.keys ?? {}).map((key) => [key, 'a key of the entity'] as const),
  ]);
  if (spec.createdTime !== undefined) taken.set(spec.createdTime, 'the created time');
  for (const name of Object.keys(features)) {
    const use = taken.get(name);
    if (use !== undefined)
      report(
        into,
        'SP105',
        pointerTo('/features', name),
        `"${name}" is ${use} already; a feature needs a name of its own.`,
        { part: 'key' },
      );
  }
  if (spec.materialize?.timezone !== undefined && spec.materialize.cron === undefined) {
    report(into, 'SP102', '/materialize', 'A time zone without "cron" has no effect.');
  }
  if (spec.materialize?.cron !== undefined)
    checkSchedule(spec.materialize.cron, spec.materialize.timezone, '/materialize', into);
  return { ...spec, features };
}

/** SP115 at the field that is wrong. */
export function checkSchedule(cron: string, timezone: string | undefined, pointer: string, into: Canonicalizing): void {
  const problem = scheduleProblem(cron, timezone, pointer);
  if (problem !== undefined) into.problems.push(problem);
}

/**
 * The features that are computed on demand, each after those that it reads. What {@link canonicalFeatureSet} accepted has no
 * cycle, so one pass in this order computes them all.
 */
export function expressionOrder(features: Readonly<Record<string, Feature>>): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const expr = features[name]?.expr;
    if (expr === undefined || seen.has(name)) return;
    seen.add(name);
    for (const reference of compileExpression(expr, Object.keys(features)).references) visit(reference);
    order.push(name);
  };
  for (const name of Object.keys(features)) visit(name);
  return order;
}

function checkFeature(
  name: string,
  feature: Feature,
  features: Readonly<Record<string, Feature>>,
  into: Canonicalizing,
): void {
  const pointer = pointerTo('/features', name);
  if (feature.expr !== undefined) {
    if (feature.column !== undefined) {
      report(into, 'SP103', `${pointer}/column`, `"${name}" is computed by an expression, so it has no column.`, {
        part: 'key',
      });
    }
    reportExpression(
      feature.expr,
      Object.keys(features).filter((other) => other !== name),
      `${pointer}/expr`,
      into,
    );
  }
  if (feature.default !== undefined && !fits(feature.default, feature.dtype)) {
    report(
      into,
      'SP103',
      `${pointer}/default`,
      `The default ${JSON.stringify(feature.default)} of "${name}" is no ${feature.dtype}.`,
    );
  }
  checkExpectation(name, feature, pointer, into);
}

/** What one engine has and another lacks: lookaround, back references, named groups, possessive quantifiers. */
const NOT_EVERYWHERE = /\(\?(?!:)|\\[1-9kKpPbBAzZG]|[*+?}]\+/;

function patternProblem(pattern: string): string | undefined {
  try {
    new RegExp(pattern, 'u');
  } catch (error) {
    return `is no regular expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  return NOT_EVERYWHERE.test(pattern)
    ? 'uses what not every store has: lookaround, back references, word boundaries, classes of Unicode properties'
    : undefined;
}

function checkExpectation(name: string, feature: Feature, pointer: string, into: Canonicalizing): void {
  const { min, max } = feature.expect ?? {};
  if (min !== undefined && max !== undefined && min > max) {
    report(
      into,
      'SP103',
      `${pointer}/expect`,
      `"${name}" can be neither below ${min} nor above ${max}: no value is allowed.`,
    );
  }
  if (feature.expect?.pattern !== undefined) {
    const why =
      feature.dtype === 'string' ? patternProblem(feature.expect.pattern) : `is of texts; it is ${feature.dtype}`;
    if (why !== undefined) report(into, 'SP103', `${pointer}/expect/pattern`, `The pattern of "${name}" ${why}.`);
  }
  const { minLength, maxLength } = feature.expect ?? {};
  const length = minLength === undefined ? 'maxLength' : 'minLength';
  if (minLength === undefined && maxLength === undefined) return;
  const dtype = parseDtype(feature.dtype);
  if (dtype.kind === 'vector') {
    report(
      into,
      'SP103',
      `${pointer}/expect/${length}`,
      `"${name}" is ${feature.dtype}: it always has ${dtype.length} numbers.`,
    );
  } else if (dtype.kind === 'scalar' && !['string', 'json', 'bytes'].includes(dtype.type)) {
    report(into, 'SP103', `${pointer}/expect/${length}`, `"${name}" is ${feature.dtype}, which has no length.`);
  } else if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) {
    report(
      into,
      'SP103',
      `${pointer}/expect`,
      `"${name}" can be neither shorter than ${minLength} nor longer than ${maxLength}: no value is allowed.`,
    );
  }
}

/** SP114 at the place inside the expression. */
export function reportExpression(
  text: string,
  variables: readonly string[],
  pointer: string,
  into: Canonicalizing,
  options: ExpressionOptions = {},
): void {
  try {
    compileExpression(text, variables, options);
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    report(into, 'SP114', pointer, error.detail, {
      hint: error.hint,
      span: error.data?.['place'] as ExpressionPlace | undefined,
    });
  }
}

function fits(value: NonNullable<Feature['default']>, type: Dtype): boolean {
  const dtype = parseDtype(type);
  if (dtype.kind === 'scalar') return dtype.type === 'json' || fitsScalar(value, dtype.type);
  if (!Array.isArray(value)) return false;
  if (dtype.kind === 'array') return value.every((item) => fitsScalar(item, dtype.of));
  return value.length === dtype.length && value.every((item) => typeof item === 'number');
}

function fitsScalar(value: NonNullable<Feature['default']>, type: ScalarDtype): boolean {
  switch (type) {
    case 'bool':
      return typeof value === 'boolean';
    case 'int32':
    case 'int64':
      return Number.isInteger(value);
    case 'float32':
    case 'float64':
      return typeof value === 'number';
    default:
      return typeof value === 'string';
  }
}

function checkExpressionCycles(features: Readonly<Record<string, Feature>>, into: Canonicalizing): void {
  const reads = new Map<string, readonly string[]>();
  for (const [name, { expr }] of Object.entries(features)) {
    if (expr === undefined) continue;
    try {
      reads.set(name, compileExpression(expr, Object.keys(features)).references);
    } catch {
      // Reported with its place by checkFeature.
      return;
    }
  }
  for (const start of reads.keys()) {
    const path = [start];
    const seen = new Set(path);
    const follow = (name: string): boolean => {
      for (const next of reads.get(name) ?? []) {
        if (next === start) return true;
        if (seen.has(next)) continue;
        seen.add(next);
        path.push(next);
        if (follow(next)) return true;
        path.pop();
      }
      return false;
    };
    // Each cycle is told once, at its first feature by name; one that reads itself was told as an unknown variable.
    if (follow(start) && path.length > 1 && path.every((name) => name >= start)) {
      report(
        into,
        'SP107',
        `${pointerTo('/features', start)}/expr`,
        `The expressions read each other: ${[...path, start].join(' → ')}.`,
      );
    }
  }
}
