/**
 * Tells people. What there is to tell is written to an outbox first: by this loop, from the feed of ended runs and from what
 * is late, and by whoever calls `send`. The loop then delivers what is due. Any number of daemons may run it: the store
 * gives each notification to one of them at a time, and a receiver gets it once unless it fails, or the daemon dies, while
 * it takes it; its id is the same then.
 */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../lib/error.ts';
import { type CounterView, createCounter, createHistogram, type HistogramView } from '../lib/instruments.ts';
import { createRounds } from '../lib/rounds.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { NotifyEvent, NotifyRule } from '../spec/schema-types.ts';
import type {
  DueNotification,
  ExpectingPipeline,
  NewNotification,
  NotificationFilter,
  NotificationMessage,
  NotificationRecord,
  NotificationStanding,
  NotificationStore,
  Outcome,
  RunEnd,
} from '../stores/control/notifications.ts';
import type { Scope } from '../stores/control/state.ts';
import { retryDelayMs } from './backoff.ts';
import { type ChannelType, channelType, openChannel } from './channel.ts';
import { type Delivery, DeliveryFailure } from './delivery.ts';
import type { Lateness } from './lateness.ts';
import { channelsFor, type NotifySettings } from './rules.ts';
import { notificationsOf } from './run-ends.ts';

export interface NotifierOptions {
  readonly store: NotificationStore;
  readonly scope: Scope;
  readonly settings: NotifySettings;
  readonly lateness: Lateness;
  /** The pipelines that are applied and expect something. */
  readonly expecting: () => readonly ExpectingPipeline[];
  /** What references in channels are looked up in. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** In [0, 1). */
  readonly random: () => number;
  readonly report: (message: string, error?: unknown) => void;
  /** How long one delivery may take. Default 30 s. */
  readonly timeoutMs?: number | undefined;
}

export interface SendOptions {
  /** Sent once a channel under this key, e.g. `task/RUN/TASK`. */
  readonly key: string;
  readonly subject?: string | null | undefined;
  readonly runId?: string | null | undefined;
}

export interface NotifyFigures {
  /** Deliveries that a receiver took, that failed, and that were given up for good; by channel. */
  readonly sent: CounterView;
  readonly failed: CounterView;
  readonly dropped: CounterView;
  /** Runs whose end this daemon took note of, by pipeline and status. */
  readonly runsEnded: CounterView;
  /** Seconds from their starts to their ends, by pipeline. */
  readonly runDurations: HistogramView;
}

export interface Notifier {
  /** What the environment has, by name. */
  channels(): readonly { readonly name: string; readonly type: ChannelType }[];
  /**
   * Resolves once it is written down: then it is sent by a daemon, which tries again while the receiver fails. NT101 for an
   * unknown channel. The same key again changes nothing.
   */
  send(channel: string, message: NotificationMessage, options: SendOptions): Promise<void>;
  /** Something happened: written down for the channels whose rules ask for it. `own`: rules of the pipeline; null: it has none. */
  tell(
    event: Omit<NewNotification, 'channel'> & { readonly kind: NotifyEvent },
    own: readonly NotifyRule[] | null,
  ): Promise<void>;
  /** Delivers one now, past the outbox. NT101, NT102, SP110. */
  test(channel: string, signal: AbortSignal): Promise<{ readonly id: string }>;
  list(filter: NotificationFilter): ReturnType<NotificationStore['list']>;
  /** Since this daemon started. */
  readonly figures: NotifyFigures;
  /** What waits to be sent, and which pipelines are late. Fails where that takes longer. */
  standing(withinMs: number): Promise<NotificationStanding>;
  /** A dead one is tried anew. NT103 where there is none of that id, API409 where it is not dead. */
  retry(id: string): Promise<NotificationRecord>;
  /** The loop. */
  start(): void;
  /** Looks once more at what there is to tell, sends what is due, and ends; at most for a few seconds. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
const ENDS_AT_ONCE = 100;
const AT_ONCE = 8;
const DEFAULT_TIMEOUT_MS = 30_000;
const SETTLE_TRIES = 10;
const SETTLE_PAUSE_MS = 500;
const PRUNE_EVERY_MS = 3_600_000;
const KEPT_MS = 30 * 86_400_000;
const RUN_SECONDS = [1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 43_200, 86_400] as const;

export function createNotifier(options: NotifierOptions): Notifier {
  const { store, settings, report, now } = options;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  /** Ends deliveries in hand: only when stopping takes too long, for their receivers may have taken them already. */
  const hurry = new AbortController();
  let prunedAt = Number.NEGATIVE_INFINITY;
  const rounds = createRounds({ round, hurry });
  const sent = createCounter();
  const failed = createCounter();
  const dropped = createCounter();
  const runsEnded = createCounter();
  const runDurations = createHistogram(RUN_SECONDS, 500);

  /** Answers how long it may rest. */
  async function round(): Promise<number> {
    await attempted(takeEnds);
    await attempted(() => options.lateness.look());
    await attempted(async () => {
      if (performance.now() - prunedAt < PRUNE_EVERY_MS) return;
      prunedAt = performance.now();
      await store.prune(KEPT_MS);
    });
    return (await attempted(sendDue)) ?? POLL_MS;
  }

