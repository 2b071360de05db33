/** The cluster of an environment, where it names one. Nothing is connected to before a task needs it. */
import { join, resolve } from 'node:path';
import { resolveEnv } from '../lib/secret.ts';
import type { KubernetesRunner } from '../orchestrator/runners/kubernetes/kubernetes-runner.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { RunStore } from '../stores/control/runs.ts';
import type { Settings } from './settings.ts';

const KILL_GRACE_MS = 10_000;

export async function kubernetesOf(
  { spec, root, environment }: Settings,
  runs: RunStore,
  artifacts: ArtifactStore,
  { folder, report }: { readonly folder: string; readonly report: (message: string, error?: unknown) => void },
): Promise<KubernetesRunner | undefined> {
  const settings = spec.runner?.kubernetes;
  if (settings === undefined) return undefined;
  const { createKubernetesRunner } = await import('../orchestrator/runners/kubernetes/kubernetes-runner.ts');
  return createKubernetesRunner({
    settings,
    kubeconfig: () =>
      settings.kubeconfig === undefined ? undefined : resolve(root, resolveEnv(settings.kubeconfig, process.env)),
    variables: process.env,
    workdir: join(folder, 'work', environment),
    artifactFile: (digest) => artifacts.localPath(digest),
    owner: () => runs.externalOwner(),
    underWay: (attempts) => runs.underWay(attempts),
    killGraceMs: KILL_GRACE_MS,
    report,
  });
}
