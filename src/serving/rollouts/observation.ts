/** What a decision about a rollout may look at. */
import type { RolloutSubject } from '../../stores/control/rollouts.ts';
import type { VariantFigures } from '../../stores/control/variant-figures.ts';

export interface Observation {
  /** The version that the candidate variant follows now; null where it follows none. */
  readonly follows: string | null;
  /** The version that the baseline follows now. */
  readonly baseline: string | null;
  /** Why a daemon cannot load the version; null where none said so. */
  readonly loadFailure: { readonly code: string | null; readonly detail: string } | null;
  /** Since the step began. */
  readonly step: Window;
  /** Since the rollout began. */
  readonly whole: Window;
  /** Of the last minutes. */
  readonly recent: Window;
}

export interface Window {
  readonly candidate: VariantFigures | null;
  readonly baseline: VariantFigures | null;
  /** Of the candidate's version beside the answer. */
  readonly shadow: VariantFigures | null;
}

export const NOTHING: Window = { candidate: null, baseline: null, shadow: null };

/** The rollout's part of an endpoint's figures. */
export function windowOf(
  figures: readonly VariantFigures[],
  { candidate, baseline, model, version }: Pick<RolloutSubject, 'candidate' | 'baseline' | 'model' | 'version'>,
): Window {
  const answers = figures.filter(({ role }) => role === 'answer');
  const ofVersion = (one: VariantFigures): boolean => one.model === model && one.version === version;
  // Where another version came to the baseline meanwhile: the newest is what is measured against.
  const [newest] = answers
    .filter(({ variant }) => variant === baseline)
    .sort((a, b) => (b.version ?? 0) - (a.version ?? 0));
  return {
    candidate: answers.find((one) => one.variant === candidate && ofVersion(one)) ?? null,
    baseline: newest ?? null,
    shadow: figures.find((one) => one.role === 'shadow' && ofVersion(one)) ?? null,
  };
}
