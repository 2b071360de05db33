/** A daemon that is killed beside a Job that runs: the next one goes on with it, and makes no other. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, apiOf, clusterMissing, freshNamespace, itemsOf, KUBECONFIG } from '../../support/cluster.ts';
import { type Kubelet, startKubelet } from '../../support/kubelet.ts';
import { emptyProject, until } from '../../support/project.ts';

describe.skipIf(clusterMissing())('a daemon that is killed beside a live Job', { timeout: 360_000 }, () => {
  const project = emptyProject('killed beside a job');
  let api: Api;
  let kubelet: Kubelet;
  let namespace: string;
  beforeAll(async () => {
    api = apiOf();
    kubelet = await startKubelet(api);
    namespace = await freshNamespace(api);
  });
  afterAll(async () => {
    await project.remove();
    await kubelet.stop();
    await api.call('DELETE', `/api/v1/namespaces/${namespace}`);
  });
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await project.mlops(args, { env });
    expect(code, stdout + stderr).toBe(0);
    return stdout;
  };
  const env = { MLOPS_TEST_KUBECONFIG: KUBECONFIG };
  const jobs = async () => itemsOf(await api.call('GET', `/apis/batch/v1/namespaces/${namespace}/jobs`));

  it('is followed by one that adopts it, with its whole log and its end; no second Job was made', async () => {
    writeFileSync(
      join(project.folder, 'mlops.config.yaml'),
      `
project: killed
environments:
  dev:
    runner:
      kubernetes:
        namespace: ${namespace}
        kubeconfig: { $env: MLOPS_TEST_KUBECONFIG }
        image: local
        nodeSelector: ${JSON.stringify(kubelet.nodeSelector)}
resources:
  - kind: Pipeline
    name: long
    tasks:
      tick:
        operator: command
        command: 'i=0; while [ ! -e /tmp/never ] && [ $i -lt 300 ]; do i=$((i+1)); echo "tick $i"; sleep 0.2; done; echo "{\\"ticks\\": $i}" > "$MLOPS_OUTPUTS"'
`,
    );
    await run('apply', '--yes');
    const killed = await project.daemon(['--port', '0'], { env });
    const { run_id: runId } = JSON.parse(await run('run', 'long', '--json')) as { run_id: string };
    const log = async () => (await project.mlops(['runs', 'logs', runId, 'tick'], { env })).stdout;
    await until(async () => (await log()).includes('tick 3\n'));
    const [before, ...none] = await jobs();
    expect(none).toEqual([]);
    killed.kill('SIGKILL');
    await killed.ended;
    const next = await project.daemon(['--port', '0'], { env });
    const shown = await until(async () => {
      const found = JSON.parse(await run('runs', 'show', runId, '--json'));
      // One Job at all times, the one that was there.
      expect((await jobs()).filter(({ metadata }) => metadata.uid !== before?.['metadata'].uid)).toEqual([]);
      return found.finished_at === null ? undefined : found;
    }, 300_000);
    expect(shown.status).toBe('succeeded');
    expect(shown.tasks[0]).toMatchObject({ status: 'succeeded', attempt: 1, outputs: { ticks: 300 } });
    const ticks = (await log()).match(/^tick \d+$/gm);
    expect(ticks).toEqual(Array.from({ length: 300 }, (_, i) => `tick ${i + 1}`));
    expect(kubelet.started.filter((name) => name.startsWith(before?.['metadata'].name))).toHaveLength(1);
    next.kill('SIGTERM');
    await next.ended;
  });
});
