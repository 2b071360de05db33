/** Tells the control store what this daemon serves: whenever that changes, and now and then that it is still there. */
import { createRounds, type Rounds } from '../lib/rounds.ts';
import type { ServedVariant, ServingReportStore } from '../stores/control/serving-reports.ts';
import type { EndpointStatus } from './endpoint-status.ts';
import type { Serving } from './serving.ts';

export interface ServingReporterOptions {
  readonly serving: Pick<Serving, 'status'>;
  readonly store: ServingReportStore;
  /** Of this daemon alone, for as long as it lives. */
  readonly daemon: string;
  readonly name: string;
  readonly report: (message: string, error: unknown) => void;
}

/** How often it looks whether something changed. */
const LOOK_MS = 500;
const TELL_EVERY_MS = 5_000;
/** Who was not heard of for so long is not there: three of its messages are missing. */
export const HEARD_WITHIN_MS = 16_000;

/** `stop` takes back what was told. */
export type ServingReporter = Pick<Rounds, 'start' | 'stop'>;

export function createServingReporter({
  serving,
  store,
  daemon,
  name,
  report,
}: ServingReporterOptions): ServingReporter {
  let told = { text: '', atMs: Number.NEGATIVE_INFINITY };
  const hurry = new AbortController();
  const rounds = createRounds({
    hurry,
    round: async () => {
      const serves = serving.status().endpoints.flatMap(servedBy);
      const text = JSON.stringify(serves);
      if (text === told.text && performance.now() - told.atMs < TELL_EVERY_MS) return LOOK_MS;
      try {
        await store.tell(daemon, { name, serves });
        told = { text, atMs: performance.now() };
      } catch (error) {
        report('telling what is served; it is tried again', error);
      }
      return LOOK_MS;
    },
  });
  return {
    start: rounds.start,
    stop: async () => {
      await rounds.stop();
      if (told.text !== '') await store.forget(daemon).catch(() => {});
    },
  };
}

/** A row for each model that it answers with: of a variant, of each member, of what stacks them, of a shadow. */
function servedBy({ endpoint, variants, shadows }: EndpointStatus): readonly ServedVariant[] {
  return [
    ...variants.flatMap(({ variant, model, version, failure, members = [], stacking }) => {
      const all =
        model === null ? [...members, ...(stacking === undefined ? [] : [stacking])] : [{ model, version, failure }];
      return all.map((one) => ({ endpoint, variant, model: one.model, version: one.version, failure: one.failure }));
    }),
    ...shadows.map(({ shadow, model, version, failure }) => ({ endpoint, variant: shadow, model, version, failure })),
  ];
}
