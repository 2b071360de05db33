/** Which channels are told of an event. */
import type { ChannelSpec, NotifyEvent, NotifyRule } from '../spec/schema-types.ts';

export const DEFAULT_EVENTS: readonly NotifyEvent[] = ['failed', 'late', 'recovered', 'breaker_opened'];

export interface NotifySettings {
  readonly channels: Readonly<Record<string, ChannelSpec>>;
  /** For what has no rules of its own. */
  readonly rules: readonly NotifyRule[];
}

/** Each channel once, in the order of the rules. `own`: of the pipeline; null: it has none, and the environment's count. */
export function channelsFor(
  event: NotifyEvent,
  own: readonly NotifyRule[] | null,
  { channels, rules }: NotifySettings,
): readonly string[] {
  const told = (own ?? rules).filter(
    ({ to, on }) => Object.hasOwn(channels, to) && (on ?? DEFAULT_EVENTS).includes(event),
  );
  return [...new Set(told.map(({ to }) => to))];
}
