import { describe, expect, it } from 'vitest';
import { evaluateGates } from '../../src/registry/gates.ts';
import type { ModelVersion } from '../../src/stores/control/registry.ts';
import { newVersion } from '../support/models.ts';

function version(number: number, metrics: Record<string, number>): ModelVersion {
  const at = new Date(0);
  return {
    ...newVersion({ metrics }),
    id: `v${number}`,
    version: number,
    stage: 'development',
    createdAt: at,
    createdBy: 'ada',
    stageChangedAt: at,
    runId: null,
    source: null,
    flavour: null,
    aliases: [],
    updatedAt: at,
  };
}
const nobody = { production: undefined, staging: undefined };
const passed = (results: ReturnType<typeof evaluateGates>) => results.map((result) => result.passed);

describe('gates', () => {
  it('min and max include their bound', () => {
    const gates = [
      { metric: 'auc', min: 0.8 },
      { metric: 'brier', max: 0.1 },
    ];
    expect(passed(evaluateGates(gates, version(1, { auc: 0.8, brier: 0.1 }), nobody))).toEqual([true, true]);
    expect(passed(evaluateGates(gates, version(1, { auc: 0.799, brier: 0.101 }), nobody))).toEqual([false, false]);
  });

  it('one gate with several rules has a result for each', () => {
    const results = evaluateGates(
      [{ metric: 'auc', min: 0.5, max: 0.9, atLeast: 'production' }],
      version(2, { auc: 0.95 }),
      nobody,
    );
    expect(results.map(({ rule, passed: ok }) => [rule, ok])).toEqual([
      ['min', true],
      ['max', false],
      ['atLeast production', true],
    ]);
  });

  it('a missing metric refuses every rule, and never passes', () => {
    const gates = [{ metric: 'auc', min: 0, max: 1, atLeast: 'production' as const }];
    const unmeasured: Record<string, number>[] = [{}, { auc: Number.NaN }, { auc: null as unknown as number }];
    for (const metrics of unmeasured) {
      const results = evaluateGates(gates, version(1, metrics), nobody);
      expect(passed(results)).toEqual([false, false, false]);
      expect(results[0]!.detail).toContain('has no metric "auc"');
    }
  });

  it('atLeast compares with the version at the stage and passes where there is none', () => {
    const gates = [{ metric: 'auc', atLeast: 'production' as const }];
    expect(passed(evaluateGates(gates, version(2, { auc: 0.1 }), nobody))).toEqual([true]);
    const references = { production: version(1, { auc: 0.9 }), staging: undefined };
    expect(passed(evaluateGates(gates, version(2, { auc: 0.9 }), references))).toEqual([true]);
    expect(passed(evaluateGates(gates, version(2, { auc: 0.89 }), references))).toEqual([false]);
  });

  it('atLeast means no worse: of errors, less is better', () => {
    const gates = [{ metric: 'rmse', atLeast: 'staging' as const }];
    const references = { production: undefined, staging: version(1, { rmse: 4 }) };
    expect(passed(evaluateGates(gates, version(2, { rmse: 3.9 }), references))).toEqual([true]);
    expect(passed(evaluateGates(gates, version(2, { rmse: 4.1 }), references))).toEqual([false]);
  });

  it('atLeast refuses where the version at the stage was never measured', () => {
    const references = { production: version(1, {}), staging: undefined };
    const [result] = evaluateGates([{ metric: 'auc', atLeast: 'production' }], version(2, { auc: 0.99 }), references);
    expect(result).toMatchObject({ passed: false, required: null });
  });
});
