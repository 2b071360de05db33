/** An orchestrator on a real store, with services that are objects of optional functions. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../src/lib/canonical.ts';
import type { JsonObject } from '../../src/lib/json.ts';
import {
  createOrchestrator,
  type Orchestrator,
  type OrchestratorOptions,
} from '../../src/orchestrator/orchestrator.ts';
import type { OperatorServices } from '../../src/orchestrator/services.ts';
import type { CanonicalPipeline, CanonicalTask } from '../../src/spec/canonical-specs.ts';
import type { RunCause, RunRecord, RunStore, TaskRecord } from '../../src/stores/control/runs.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createPostgresBackfills } from '../../src/stores/postgres/postgres-backfills.ts';
import { createPostgresBreakers } from '../../src/stores/postgres/postgres-breakers.ts';
import { createPostgresDeferrals } from '../../src/stores/postgres/postgres-deferrals.ts';
import { createPostgresRunArtifacts } from '../../src/stores/postgres/postgres-run-artifacts.ts';
import { createPostgresRunFeed } from '../../src/stores/postgres/postgres-run-feed.ts';
import { createPostgresRunFigures } from '../../src/stores/postgres/postgres-run-figures.ts';
import { createPostgresRuns } from '../../src/stores/postgres/postgres-runs.ts';
import { createPostgresTaskCache } from '../../src/stores/postgres/postgres-task-cache.ts';
import { createPostgresTriggers } from '../../src/stores/postgres/postgres-triggers.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { type FakeCatalog, fakeCatalog } from './fake-catalog.ts';

export const MANUAL: RunCause = { kind: 'manual', who: 'ada', schedule: null, instant: null };

export type Services = Partial<OperatorServices>;

export interface Rig {
  readonly db: Database;
  readonly scopeId: number;
  readonly runs: RunStore;
  readonly catalog: FakeCatalog;
  readonly workdir: string;
  /** Content by digest: what bundles' files are taken from. */
  file(content: string): Promise<string>;
  open(options?: Omit<Partial<OrchestratorOptions>, 'services'> & { readonly services?: Services }): Orchestrator;
  close(): Promise<void>;
}

export async function openRig(
  connectionString: string,
  options: { readonly leaseSeconds?: number } = {},
): Promise<Rig> {
  const db = openDatabase({ connectionString });
  const scopeId = await ensureScope(db, { project: 'tests', environment: randomUUID() });
  const runs = createPostgresRuns(db, scopeId, { connectionString, ...options });
  const catalog = fakeCatalog();
  const workdir = await mkdtemp(join(tmpdir(), 'mlops runs '));
  const opened: Orchestrator[] = [];
  const artifactFile = (digest: string): string => join(workdir, digest);
  return {
    db,
    scopeId,
    runs,
    catalog,
    workdir,
    file: async (content) => {
      const digest = sha256(content);
      await writeFile(artifactFile(digest), content);
      return digest;
    },
    open: (more = {}) => {
      const orchestrator = createOrchestrator({
        runs,
        backfills: createPostgresBackfills(db, scopeId),
        deferrals: createPostgresDeferrals(db, scopeId),
        runArtifacts: createPostgresRunArtifacts(db, scopeId),
        triggers: createPostgresTriggers(db, scopeId),
        breakers: createPostgresBreakers(db, scopeId),
        taskCache: createPostgresTaskCache(db, scopeId),
        runFeed: createPostgresRunFeed(db, scopeId),
        runFigures: createPostgresRunFigures(db, scopeId),
        catalog,
        artifacts: {
          localPath: async (digest) => artifactFile(digest),
          has: async (digest) => (existsSync(artifactFile(digest)) ? { digest, bytes: 0 } : undefined),
        },
        workdir,
        variables: process.env,
        random: () => 1,
        killGraceMs: 500,
        capacity: { cpu: 64, memoryBytes: 2 ** 36, gpu: 0 },
        ...more,
        services: {
          artifactFile: async (digest: string) => artifactFile(digest),
          storeFile: async (path: string) => {
            const content = await readFile(path);
            const digest = sha256(content);
            await writeFile(artifactFile(digest), content);
            return { digest, bytes: content.length };
          },
          ...more.services,
        } as OperatorServices,
      });
      opened.push(orchestrator);
      return orchestrator;
    },
    close: async () => {
      await Promise.all(opened.map((orchestrator) => orchestrator.close()));
      await db.close();
      await rm(workdir, { recursive: true, force: true });
    },
  };
}

type TaskInput = Partial<Omit<CanonicalTask, 'operator'>> & {
  readonly operator?: CanonicalTask['operator'];
} & JsonObject;

/** Tasks without an operator are data_ingestion of a source with the task's name: what a test's services see. */
export function pipelineOf(
  tasks: Readonly<Record<string, TaskInput>>,
  more: Partial<CanonicalPipeline> = {},
): CanonicalPipeline {
  return {
    name: 'p',
    ...more,
    tasks: Object.fromEntries(
      Object.entries(tasks).map(([name, task]) => [
        name,
        { operator: 'data_ingestion', source: name, needs: [], ...task } as unknown as CanonicalTask,
      ]),
    ),
  };
}

/** Ingestion by what a test says for each source; else it succeeds at once. */
export function ingesting(
  behaviours: Readonly<
    Record<
      string,
      (context: { readonly signal: AbortSignal; readonly log: (line: string) => void }) => Promise<void> | void
    >
  > = {},
): Services {
  return {
    ingest: async (source, context) => {
      await behaviours[source]?.(context);
      return { source, digest: sha256(source), rows: 1, bytes: 1, changed: true };
    },
  };
}

export interface Wait {
  /** Default 20,000. */
  readonly limitMs?: number;
  /** Default 15. */
  readonly everyMs?: number;
}

/** Waits for a condition. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { limitMs = 20_000, everyMs = 15 }: Wait = {},
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as T;
    if (performance.now() > deadline) throw new Error(`it never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The run once it is at its end. */
export async function ended(
  orchestrator: Pick<Orchestrator, 'get'>,
  runId: string,
  wait: Wait = {},
): Promise<RunRecord> {
  return until(
    `run ${runId} ends`,
    async () => {
      const run = await orchestrator.get(runId);
      return run !== undefined && run.finishedAt !== null && run;
    },
    wait,
  );
}

export function statuses(run: RunRecord): Readonly<Record<string, TaskRecord['status']>> {
  return Object.fromEntries(run.tasks.map((task) => [task.name, task.status]));
}

export function taskOf(run: RunRecord, name: string): TaskRecord {
  const task = run.tasks.find((other) => other.name === name);
  if (task === undefined) throw new Error(`no task ${name}`);
  return task;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
