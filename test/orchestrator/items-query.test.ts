// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates are what tasks hold
/** Tasks that run once for each row of a query over the offline store. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/lib/json.ts';
import type { runOperator } from '../../src/orchestrator/operators/operators.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { type FeatureStore, openFeatureStore, writeCsv } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { emptyProject, until } from '../support/project.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

describe.each(offlineBackends)('items of a query: $name', ({ name, open }) => {
  let directory: TemporaryDirectory;
  let opened: OpenOffline;
  let store: FeatureStore;
  let rig: Rig;
  let orchestrator: Orchestrator;
  let seen: (JsonValue | undefined)[];
  beforeEach(async () => {
    directory = await temporaryDirectory();
    opened = await open(directory.path);
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => ({ source: [{ name: 'regions', file: 'regions.csv' }] }),
      scope: `items-${name}-${Math.random()}`,
      offline: opened.store,
    });
    rig = await openRig(database.connectionString);
    seen = [];
    const operate: typeof runOperator = async (_, { item, index }) => {
      seen[index ?? 0] = item;
      return {};
    };
    orchestrator = rig.open({
      runOperator: operate,
      maxTasks: 1_000,
      services: { rows: (request, context) => store.features.rows({ ...request, pipeline: 'p' }, context) },
    });
    await orchestrator.worker.start();
  });
  afterEach(async () => {
    await rig.close();
    await store.close();
    await opened.close();
    await directory.remove();
  });

  const submit = async (query: unknown, params = {}) => {
    const task = { forEach: { query } } as never;
    const pipeline = pipelineOf({ each: task }, { params: { least: 0 } });
    return (await orchestrator.submit({ pipeline, params, cause: MANUAL })).runId;
  };
  const run = async (query: unknown, params = {}, wait = {}) => ended(orchestrator, await submit(query, params), wait);

  it('are its rows, in its order, with the values of the run in their places; what was read is recorded', async () => {
    await writeCsv(join(directory.path, 'regions.csv'), ['region', 'people', 'since'], [
      ['north', 5, '2024-01-31'],
      ["it's south", '90071992547409931', null],
      ['west', 1, '2024-02-01'],
    ] as never);
    const { digest } = await store.features.ingest('regions', store.call);
    const made = await run('select * from regions where people > ${{ params.least }} order by people -- the end', {
      least: 1,
    });
    expect(taskOf(made, 'each')).toMatchObject({ status: 'succeeded', items: { total: 2, open: 0, failed: 0 } });
    expect(seen).toEqual([
      { region: 'north', people: 5, since: '2024-01-31' },
      { region: "it's south", people: '90071992547409931', since: null },
    ]);
    const log = await collect(orchestrator.logs(made.runId, 'each', { signal: AbortSignal.timeout(5000) }));
    expect(log.join('')).toBe(`2 items from regions (snapshot ${digest.slice(0, 12)})\n`);
    expect(taskOf(await run('select * from regions where people < 0'), 'each')).toMatchObject({
      status: 'succeeded',
      outputs: [],
    });
  });

  it('may be given to each store in its own dialect', async () => {
    const made = await run({ duckdb: "select 'duckdb' as on_store", postgres: "select 'postgres' as on_store" });
    expect(taskOf(made, 'each').status).toBe('succeeded');
    expect(seen).toEqual([{ on_store: name }]);
  });

  it('that are too many, or of a query that fails, fail the task and say why', async () => {
    const error = async (query: string) => taskOf(await run(query), 'each').error;
    expect(await error('select i from generate_series(1, 100001) as t(i)')).toMatch(/^PL207 .*more than 100000 items/);
    expect(await error('select nothing from regions_of_old')).toMatch(/^SP20/);
    expect(await error("select cast(x as integer) as x from (select 'a' as x) t")).toMatch(/^(PL207|SP204|SP206) /);
    expect(await error("select i, repeat('x', 1000) as x from generate_series(1, 70000) as t(i)")).toMatch(
      /^PL207 .*64 MiB/,
    );
  });

  if (name === 'duckdb')
    it('may be 100,000, each run once', { timeout: 180_000 }, async () => {
      const began = performance.now();
      const made = await run(
        'select i, i * 2 as doubled from generate_series(0, 99999) as t(i)',
        {},
        { limitMs: 170_000, everyMs: 1000 },
      );
      expect(taskOf(made, 'each')).toMatchObject({
        status: 'succeeded',
        items: { total: 100_000, open: 0, failed: 0 },
      });
      expect(seen).toHaveLength(100_000);
      expect(seen.every((item, i) => JSON.stringify(item) === JSON.stringify({ i, doubled: i * 2 }))).toBe(true);
      console.info(`100,000 items found, recorded and drained in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    });
});

describe('a daemon that is killed in the middle of a fan-out', { timeout: 180_000 }, () => {
  const project = emptyProject('items of a query');
  afterAll(() => project.remove(), 60_000);
  const write = (file: string, text: string): void => writeFileSync(join(project.folder, file), text);
  const ITEMS = 60;
  const numbers = (from: number): string =>
    `n\n${Array.from({ length: ITEMS }, (_, i) => String(from + i)).join('\n')}\n`;

  it('leaves the items as they were found: each is done, none twice at its end, whatever the source holds now', async () => {
    const ran = join(project.folder, 'ran.txt');
    write('numbers.csv', numbers(0));
    write(
      'mlops.config.yaml',
      `
project: fan
resources:
  - { kind: Source, name: numbers, file: numbers.csv }
  - kind: Pipeline
    name: fan
    tasks:
      ingest: { operator: data_ingestion }
      each:
        operator: command
        command: 'sleep 0.1; echo "\${{ item.n }}" >> "${ran}"; echo "{\\"n\\": \${{ item.n }}}" > "$MLOPS_OUTPUTS"'
        forEach: { query: select n from numbers order by n }
        concurrency: 4
`,
    );
    const applied = await project.mlops(['apply', '--yes']);
    expect(applied.code, applied.stdout + applied.stderr).toBe(0);
    const lines = (): readonly string[] => (existsSync(ran) ? readFileSync(ran, 'utf8').trim().split('\n') : []);
    let daemon = await project.daemon();
    const started = await project.mlops(['run', 'fan', '--json']);
    const { run_id: runId } = JSON.parse(started.stdout);
    await until(async () => lines().length >= 15);
    daemon.kill('SIGKILL');
    await daemon.ended;
    expect(lines().length).toBeLessThan(ITEMS);
    write('numbers.csv', numbers(1000));
    daemon = await project.daemon();
    const run = await until(async () => {
      const shown = JSON.parse((await project.mlops(['runs', 'show', runId, '--json'])).stdout);
      return shown.finished_at === null ? undefined : shown;
    }, 120_000);
    daemon.kill('SIGTERM');
    await daemon.ended;
    expect(run.status).toBe('succeeded');
    const each = run.tasks.find((task: { name: string }) => task.name === 'each');
    expect(each.outputs).toEqual(Array.from({ length: ITEMS }, (_, n) => ({ n })));
    expect(new Set(lines())).toEqual(new Set(Array.from({ length: ITEMS }, (_, n) => String(n))));
    // Those that were under way when it died ran again; nothing else did.
    expect(lines().length).toBeLessThanOrEqual(ITEMS + 4);
  });
});
