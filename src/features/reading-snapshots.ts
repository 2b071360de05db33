/** Snapshots of sources are held while they are read: however long that takes, and whatever is swept meanwhile, they stay. */
import type { FeatureState, RecordedSnapshot } from '../stores/control/feature-state.ts';

/** A process that died holds nothing once its lease has ended. */
const LEASE_MS = 60_000;
const RENEW_MS = 20_000;
/** Each time another one was let go between the look and the hold. */
const TRIES = 5;

/** `take` answers what is to be read, the newest; it is asked again where one of them went just then. */
export async function readingSnapshots<T>(
  featureState: Pick<FeatureState, 'readSnapshots'>,
  reader: string,
  take: () => Promise<readonly RecordedSnapshot[]>,
  body: (snapshots: readonly RecordedSnapshot[]) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const snapshots = await take();
    if (snapshots.length === 0) return body(snapshots);
    const reading = await featureState.readSnapshots(
      snapshots.map(({ location }) => location),
      reader,
      LEASE_MS,
    );
    if (reading === undefined) {
      if (tries === TRIES)
        throw new Error(`the snapshots that ${reader} reads went ${TRIES} times before they were held`);
      continue;
    }
    // One that fails is tried with the next; where none succeeds, the read itself tells that the store is away.
    const timer = setInterval(() => void reading.renew(LEASE_MS).catch(() => {}), RENEW_MS);
    timer.unref();
    try {
      return await body(snapshots);
    } finally {
      clearInterval(timer);
      await reading.release().catch(() => {});
    }
  }
}
