/** How pods of an environment are made, and what a task says otherwise. */
import type { KubernetesSpec, KubernetesTaskSpec, TolerationSpec } from '../../../spec/schema-types.ts';

export interface PodSettings {
  readonly image: string | undefined;
  readonly imagePullPolicy: string | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly serviceAccount: string | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly TolerationSpec[];
  readonly queue: string | undefined;
  readonly priorityClass: string | undefined;
  readonly runtimeClass: string | undefined;
  readonly gpuResource: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Values from Secret objects that are there: variable to object and key. */
  readonly secretEnv: Readonly<Record<string, { readonly name: string; readonly key: string }>>;
  /** Number of the account that programs run as; `image`: as the image says. */
  readonly runAsUser: number | 'image';
}

export const DEFAULT_GPU_RESOURCE = 'nvidia.com/gpu';
export const DEFAULT_USER = 1000;

/** What the task says counts; labels, selectors and the like are joined, tolerations are added. */
export function podSettings(environment: KubernetesSpec, task: KubernetesTaskSpec | undefined): PodSettings {
  return {
    image: task?.image ?? environment.image,
    imagePullPolicy: task?.imagePullPolicy ?? environment.imagePullPolicy,
    imagePullSecrets: environment.imagePullSecrets ?? [],
    serviceAccount: task?.serviceAccount ?? environment.serviceAccount,
    nodeSelector: { ...environment.nodeSelector, ...task?.nodeSelector },
    tolerations: [...(environment.tolerations ?? []), ...(task?.tolerations ?? [])],
    queue: task?.queue ?? environment.queue,
    priorityClass: task?.priorityClass ?? environment.priorityClass,
    runtimeClass: task?.runtimeClass ?? environment.runtimeClass,
    gpuResource: task?.gpuResource ?? environment.gpuResource ?? DEFAULT_GPU_RESOURCE,
    labels: { ...environment.labels, ...task?.labels },
    annotations: { ...environment.annotations, ...task?.annotations },
    secretEnv: { ...environment.secretEnv, ...task?.secretEnv },
    runAsUser: task?.runAsUser ?? environment.runAsUser ?? DEFAULT_USER,
  };
}
