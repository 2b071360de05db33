/** What people tell a rollout to do: the flags and the answer are the same for each command. */
import { string } from '@oclif/core/flags';
import { type Rollout, rolloutView } from '../compose/views.ts';
import type { OpenEnvironment } from '../compose.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import { standsText } from './rollout-view.ts';
import { inEnvironment } from './session.ts';
import { word } from './word.ts';

type Rollouts = Awaited<ReturnType<OpenEnvironment['rollouts']>>;

export const rolloutArgs = { endpoint: word({ description: 'Name of the endpoint.', required: true }) };
export const rolloutFlags = { reason: string({ description: 'Why; it is kept with the decision.' }) };

export async function tellRollout(
  command: BaseCommand,
  endpoint: string,
  flags: GlobalFlags & { readonly reason: string | undefined },
  tell: (
    rollouts: Rollouts,
    endpoint: string,
    by: { readonly who: string; readonly reason: string | null },
  ) => Promise<Rollout>,
): Promise<void> {
  const rollout = await inEnvironment(command, flags, async (environment) =>
    tell(await environment.rollouts(), endpoint.replace(/^endpoint\./, ''), {
      who: environment.who,
      reason: flags.reason ?? null,
    }),
  );
  command.result(
    flags,
    rolloutView(rollout),
    () =>
      `${rollout.endpoint}: version ${rollout.version} of ${rollout.model} is ${rollout.status.replace('_', ' ')}, ${standsText(rollout)}: ${rollout.reason}`,
  );
}
