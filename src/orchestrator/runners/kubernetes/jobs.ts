/** Jobs of attempts in one namespace: made once, found again, removed. */
import { MlopsError } from '../../../lib/error.ts';
import { pause } from '../../../lib/pause.ts';
import type { Cluster } from './cluster.ts';
import { ClusterError, hasStatus } from './cluster-error.ts';
import { type JobRequest, jobManifest, type SecretRequest, secretManifest } from './manifest.ts';
import { type AttemptName, labelsOf, taskSelector } from './names.ts';
import type { ClusterEvent, Job, List, Pod } from './objects.ts';

export interface Jobs {
  /** Makes the Job, or adopts the one of that name where its labels say that it is this attempt's. PL231, PL232. */
  ensure(request: JobRequest, signal: AbortSignal): Promise<Job>;
  ensureSecret(request: SecretRequest, signal: AbortSignal): Promise<void>;
  /** Undefined where there is none. */
  get(name: string, signal: AbortSignal): Promise<Job | undefined>;
  /** Undefined where there is none, or one that is not this attempt's. */
  owned(attempt: AttemptName, name: string, signal: AbortSignal): Promise<Job | undefined>;
  podsOf(name: string, signal: AbortSignal): Promise<readonly Pod[]>;
  /** The newest warning about a Job. */
  warningOf(name: string, signal: AbortSignal): Promise<string | undefined>;
  list(selector: string, signal?: AbortSignal): Promise<readonly Job[]>;
  /** Its pods are asked to end first. True where it was there. */
  remove(name: string, signal?: AbortSignal): Promise<boolean>;
  /** Removes Jobs of other attempts at the task and waits until they are gone: two of a task must not run. */
  removeOthers(name: AttemptName, own: string, signal: AbortSignal): Promise<void>;
}

export function jobsIn(cluster: Cluster, namespace: string): Jobs {
  const jobsPath = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const core = `/api/v1/namespaces/${namespace}`;

  async function get(name: string, signal: AbortSignal): Promise<Job | undefined> {
    try {
      return (await cluster.patiently({ path: `${jobsPath}/${name}`, signal })) as Job;
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async function list(selector: string, signal?: AbortSignal): Promise<readonly Job[]> {
    const found: Job[] = [];
    let token: string | undefined;
    do {
      const query = { labelSelector: selector, limit: 500, continue: token };
      const page = (await cluster.patiently({ path: jobsPath, query, signal })) as List<Job>;
      found.push(...page.items);
      token = page.metadata.continue || undefined;
    } while (token !== undefined);
    return found;
  }

  async function remove(name: string, signal?: AbortSignal): Promise<boolean> {
    try {
      await cluster.patiently({
        method: 'DELETE',
        path: `${jobsPath}/${name}`,
        query: { propagationPolicy: 'Foreground' },
        signal,
      });
      return true;
    } catch (error) {
      if (hasStatus(error, 404)) return false;
      throw error;
    }
  }

  return {
    get,
    list,
    remove,
    ensure: async (request, signal) => {
      const name = request.objectName;
      try {
        return (await cluster.patiently({ method: 'POST', path: jobsPath, body: jobManifest(request), signal })) as Job;
      } catch (error) {
        if (!hasStatus(error, 409)) throw refused(error, `make the Job ${name}`, request);
      }
      const found = await get(name, signal);
      if (found !== undefined && isOf(request.name, found)) return found;
      if (found === undefined)
        throw new ClusterError({ status: null, reason: 'NotFound', message: `the Job ${name} is there and is not` });
      throw new MlopsError('PL232', {
        detail: `In namespace ${namespace} there is a Job ${name} that is not of this attempt.`,
        hint: `look at it (kubectl -n ${namespace} get job ${name} -o yaml) and remove it`,
        address: `pipeline.${request.name.pipeline}`,
      });
    },
    ensureSecret: async (request, signal) => {
      const path = `${core}/secrets`;
      try {
        await cluster.patiently({ method: 'POST', path, body: secretManifest(request), signal });
      } catch (error) {
        if (!hasStatus(error, 409)) throw refused(error, `make the Secret ${request.objectName}`, request);
      }
    },
    owned: async (attempt, name, signal) => {
      const found = await get(name, signal);
      return found !== undefined && isOf(attempt, found) ? found : undefined;
    },
    podsOf: async (name, signal) => {
      const query = { labelSelector: `batch.kubernetes.io/job-name=${name}` };
      return ((await cluster.patiently({ path: `${core}/pods`, query, signal })) as List<Pod>).items;
    },
    warningOf: async (name, signal) => {
      const query = { fieldSelector: `involvedObject.kind=Job,involvedObject.name=${name},type=Warning` };
      const { items } = (await cluster.call({ path: `${core}/events`, query, signal })) as List<ClusterEvent>;
      return items.reduce<ClusterEvent | undefined>(
        (last, event) => ((event.lastTimestamp ?? '') >= (last?.lastTimestamp ?? '') ? event : last),
        undefined,
      )?.message;
    },
    removeOthers: async (name, own, signal) => {
      for (;;) {
        const others = (await list(taskSelector(name), signal)).filter(({ metadata }) => metadata.name !== own);
        if (others.length === 0) return;
        for (const { metadata } of others)
          if (metadata.deletionTimestamp === undefined) await remove(metadata.name, signal);
        await pause(500, signal);
        signal.throwIfAborted();
      }
    },
  };
}

function isOf(attempt: AttemptName, { metadata }: Job): boolean {
  return Object.entries(labelsOf(attempt)).every(([key, value]) => metadata.labels?.[key] === value);
}

/** What the API server refuses for good is the task's or the environment's fault, said in its own words. */
function refused(error: unknown, what: string, { name, namespace }: { name: AttemptName; namespace: string }): unknown {
  if (!(error instanceof ClusterError) || error.status === null || error.status === 429 || error.status >= 500)
    return error;
  const hint =
    error.status === 403
      ? `let the daemon's account create, get, list, watch and delete jobs and secrets, and read pods, pods/log and events in ${namespace}`
      : error.status === 404
        ? `make the namespace: kubectl create namespace ${namespace}`
        : 'mend what it names, in the task or in runner.kubernetes of the environment';
  return new MlopsError('PL231', {
    detail: `The cluster refuses to ${what} in namespace ${namespace}: ${error.message}`,
    hint,
    address: `pipeline.${name.pipeline}`,
    cause: error,
  });
}
