/** What Prometheus gets of a live daemon, held to the format, to the rules for names and to docs/metrics.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics, exposition, gauge, histogram } from '../../src/api/metrics.ts';
import { createScrape } from '../../src/api/scrape.ts';
import { createCounter, createHistogram } from '../../src/lib/instruments.ts';
import { createRecorder } from '../../src/orchestrator/figures.ts';
import { emptyProject, type TestDaemon, until } from '../support/project.ts';
import { lint, type MetricFamily, parseExposition } from '../support/prometheus.ts';
import { type HttpReceiver, httpReceiver } from '../support/receivers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('of a daemon', () => {
  const project = emptyProject('seen');
  let daemon: TestDaemon;
  let receiver: HttpReceiver;

  const scrape = async (): Promise<readonly MetricFamily[]> =>
    parseExposition(await (await fetch(`${daemon.url}/metrics`)).text());

  const figure = (families: readonly MetricFamily[], name: string, labels: Record<string, string> = {}) =>
    families
      .flatMap(({ samples }) => samples)
      .find(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      )?.value;

  beforeAll(async () => {
    receiver = await httpReceiver();
    writeFileSync(
      join(project.folder, 'mlops.yaml'),
      `project: seen
environments:
  dev:
    pools: { warehouse: 3 }
    notifications: { ops: { webhook: { url: "${receiver.url}/ops" } } }
    notify: [{ to: ops }]
    telemetry: { otlp: { endpoint: "${receiver.url}" }, openLineage: { url: "${receiver.url}" } }
resources:
  - kind: Pipeline
    name: nightly
    breaker: { failures: 1, pause: 1h }
    expect: { within: 1s }
    tasks:
      - { name: check, operator: command, command: "exit 3", pool: warehouse, retry: { limit: 1, backoff: { initial: 10ms, cap: 10ms } } }
  - kind: Pipeline
    name: slow
    expect: { within: 1s }
    tasks:
      - { name: wait, operator: command, command: "sleep 600", pool: warehouse }
      - { name: after, operator: command, command: "true", needs: [wait] }
`,
    );
    const applied = await project.mlops(['apply', '--yes', '--config', 'mlops.yaml']);
    expect(applied.code, applied.stderr).toBe(0);
    daemon = await project.daemon(['--port', '0', '--config', 'mlops.yaml']);
    for (const pipeline of ['nightly', 'slow'])
      await fetch(`${daemon.url}/api/v1/runs`, { method: 'POST', body: JSON.stringify({ pipeline }) });
  }, 120_000);

  afterAll(async () => {
    // Its task would be waited for.
    daemon?.kill('SIGKILL');
    await daemon?.ended;
    await project.remove();
    await receiver.close();
  }, 60_000);

  it('say what runs, what ended and how, what waits, and who was told', { timeout: 60_000 }, async () => {
    const families = await until(async () => {
      const found = await scrape();
      const done =
        (figure(found, 'mlops_notifications_sent_total', { channel: 'ops' }) ?? 0) > 0 &&
        figure(found, 'mlops_pipeline_late', { pipeline: 'slow' }) === 1 &&
        figure(found, 'mlops_telemetry_sent_total', { sink: 'otlp' }) === 3 &&
        (figure(found, 'mlops_telemetry_sent_total', { sink: 'open_lineage' }) ?? 0) >= 3;
      return done && found;
    });
    const nightly = { pipeline: 'nightly', operator: 'command' };
    expect({
      running: figure(families, 'mlops_runs', { status: 'running' }),
      tasks: ['pending', 'ready', 'waiting', 'running', 'retrying', 'deferred'].map((status) =>
        figure(families, 'mlops_tasks', { status }),
      ),
      ended: figure(families, 'mlops_runs_ended_total', { pipeline: 'nightly', status: 'failed' }),
      failed: figure(families, 'mlops_task_outcomes_total', { ...nightly, outcome: 'failed' }),
      retries: figure(families, 'mlops_task_retries_total', nightly),
      durations: figure(families, 'mlops_task_duration_seconds_count', nightly),
      dispatched: figure(families, 'mlops_task_dispatch_duration_seconds_count', { operator: 'command' }),
      pool: ['slots', 'slots_used', 'slots_waiting'].map((part) =>
        figure(families, `mlops_pool_${part}`, { pool: 'warehouse' }),
      ),
      breaker: figure(families, 'mlops_pipeline_breaker_state', { pipeline: 'nightly' }),
      late: figure(families, 'mlops_pipeline_late', { pipeline: 'nightly' }),
      queue: figure(families, 'mlops_task_queue_length'),
      used: figure(families, 'mlops_machine_cpu_cores_used'),
      workers: figure(families, 'mlops_workers'),
      up: ['control_store', 'online_store'].map((store) => figure(families, 'mlops_store_up', { store })),
      lineage: (figure(families, 'mlops_telemetry_sent_total', { sink: 'open_lineage' }) ?? 0) >= 3,
    }).toEqual({
      running: 1,
      tasks: [1, 0, 0, 1, 0, 0],
      ended: 1,
      failed: 2,
      retries: 1,
      durations: 2,
      dispatched: 3,
      pool: [3, 1, 0],
      breaker: 2,
      late: 0,
      queue: 0,
      used: 1,
      workers: 1,
      up: [1, 1],
      lineage: true,
    });
    expect(figure(families, 'mlops_scheduler_lag_seconds')).toBeLessThan(5);
    expect(
      figure(families, 'mlops_pipeline_last_end_timestamp_seconds', { pipeline: 'nightly', status: 'failed' }),
    ).toBeGreaterThan(1_700_000_000);
  });

  it('are right in their form and by the rules for names', async () => {
    const families = await scrape();
    expect(families.length).toBeGreaterThan(50);
    expect(lint(families)).toEqual([]);
    const collectors = families.find(({ name }) => name === 'mlops_scrape_collector_success');
    expect(collectors?.samples.filter(({ value }) => value !== 1)).toEqual([]);
  });

  it('are those that docs/metrics.md lists, with their types, labels and meanings', async () => {
    const families = await scrape();
    const listed = [
      ...readFileSync(join(root, 'docs/metrics.md'), 'utf8').matchAll(
        /^\| `(\w+)` \| (\w+) \| ?([^|]*?) ?\| (.+) \|$/gm,
      ),
    ].map(([, name = '', type = '', labels = '', means = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
      means,
    }));
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    expect(listed.map(({ name, type }) => ({ name, type })).sort(byName)).toEqual(
      families.map(({ name, type }) => ({ name, type })).sort(byName),
    );
    const wrong = families.flatMap(({ name, help, samples }) => {
      const entry = listed.find((one) => one.name === name);
      const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels).filter((label) => label !== 'le')));
      const words = help.replace(/[.:;,]$/, '').split(/[.:;,(]/)[0] ?? '';
      return [
        ...([...labels].every((label) => entry?.labels.includes(label)) ? [] : [`${name} has labels ${[...labels]}`]),
        ...(samples.length === 0 || entry?.labels.every((label) => labels.has(label)) ? [] : [`${name} lacks labels`]),
        ...(entry?.means.replaceAll('`', '').includes(words.replaceAll('`', '')) ? [] : [`${name} means: ${help}`]),
      ];
    });
    expect(wrong).toEqual([]);
  });

  it('are told in time while the control store does not answer, and say so', { timeout: 60_000 }, async () => {
    const postmaster = Number(
      readFileSync(join(project.folder, '.mlops/postgres/data/postmaster.pid'), 'utf8').split('\n')[0],
    );
    const server = children(postmaster);
    for (const pid of server) process.kill(pid, 'SIGSTOP');
    try {
      const begunAt = performance.now();
      const families = await scrape();
      expect(performance.now() - begunAt).toBeLessThan(2_000);
      expect(figure(families, 'mlops_store_up', { store: 'control_store' })).toBe(0);
      expect(figure(families, 'mlops_scrape_collector_success', { collector: 'runs' })).toBe(0);
      expect(figure(families, 'mlops_task_outcomes_total')).toBeGreaterThan(0);
      expect(lint(families)).toEqual([]);
    } finally {
      for (const pid of server) process.kill(pid, 'SIGCONT');
    }
    await until(async () => figure(await scrape(), 'mlops_store_up', { store: 'control_store' }) === 1);
  });
});

/** The server's own process and one for each connection. */
function children(parent: number): readonly number[] {
  const list = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8');
  return [parent, ...list.trim().split(' ').filter(Boolean).map(Number)];
}

