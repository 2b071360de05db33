/**
 * What Jobs and pods of this control store are in a namespace, kept up to date by two watches that all attempts share: listed
 * once, then told change by change. A watch that ends, breaks or falls silent is begun anew; one that is too old (410 Gone)
 * begins with a new list, and then whatever is not in the list is gone.
 */
import { createInterface } from 'node:readline';
import { pause } from '../../../lib/pause.ts';
import type { Cluster } from './cluster.ts';
import { ClusterError, hasStatus } from './cluster-error.ts';
import type { Job, List, ObjectMeta, Pod } from './objects.ts';

const JOB_OF_POD = 'batch.kubernetes.io/job-name';
/** A server that lives sends a bookmark about once a minute. */
const SILENT_MS = 90_000;
const WATCH_SECONDS = 290;
const PAGE = 500;

export interface Watched {
  readonly job: Job | undefined;
  readonly pods: readonly Pod[];
}

export interface JobWatcher {
  /** Resolves once the first lists are there. */
  start(): Promise<void>;
  /** What is known of a Job by its name. */
  get(job: string): Watched;
  /** Takes in what an answer said, where that is newer than what is known. */
  saw(job: Job): void;
  forget(job: string): void;
  /** Until something changed about the Job, the time is over, or the signal aborts. */
  changed(job: string, milliseconds: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

export interface WatcherOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly selector: string;
  readonly report: (message: string, error?: unknown) => void;
}

export function createJobWatcher({ cluster, namespace, selector, report }: WatcherOptions): JobWatcher {
  const jobs = new Map<string, Job>();
  const pods = new Map<string, Pod>();
  const listeners = new Map<string, Set<() => void>>();
  const stopping = new AbortController();
  let started: Promise<void> | undefined;

  const tell = (job: string): void => {
    for (const listener of [...(listeners.get(job) ?? [])]) listener();
  };

  async function follow<T extends { readonly metadata: ObjectMeta }>(
    path: string,
    known: Map<string, T>,
    jobOf: (object: T) => string,
    listed: () => void,
  ): Promise<void> {
    const { signal } = stopping;
    let version: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      try {
        version ??= await list(path, known, jobOf);
        listed();
        version = await watch(path, version, known, jobOf);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const gone = hasStatus(error, 410);
        if (gone) version = undefined;
        else {
          failures += 1;
          if (failures === 3) report(`the cluster does not tell of its Jobs (${path}); it is asked again`, error);
        }
        // Not all daemons at once after a server came back.
        const retryAfter = error instanceof ClusterError ? (error.retryAfterMs ?? 0) : 0;
        await pause(gone ? 50 : Math.max(retryAfter, Math.min(10_000, 200 * 2 ** failures)), signal);
      }
    }
  }

  async function list<T extends { readonly metadata: ObjectMeta }>(
    path: string,
    known: Map<string, T>,
    jobOf: (object: T) => string,
  ): Promise<string> {
    const found = new Map<string, T>();
    let token: string | undefined;
    let version: string;
    do {
      const query = { labelSelector: selector, limit: PAGE, continue: token };
      const page = (await cluster.call({ path, query, signal: stopping.signal })) as List<T>;
      for (const item of page.items) found.set(item.metadata.name, item);
      token = page.metadata.continue || undefined;
      version = page.metadata.resourceVersion;
    } while (token !== undefined);
    const touched = new Set<string>();
    for (const [name, object] of known) {
      if (!found.has(name)) {
        known.delete(name);
        touched.add(jobOf(object));
      }
    }
    for (const [name, object] of found) {
      known.set(name, object);
      touched.add(jobOf(object));
    }
    for (const job of touched) tell(job);
    return version;
  }

  /** Answers the version to go on from. */
  async function watch<T extends { readonly metadata: ObjectMeta }>(
    path: string,
    from: string,
    known: Map<string, T>,
    jobOf: (object: T) => string,
  ): Promise<string> {
    const query = {
      watch: true,
      labelSelector: selector,
      resourceVersion: from,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_SECONDS,
    };
    const body = await cluster.stream(path, query, stopping.signal, SILENT_MS);
    let version = from;
    try {
      for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
        const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: T };
        if (type === 'ERROR') {
          const { code, reason, message } = object as unknown as { code?: number; reason?: string; message?: string };
          throw new ClusterError({ status: code ?? 500, reason: reason ?? '', message: message ?? 'the watch failed' });
        }
        version = object.metadata.resourceVersion ?? version;
        if (type === 'BOOKMARK') continue;
        if (type === 'DELETED') known.delete(object.metadata.name);
        else known.set(object.metadata.name, object);
        tell(jobOf(object));
      }
    } catch (error) {
      // A line that broke off is asked for again.
      if (!(error instanceof ClusterError)) return version;
      throw error;
    } finally {
      body.destroy();
    }
    return version;
  }

  return {
    start: () => {
      started ??= new Promise<void>((resolve) => {
        let missing = 2;
        const listed = (): (() => void) => {
          let first = true;
          return () => {
            if (!first) return;
            first = false;
            missing -= 1;
            if (missing === 0) resolve();
          };
        };
        stopping.signal.addEventListener('abort', () => resolve(), { once: true });
        void follow(`/apis/batch/v1/namespaces/${namespace}/jobs`, jobs, (job) => job.metadata.name, listed());
        void follow(
          `/api/v1/namespaces/${namespace}/pods`,
          pods,
          (pod) => pod.metadata.labels?.[JOB_OF_POD] ?? '',
          listed(),
        );
      });
      return started;
    },
    get: (job) => ({
      job: jobs.get(job),
      pods: [...pods.values()].filter((pod) => pod.metadata.labels?.[JOB_OF_POD] === job),
    }),
    saw: (job) => {
      if (!jobs.has(job.metadata.name)) jobs.set(job.metadata.name, job);
    },
    forget: (job) => {
      jobs.delete(job);
    },
    changed: async (job, milliseconds, signal) => {
      const change = new AbortController();
      const set = listeners.get(job) ?? new Set();
      const listener = (): void => change.abort();
      set.add(listener);
      listeners.set(job, set);
      await pause(milliseconds, AbortSignal.any([signal, change.signal]));
      set.delete(listener);
      if (set.size === 0) listeners.delete(job);
    },
    stop: () => stopping.abort(),
  };
}
