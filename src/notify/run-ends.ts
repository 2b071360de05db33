/** Which notifications a run's end makes. Pure. */
import type { NewNotification, RunEnd } from '../stores/control/notifications.ts';
import { breakerMessage, runEndMessage } from './messages.ts';
import { channelsFor, type NotifySettings } from './rules.ts';

/** A success that is a recovery is told as that to who asks for both. Of a cancelled run nobody is told: somebody cancelled it. */
export function notificationsOf(end: RunEnd, settings: NotifySettings): readonly NewNotification[] {
  if (end.status === 'cancelled') return [];
  if (end.status === 'failed') {
    const opened = end.breaker === null ? [] : channelsFor('breaker_opened', end.notify, settings);
    return [
      ...toldTo(channelsFor('failed', end.notify, settings), end, 'failed'),
      ...toldTo(opened, end, 'breaker_opened'),
    ];
  }
  const recovered = end.before === 'failed' || end.wasLate ? channelsFor('recovered', end.notify, settings) : [];
  const succeeded = channelsFor('succeeded', end.notify, settings).filter((channel) => !recovered.includes(channel));
  return [...toldTo(recovered, end, 'recovered'), ...toldTo(succeeded, end, 'succeeded')];
}

function toldTo(
  channels: readonly string[],
  end: RunEnd,
  kind: 'failed' | 'recovered' | 'succeeded' | 'breaker_opened',
): readonly NewNotification[] {
  if (channels.length === 0) return [];
  const message = kind === 'breaker_opened' ? breakerMessage(end) : runEndMessage(end, kind);
  const subject = end.pipeline.includes('.') ? end.pipeline : `pipeline.${end.pipeline}`;
  return channels.map((channel) => ({
    key: `${kind}/${subject}/${end.runId}/${end.seq}`,
    channel,
    kind,
    subject,
    runId: end.runId,
    message,
  }));
}