  /** What goes wrong with one part of a round keeps back no other. */
  async function attempted<T>(part: () => Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      report('notifications cannot be looked after; it is tried again', error);
      return undefined;
    }
  }

  async function takeEnds(): Promise<void> {
    let count = ENDS_AT_ONCE;
    while (count === ENDS_AT_ONCE) {
      // By number: a transaction that is tried again decides again.
      const ends = new Map<number, RunEnd>();
      count = await store.takeRunEnds(ENDS_AT_ONCE, (end) => {
        ends.set(end.seq, end);
        return notificationsOf(end, settings);
      });
      for (const { pipeline, status, at, startedAt } of ends.values()) {
        runsEnded.add({ pipeline, status });
        if (startedAt !== null) runDurations.observe({ pipeline }, (at.getTime() - startedAt.getTime()) / 1000);
      }
    }
  }

  async function sendDue(): Promise<number> {
    for (;;) {
      const { due, nextDueMs } = await store.claim(AT_ONCE, timeoutMs * (AT_ONCE + 1));
      // Side by side by channel, in their order within one: a recovery does not come before its failure.
      await Promise.all([...byChannel(due).values()].map(sendInOrder));
      if (due.length < AT_ONCE) return Math.min(POLL_MS, nextDueMs ?? POLL_MS);
      if (hurry.signal.aborted) return 0;
    }
  }

  async function sendInOrder(notifications: readonly DueNotification[]): Promise<void> {
    for (const notification of notifications) await sendOne(notification);
  }

  async function sendOne(due: DueNotification): Promise<void> {
    const outcome = await outcomeOf(due);
    const { channel } = due;
    (outcome.status === 'sent' ? sent : failed).add({ channel });
    if (outcome.status === 'dead') dropped.add({ channel });
    await settle(due, outcome);
    if (outcome.status === 'dead')
      report(`a notification to ${due.channel} is given up: mlops notifications list --status dead`, outcome.error);
  }

  /** What was sent and is not recorded as sent would be sent again: a store that is away for a moment is waited for. */
  async function settle(due: DueNotification, outcome: Outcome): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store.settle(due.id, due.attempts, outcome);
      } catch (error) {
        if (attempt === SETTLE_TRIES) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, SETTLE_PAUSE_MS));
    }
  }

  async function outcomeOf(due: DueNotification): Promise<Outcome> {
    try {
      const { project, environment } = options.scope;
      await deliver(due.channel, { ...due, at: due.createdAt, project, environment }, hurry.signal);
      return { status: 'sent' };
    } catch (error) {
      const text = error instanceof MlopsError ? error.detail : error instanceof Error ? error.message : String(error);
      const failure = error instanceof DeliveryFailure ? error : undefined;
      const unknown = error instanceof MlopsError && error.code === 'NT101';
      if (unknown || failure?.retryable === false) return { status: 'dead', error: text };
      const retryInMs = retryDelayMs(due.attempts, options.random(), failure?.retryAfterMs);
      return retryInMs === undefined ? { status: 'dead', error: text } : { status: 'pending', error: text, retryInMs };
    }
  }

  async function deliver(channel: string, delivery: Delivery, signal: AbortSignal): Promise<void> {
    const send = await openChannel(specOf(channel), options.variables, () => Math.floor(now().getTime() / 1000));
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    await send(delivery, limit);
  }

  function specOf(channel: string) {
    const spec = Object.hasOwn(settings.channels, channel) ? settings.channels[channel] : undefined;
    if (spec !== undefined) return spec;
    const known = Object.keys(settings.channels);
    throw new MlopsError('NT101', {
      detail: `The environment ${options.scope.environment} has no notification channel "${channel}".`,
      hint: didYouMean(channel, known) ?? 'environments.NAME.notifications declares them',
    });
  }

  return {
    channels: () => Object.entries(settings.channels).map(([name, spec]) => ({ name, type: channelType(spec) })),
    send: async (channel, message, { key, subject = null, runId = null }) => {
      specOf(channel);
      await store.add([{ key, channel, kind: 'message', subject, runId, message }]);
      rounds.wake();
    },
    tell: async (event, own) => {
      await store.add(channelsFor(event.kind, own, settings).map((channel) => ({ ...event, channel })));
      rounds.wake();
    },
    test: async (channel, signal) => {
      const id = randomUUID();
      const delivery: Delivery = {
        id,
        kind: 'test',
        at: now(),
        project: options.scope.project,
        environment: options.scope.environment,
        subject: null,
        runId: null,
        message: {
          title: `Test of the channel ${channel}`,
          text: 'Notifications of this project and environment come here.',
          severity: 'info',
          fields: [],
          data: {},
        },
      };
      try {
        await deliver(channel, delivery, signal);
      } catch (error) {
        if (!(error instanceof DeliveryFailure)) throw error;
        throw new MlopsError('NT102', {
          detail: `The channel ${channel} does not take it: ${error.message}.`,
          hint: 'see environments.NAME.notifications, and the receiver',
          retryable: error.retryable,
          cause: error,
        });
      }
      return { id };
    },
    list: (filter) => store.list(filter),
    figures: { sent, failed, dropped, runsEnded, runDurations },
    standing: (withinMs) => store.standing(options.expecting(), withinMs),
    retry: async (id) => {
      const revived = await store.revive({ id });
      const found = await store.get(id);
      if (found === undefined)
        throw new MlopsError('NT103', { detail: `There is no notification ${id}.`, hint: 'mlops notifications list' });
      if (revived === 0)
        throw new MlopsError('API409', {
          detail: `The notification ${id} is ${found.status}; only a dead one is tried anew.`,
        });
      rounds.wake();
      return found;
    },
    start: rounds.start,
    stop: rounds.stop,
  };
}

function byChannel(due: readonly DueNotification[]): ReadonlyMap<string, readonly DueNotification[]> {
  const groups = new Map<string, DueNotification[]>();
  for (const one of due) {
    const group = groups.get(one.channel);
    if (group === undefined) groups.set(one.channel, [one]);
    else group.push(one);
  }
  return groups;
}
