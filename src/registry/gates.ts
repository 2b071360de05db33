/**
 * The gates before production: what a version must reach. A gate that cannot be evaluated refuses, it never passes; a comparison with
 * a stage that holds no other version passes, since there is nothing to be worse than.
 */
import type { Gate } from '../spec/schema-types.ts';
import type { GateResult, ModelVersion } from '../stores/control/registry.ts';

/** Metrics of which less is better, for `atLeast`. */
const LESS_IS_BETTER: ReadonlySet<string> = new Set([
  'rmse',
  'mae',
  'mse',
  'log_loss',
  'logloss',
  'brier',
  'loss',
  'error',
]);

/** Of rmse, log_loss and their like. */
export const isBetterWhenLess = (metric: string): boolean => LESS_IS_BETTER.has(metric);

export interface GateReferences {
  readonly production: ModelVersion | undefined;
  readonly staging: ModelVersion | undefined;
}

/** One result a rule, in the order of the gates; a gate with several rules has several. */
export function evaluateGates(
  gates: readonly Gate[],
  version: ModelVersion,
  references: GateReferences,
): readonly GateResult[] {
  return gates.flatMap((gate) => {
    const results: GateResult[] = [];
    if (gate.min !== undefined) results.push(against(gate.metric, 'min', version, gate.min, 'more'));
    if (gate.max !== undefined) results.push(against(gate.metric, 'max', version, gate.max, 'less'));
    if (gate.atLeast !== undefined)
      results.push(againstStage(gate.metric, gate.atLeast, version, references[gate.atLeast]));
    return results;
  });
}

function against(
  metric: string,
  rule: string,
  version: ModelVersion,
  required: number,
  better: 'more' | 'less',
): GateResult {
  const observed = metricOf(version, metric);
  if (observed === null) return missing(metric, rule, version, required);
  const passed = better === 'more' ? observed >= required : observed <= required;
  const relation = better === 'more' ? 'at least' : 'at most';
  return {
    metric,
    rule,
    observed,
    required,
    passed,
    detail: `${metric} is ${observed}, ${relation} ${required} is required`,
  };
}

function againstStage(
  metric: string,
  stage: 'production' | 'staging',
  version: ModelVersion,
  holder: ModelVersion | undefined,
): GateResult {
  const rule = `atLeast ${stage}`;
  const observed = metricOf(version, metric);
  if (observed === null) return missing(metric, rule, version, null);
  if (holder === undefined || holder.id === version.id) {
    return { metric, rule, observed, required: null, passed: true, detail: `no other version is in ${stage}` };
  }
  const required = metricOf(holder, metric);
  if (required === null) {
    const detail = `version ${holder.version} in ${stage} has no metric "${metric}" to compare with`;
    return { metric, rule, observed, required, passed: false, detail };
  }
  const less = isBetterWhenLess(metric);
  const passed = less ? observed <= required : observed >= required;
  const relation = less ? 'at most' : 'at least';
  const detail = `${metric} is ${observed}, ${relation} ${required} of version ${holder.version} in ${stage} is required`;
  return { metric, rule, observed, required, passed, detail };
}

function missing(metric: string, rule: string, version: ModelVersion, required: number | null): GateResult {
  const detail = `version ${version.version} has no metric "${metric}", so the gate cannot be evaluated`;
  return { metric, rule, observed: null, required, passed: false, detail };
}

function metricOf(version: ModelVersion, metric: string): number | null {
  const value: unknown = version.metrics[metric];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
