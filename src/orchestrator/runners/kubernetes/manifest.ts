/**
 * The Job and the Secret of an attempt. Pure.
 *
 * The image needs nothing but the program: files come by volumes, and the program's outputs go back as the container's
 * termination message. Whatever could be a secret stands in the Secret alone, which goes with its Job.
 */
import { durationMs, sizeBytes } from '../../../lib/units.ts';
import type { Resources } from '../../../spec/schema-types.ts';
import { type AttemptName, labelsOf, PIPELINE_ANNOTATION, TASK_ANNOTATION } from './names.ts';
import type { PodSettings } from './pod-settings.ts';

export const CONTAINER = 'task';
export const WORK_PATH = '/mlops/work';
export const IO_PATH = '/mlops/io';
export const OUTPUTS_PATH = '/mlops/outputs.json';
const QUEUE_LABEL = 'kueue.x-k8s.io/queue-name';

export interface PodProgram {
  readonly argv: readonly string[];
  /** Variables that may be seen. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose values stand in the attempt's Secret, under these keys. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Paths below the working directory, and the Secret's keys of their contents. */
  readonly workFiles: Readonly<Record<string, string>>;
  /** Names of files beside it, and the Secret's keys of their contents. */
  readonly ioFiles: Readonly<Record<string, string>>;
}

export interface JobRequest {
  readonly objectName: string;
  readonly name: AttemptName;
  readonly namespace: string;
  readonly image: string;
  readonly pod: PodSettings;
  readonly program: PodProgram;
  readonly resources: Resources | undefined;
  readonly timeout: string | undefined;
  readonly deadlineInMs: number | null;
  readonly killGraceMs: number;
  readonly keepFinishedMs: number;
}

export function jobManifest(request: JobRequest) {
  const { objectName, name, namespace, pod } = request;
  const labels = labelsOf(name);
  const annotations = { [TASK_ANNOTATION]: name.task, [PIPELINE_ANNOTATION]: name.pipeline };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: objectName,
      namespace,
      labels: { ...pod.labels, ...(pod.queue === undefined ? {} : { [QUEUE_LABEL]: pod.queue }), ...labels },
      annotations,
    },
    spec: {
      // Attempts are counted by the orchestrator: one Job is one attempt, one pod at a time.
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { containerName: CONTAINER, operator: 'NotIn', values: [0] } },
        ],
      },
      ...(pod.queue === undefined ? {} : { suspend: true }),
      ...(request.deadlineInMs === null
        ? {}
        : { activeDeadlineSeconds: Math.max(1, Math.ceil(request.deadlineInMs / 1000)) }),
      ttlSecondsAfterFinished: Math.ceil(request.keepFinishedMs / 1000),
      template: {
        metadata: { labels: { ...pod.labels, ...labels }, annotations: { ...pod.annotations, ...annotations } },
        spec: podSpec(request, objectName),
      },
    },
  };
}

