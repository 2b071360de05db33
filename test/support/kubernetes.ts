/** A runner of Kubernetes Jobs for an orchestrator under test. */

import { join } from 'node:path';
import {
  createKubernetesRunner,
  type KubernetesRunner,
  type KubernetesRunnerOptions,
} from '../../src/orchestrator/runners/kubernetes/kubernetes-runner.ts';
import type { Rig } from './orchestrator.ts';

export function runnerFor(
  rig: Rig,
  kubeconfig: string,
  settings: KubernetesRunnerOptions['settings'],
  more: Partial<KubernetesRunnerOptions> = {},
): KubernetesRunner {
  return createKubernetesRunner({
    settings,
    kubeconfig: () => kubeconfig,
    variables: {},
    workdir: rig.workdir,
    artifactFile: async (digest) => join(rig.workdir, digest),
    owner: () => rig.runs.externalOwner(),
    underWay: (attempts) => rig.runs.underWay(attempts),
    killGraceMs: 1_000,
    report: () => {},
    sweepEveryMs: 500,
    ...more,
  });
}
