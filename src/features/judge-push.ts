/** What becomes of pushed rows that break an expectation: refused, kept aside, or recorded with a warning. */
import { MlopsError } from '../lib/error.ts';
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { CheckFailure, FeatureQuality, HeldRow } from '../stores/control/feature-quality.ts';
import type { PendingUpdate } from '../stores/control/feature-state.ts';
import { brokenBy, computedFor, expectationsOf } from './expectations.ts';
import { heldRow } from './judge-staged.ts';

type Row = Omit<PendingUpdate, 'sequence'>;

export interface PushJudge {
  /** False where the row is kept aside. FS203 (422) where it breaks what fails: then nothing of the push is recorded. */
  accepts(row: Row): boolean;
  /** Before rows are judged again, when the push is tried again. */
  begin(): void;
  /** Once the push is recorded: what was found, and the rows kept aside. Returns how many these are. */
  settle(quality: FeatureQuality, version: number): Promise<number>;
}

export function createPushJudge(
  set: string,
  spec: CanonicalFeatureSet | undefined,
  structure: FeatureSetStructure,
): PushJudge {
  const expectations = spec === undefined ? [] : expectationsOf(spec, structure);
  const computed = computedFor(set, structure, expectations);
  let held: HeldRow[] = [];
  let failures = new Map<string, { failure: CheckFailure; rows: number }>();
  let judged = 0;

  return {
    begin: () => {
      held = [];
      failures = new Map();
      judged = 0;
    },
    accepts: (row) => {
      judged += 1;
      if (expectations.length === 0) return true;
      const values: Record<string, unknown> = { ...row.values };
      for (const feature of computed) values[feature.name] = feature.evaluate(values);
      const reasons: string[] = [];
      for (const expectation of expectations) {
        const value = values[expectation.feature];
        const { feature, onFailure = 'warn' } = expectation;
        for (const rule of brokenBy(expectation, value)) {
          const shown =
            typeof value === 'number' || typeof value === 'string' ? value : value == null ? null : String(value);
          if (onFailure === 'fail')
            throw new MlopsError('FS203', {
              address: `feature_set.${set}`,
              detail: `${feature} is not ${rule}: ${shown ?? 'no value'}. Nothing was recorded.`,
              hint: 'correct the value, or the expectation of the feature',
              status: 422,
            });
          const known = failures.get(`${feature} ${rule}`);
          if (known !== undefined) known.rows += 1;
          else
            failures.set(`${feature} ${rule}`, {
              failure: { feature, expectation: rule, onFailure, observed: shown, rows: 1 },
              rows: 1,
            });
          if (onFailure === 'quarantine') reasons.push(`${feature} ${rule}: ${shown ?? 'null'}`);
        }
      }
      if (reasons.length > 0) held.push(heldRow({ ...row, reasons }, 'push'));
      return reasons.length === 0;
    },
    settle: async (quality, version) => {
      if (failures.size === 0) return 0;
      await quality.hold(set, version, held);
      await quality.addCheck({
        set,
        version,
        origin: 'push',
        rowsRead: judged,
        rowsNew: judged,
        rowsSkipped: 0,
        duplicates: 0,
        quarantined: held.length,
        outcome: held.length > 0 ? 'quarantined' : 'warned',
        failures: [...failures.values()].map(({ failure, rows }) => ({ ...failure, rows })),
      });
      return held.length;
    },
  };
}