function podSpec(request: JobRequest, secretName: string) {
  const { pod, program } = request;
  const paths = Object.entries(program.workFiles);
  const keys = Object.entries(program.ioFiles);
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: pod.serviceAccount !== undefined,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: Math.max(1, Math.ceil(request.killGraceMs / 1000)),
    // From the start of the pod: what it waits in the cluster's queue does not count.
    ...(request.timeout === undefined
      ? {}
      : { activeDeadlineSeconds: Math.max(1, Math.ceil(durationMs(request.timeout) / 1000)) }),
    ...(pod.serviceAccount === undefined ? {} : { serviceAccountName: pod.serviceAccount }),
    ...(pod.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: pod.imagePullSecrets.map((name) => ({ name })) }),
    ...(Object.keys(pod.nodeSelector).length === 0 ? {} : { nodeSelector: pod.nodeSelector }),
    ...(pod.tolerations.length === 0
      ? {}
      : {
          tolerations: pod.tolerations.map(({ tolerationSeconds, ...toleration }) => ({
            operator: toleration.value === undefined ? 'Exists' : 'Equal',
            ...toleration,
            ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
          })),
        }),
    ...(pod.priorityClass === undefined ? {} : { priorityClassName: pod.priorityClass }),
    ...(pod.runtimeClass === undefined ? {} : { runtimeClassName: pod.runtimeClass }),
    securityContext: {
      runAsNonRoot: true,
      ...(pod.runAsUser === 'image'
        ? {}
        : { runAsUser: pod.runAsUser, runAsGroup: pod.runAsUser, fsGroup: pod.runAsUser }),
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: CONTAINER,
        image: request.image,
        ...(pod.imagePullPolicy === undefined ? {} : { imagePullPolicy: pod.imagePullPolicy }),
        command: request.program.argv,
        workingDir: WORK_PATH,
        env: [
          { name: 'HOME', value: '/tmp' },
          ...Object.entries(program.env).map(([name, value]) => ({ name, value: escaped(value) })),
          ...Object.entries(program.secretEnv).map(([name, key]) => secretVariable(name, secretName, key)),
          ...Object.entries(pod.secretEnv).map(([name, ref]) => secretVariable(name, ref.name, ref.key)),
        ],
        resources: containerResources(request.resources, pod.gpuResource),
        // What the program writes there comes back with the state of the container, and needs no way from the pod to the daemon.
        terminationMessagePath: OUTPUTS_PATH,
        terminationMessagePolicy: 'File',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [
          { name: 'work', mountPath: WORK_PATH },
          { name: 'tmp', mountPath: '/tmp' },
          { name: 'io', mountPath: IO_PATH, readOnly: true },
          ...paths.map(([path, key]) => ({
            name: 'code',
            mountPath: `${WORK_PATH}/${path}`,
            subPath: key,
            readOnly: true,
          })),
        ],
      },
    ],
    volumes: [
      { name: 'work', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      {
        name: 'io',
        secret: { secretName, defaultMode: 0o444, items: keys.map(([file, key]) => ({ key, path: file })) },
      },
      ...(paths.length === 0
        ? []
        : [
            {
              name: 'code',
              secret: { secretName, defaultMode: 0o555, items: paths.map(([, key]) => ({ key, path: key })) },
            },
          ]),
    ],
  };
}

function secretVariable(name: string, secret: string, key: string) {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}

/** Kubernetes puts other variables in place of `$(NAME)`; a value is meant as it stands. */
function escaped(value: string): string {
  return value.replaceAll('$(', '$$(');
}

/** What is asked for is what is given, of memory and devices no more than that; of processors whatever else is idle. */
function containerResources(resources: Resources | undefined, gpuResource: string) {
  const { cpu, memory, gpu } = resources ?? {};
  const cores = cpu === 0 ? undefined : (cpu ?? 1);
  const bytes = memory === undefined ? 0 : sizeBytes(memory);
  const devices = gpu === undefined || gpu === 0 ? {} : { [gpuResource]: String(gpu) };
  const held = bytes === 0 ? {} : { memory: String(bytes) };
  return {
    requests: { ...(cores === undefined ? {} : { cpu: `${Math.ceil(cores * 1000)}m` }), ...held, ...devices },
    limits: { ...held, ...devices },
  };
}

export interface SecretRequest {
  readonly objectName: string;
  readonly name: AttemptName;
  readonly namespace: string;
  /** Of the Job, which takes it along when it goes. */
  readonly jobUid: string;
  /** Contents by key, base64. */
  readonly data: Readonly<Record<string, string>>;
}

export function secretManifest({ objectName, name, namespace, jobUid, data }: SecretRequest) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    immutable: true,
    metadata: {
      name: objectName,
      namespace,
      labels: labelsOf(name),
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          name: objectName,
          uid: jobUid,
          controller: false,
          blockOwnerDeletion: false,
        },
      ],
    },
    data,
  };
}