describe('the text', () => {
  it('escapes what stands in labels and help', () => {
    const label = 'a "b" \\ c\nd';
    const families = parseExposition(
      exposition([gauge('mlops_x', 'one \\ two\nthree', [{ labels: { label }, value: Number.POSITIVE_INFINITY }])]),
    );
    expect(families).toEqual([
      {
        name: 'mlops_x',
        type: 'gauge',
        help: 'one \\ two\nthree',
        samples: [{ name: 'mlops_x', labels: { label }, value: Number.POSITIVE_INFINITY }],
      },
    ]);
  });

  it('has the buckets of a histogram as sums up to their bounds', () => {
    const observed = createHistogram([0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 7]) observed.observe({ of: 'x' }, value);
    const families = parseExposition(exposition([histogram('mlops_x_seconds', 'x', observed)]));
    expect(families[0]?.samples.map(({ labels, value }) => [labels['le'] ?? null, value])).toEqual([
      ['0.1', 2],
      ['1', 3],
      ['+Inf', 4],
      [null, 7.65],
      [null, 4],
    ]);
    expect(lint(families)).toEqual([]);
  });

  it('counts a request under its method, route and status', () => {
    const metrics = createMetrics();
    metrics.answered('GET', '/a', 200, 0.003);
    metrics.meter('GET', '/a')(200, 0.2);
    const [requests, durations] = parseExposition(exposition(metrics.families()));
    expect(requests?.samples).toEqual([
      { name: 'mlops_http_requests_total', labels: { method: 'GET', route: '/a', status: '200' }, value: 2 },
    ]);
    expect(durations?.samples.at(-1)?.value).toBe(2);
  });
});

