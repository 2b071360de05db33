/** The notifier of an environment: its channels and rules, and what may be late of what is applied. */
import type { Features } from '../features/create-features.ts';
import { systemClock } from '../lib/clock.ts';
import { createLateness } from '../notify/lateness.ts';
import { createNotifier, type Notifier } from '../notify/notifier.ts';
import type { NotifySettings } from '../notify/rules.ts';
import { schedulesOf } from '../orchestrator/schedules.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { ExpectingPipeline, NotificationStore } from '../stores/control/notifications.ts';
import type { Scope } from '../stores/control/state.ts';
import type { Settings } from './settings.ts';

export function openNotifier(
  { spec }: Settings,
  parts: {
    readonly scope: Scope;
    readonly store: NotificationStore;
    readonly catalog: Catalog;
    readonly features: () => Promise<Features>;
    readonly report: (message: string, error?: unknown) => void;
  },
): Notifier {
  const { scope, store, catalog, report } = parts;
  const settings: NotifySettings = { channels: spec.notifications ?? {}, rules: spec.notify ?? [] };
  const expects = { revision: -1, schedules: [] as ReturnType<typeof expecting> };
  const lateness = createLateness({
    store,
    settings,
    schedules: () => {
      if (catalog.revision !== expects.revision) {
        expects.revision = catalog.revision;
        expects.schedules = expecting(catalog);
      }
      return expects.schedules;
    },
    expectsWithin: () => catalog.list('pipeline').some(({ spec: { expect } }) => expect?.within !== undefined),
    freshness: async () => {
      const limited = catalog.list('feature_set').filter(({ spec: { expect } }) => expect?.freshness !== undefined);
      if (limited.length === 0) return [];
      const insights = await (await parts.features()).insights();
      return insights.flatMap(({ set, freshness: { ageMs, limitMs } }) =>
        ageMs !== null && limitMs !== null && limited.some(({ name }) => name === set) ? [{ set, ageMs, limitMs }] : [],
      );
    },
    nowMs: () => performance.now(),
  });
  return createNotifier({
    store,
    scope,
    settings,
    lateness,
    expecting: () => expectingPipelines(catalog),
    variables: process.env,
    now: systemClock.now,
    random: Math.random,
    report,
  });
}

function expectingPipelines(catalog: Catalog): readonly ExpectingPipeline[] {
  const schedules = schedulesOf(catalog);
  return catalog.list('pipeline').flatMap(({ name, spec: { expect } }) =>
    expect === undefined
      ? []
      : [
          {
            name,
            schedules: schedules.filter((one) => one.name === `pipeline.${name}`).map(({ cursor }) => cursor),
            within: expect.within ?? null,
          },
        ],
  );
}

function expecting(catalog: Catalog) {
  return schedulesOf(catalog).flatMap(({ name, cursor, cron, timezone, pipeline }) =>
    pipeline.expect === undefined
      ? []
      : [
          {
            name,
            cursor,
            cron,
            timezone,
            pipeline: pipeline.name,
            expect: pipeline.expect,
            notify: pipeline.notify ?? null,
          },
        ],
  );
}
