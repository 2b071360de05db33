/** Rollouts for people. */
import type { Rollout, RolloutDetails } from '../compose/views.ts';
import { instant, number, table } from './output.ts';

/** `step 2 of 3, 20 %`. */
export function standsText({ status, step, plan, share }: Rollout): string {
  return status === 'running' || status === 'paused'
    ? `step ${step + 1} of ${plan.steps.length}, ${number(share)} %`
    : `${number(share)} %`;
}

export function rolloutText({ rollout, decisions }: RolloutDetails): string {
  const { plan, step, status } = rollout;
  const open = status === 'running' || status === 'paused';
  return [
    `${rollout.endpoint}: version ${rollout.version} of ${rollout.model} as ${rollout.candidate}, against ${rollout.baseline}`,
    `${status.replace('_', ' ')}: ${rollout.reason}`,
    `began ${instant(rollout.startedAt)} by ${rollout.startedBy}${rollout.endedAt === null ? '' : `, ended ${instant(rollout.endedAt)}`}; ${rollout.id}`,
    '',
    ...plan.steps.map(({ share, minSamples = 100, for: lasts }, index) => {
      const mark =
        index < step || status === 'promoted' || status === 'held'
          ? '✓'
          : index === step && open
            ? '▸'
            : index === step && rollout.share === 0
              ? '✗'
              : ' ';
      return `  ${mark} ${number(share)} %, ${minSamples} rows${lasts === undefined ? '' : `, ${lasts}`}`;
    }),
    ...(rollout.checks.length === 0
      ? []
      : [
          '',
          table(
            ['CHECK', 'VERDICT', 'IS', 'REQUIRED', 'BASELINE', 'ROWS'],
            rollout.checks.map((one) => [
              one.check,
              one.verdict,
              told(one.observed),
              told(one.required),
              told(one.baseline),
              String(one.rows),
            ]),
          ),
        ]),
    '',
    table(
      ['AT (UTC)', 'DECISION', 'STEP', 'SHARE', 'WHO', 'WHY'],
      decisions.map((one) => [
        instant(one.at),
        one.kind,
        String(one.step + 1),
        `${number(one.share)} %`,
        one.who,
        one.reason,
      ]),
    ),
  ].join('\n');
}

const told = (value: number | null): string => (value === null ? '-' : number(value));
