/**
 * Attempts whose program runs outside of the worker's machine, such as a Job in a cluster: it outlives its worker, and another
 * worker takes the attempt over under the same number. A part of the run store.
 */
import type { JsonObject } from '../../lib/json.ts';
import type { Lease, LeaseRef, LogChunk, WorkerIdentity } from './leases.ts';

export interface ExternalJob {
  readonly kind: 'kubernetes';
  readonly namespace: string;
  readonly name: string;
  /** It is there. False: it is about to be made. */
  readonly made: boolean;
}

/** A lease taken over from a worker that is gone, with what that left. */
export interface AdoptedLease extends Lease {
  readonly job: ExternalJob;
  /** Chunks of the log that are written. */
  readonly logChunks: number;
  /** Characters of the log that are written. */
  readonly logCharacters: number;
  /** How far the job's own log was taken; null where nothing was. */
  readonly logPosition: JsonObject | null;
}

export interface ExternalWorkStore {
  /** Stands on everything that is made outside, and tells the control stores apart that use one cluster. */
  externalOwner(): Promise<string>;
  /** The intent to make the job, and then that it is made. False: the lease is lost, do not. */
  recordExternal(lease: LeaseRef, workerId: string, job: ExternalJob): Promise<boolean>;
  /** Gives the lease up at once, the job being left running: whoever comes next adopts it. */
  handOver(lease: LeaseRef, workerId: string): Promise<void>;
  /** Leases on attempts with a job outside whose worker is gone. No two calls get the same one. */
  adopt(worker: WorkerIdentity, limit: number): Promise<readonly AdoptedLease[]>;
  /** As `appendLog`, with how far the job's log is taken then; of a worker that lost its lease nothing is taken. */
  appendExternalLog(
    lease: LeaseRef,
    workerId: string,
    chunks: readonly LogChunk[],
    position: JsonObject | null,
  ): Promise<void>;
  /** Which of these attempts are under way. */
  underWay(attempts: readonly LeaseRef[]): Promise<readonly LeaseRef[]>;
}