it('a counter holds so many series, and the rest under `other`', () => {
  const counted = createCounter(2);
  for (const pipeline of ['a', 'b', 'c', 'd', 'a']) counted.add({ pipeline, outcome: 'failed' });
  expect(counted.list()).toEqual([
    { labels: { pipeline: 'a', outcome: 'failed' }, value: 2 },
    { labels: { pipeline: 'b', outcome: 'failed' }, value: 1 },
    { labels: { pipeline: 'other', outcome: 'other' }, value: 2 },
  ]);
});

it('the lag of the scheduler is how late its last round was, or how late the next one is', () => {
  let now = 0;
  const { scheduler, figures } = createRecorder(1_000, () => now);
  expect(figures.lagSeconds()).toBeNull();
  scheduler.begin()();
  now = 1_000;
  expect(figures.lagSeconds()).toBe(0);
  now = 5_000;
  expect(figures.lagSeconds()).toBe(4);
  scheduler.begin()();
  now = 5_500;
  expect(figures.lagSeconds()).toBe(4);
  now = 6_000;
  scheduler.begin()();
  expect(figures.lagSeconds()).toBe(0);
});

it('a part that hangs is not asked again while it does, and the others are told', async () => {
  let asked = 0;
  const scrape = createScrape(
    [
      {
        name: 'stuck',
        read: () => {
          asked += 1;
          return new Promise(() => {});
        },
      },
      { name: 'broken', read: () => Promise.reject(new Error('away')) },
      { name: 'well', read: async () => [gauge('mlops_x', 'x', [{ labels: {}, value: 1 }])] },
    ],
    20,
  );
  await scrape();
  const families = parseExposition(exposition(await scrape()));
  expect(asked).toBe(1);
  expect(
    families
      .find(({ name }) => name === 'mlops_scrape_collector_success')
      ?.samples.map(({ labels, value }) => [labels['collector'], value]),
  ).toEqual([
    ['stuck', 0],
    ['broken', 0],
    ['well', 1],
  ]);
  expect(families[0]?.name).toBe('mlops_x');
});
