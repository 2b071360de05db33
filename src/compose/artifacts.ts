/** The artifact stores of an environment: the bucket that its settings name, or files of the project. What speaks to S3 is loaded only when it is used. */
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { type EnvRef, resolveEnv } from '../lib/secret.ts';
import { durationMs, sizeBytes } from '../lib/units.ts';
import type { S3Spec } from '../spec/schema-types.ts';
import type { ArtifactHealth, RemovableArtifacts } from '../stores/artifacts.ts';
import type { S3Settings } from '../stores/s3/settings.ts';
import { runFilesIn } from './run-files.ts';
import type { Settings } from './settings.ts';

const DEFAULT_PREFIX = 'mlops';
const DEFAULT_TIMEOUT = '10s';
const DEFAULT_CACHE = '10Gi';

export interface ArtifactStores {
  readonly artifacts: RemovableArtifacts;
  /** Files that tasks of runs left. */
  readonly runFiles: RemovableArtifacts;
  /** Throws what is wrong. */
  check(): Promise<ArtifactHealth>;
  close(): Promise<void>;
}

/** SP110 where a variable is not set, ST143 where the settings cannot be used. */
export async function openArtifacts(settings: Settings, folder: string): Promise<ArtifactStores> {
  const s3 = settings.spec.artifacts?.s3;
  const { createFilesystemArtifacts } = await import('../stores/filesystem/filesystem-artifacts.ts');
  return s3 === undefined
    ? filesIn(folder, settings.environment, createFilesystemArtifacts)
    : objectsOf(s3, settings, folder, createFilesystemArtifacts);
}

type Files = (options: { readonly directory: string }) => RemovableArtifacts;

function filesIn(folder: string, environment: string, createFilesystemArtifacts: Files): ArtifactStores {
  const directory = join(folder, 'artifacts');
  const artifacts = createFilesystemArtifacts({ directory });
  const own = createFilesystemArtifacts({ directory: join(folder, 'run-files', environment) });
  return {
    artifacts,
    runFiles: runFilesIn(own, artifacts),
    check: async () => {
      try {
        await mkdir(directory, { recursive: true });
        await access(directory, constants.W_OK);
      } catch (cause) {
        throw new MlopsError('ST104', {
          detail: `The folder of artifacts ${directory} cannot be written.`,
          hint: 'give this user the right to write there',
          cause,
        });
      }
      return { detail: `files in ${directory}`, warnings: [] };
    },
    close: async () => {},
  };
}

async function objectsOf(
  spec: S3Spec,
  { project, environment }: Settings,
  folder: string,
  createFilesystemArtifacts: Files,
): Promise<ArtifactStores> {
  const [{ createS3Artifacts }, { createLocalCopies }] = await Promise.all([
    import('../stores/s3/s3-artifacts.ts'),
    import('../stores/s3/local-copies.ts'),
  ]);
  const settings = s3Settings(spec, process.env);
  const open = (what: 'artifacts' | 'run-files') => {
    const directory = join(folder, 'cache', 's3', environment, what);
    const prefix = `${settings.prefix}${project}/${environment}/${what}/`;
    const copies = createLocalCopies(createFilesystemArtifacts({ directory }), {
      directory,
      mostBytes: sizeBytes(spec.cache ?? DEFAULT_CACHE),
      now: () => systemClock.now().getTime(),
    });
    return createS3Artifacts({ settings: { ...settings, prefix }, spool: join(directory, 'spool'), copies });
  };
  const [artifacts, runFiles] = [open('artifacts'), open('run-files')];
  return {
    artifacts,
    runFiles,
    check: () => artifacts.check(),
    close: async () => {
      await Promise.all([artifacts.close(), runFiles.close()]);
    },
  };
}

/** With every secret resolved: never log it. */
export function s3Settings(spec: S3Spec, variables: Readonly<Record<string, string | undefined>>): S3Settings {
  const secret = (value: string | EnvRef | undefined): string | undefined =>
    value === undefined ? undefined : resolveEnv(value, variables);
  const endpoint = secret(spec.endpoint);
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint))
    throw new MlopsError('ST143', {
      detail: 'The endpoint of the artifact store is no URL like http://minio:9000.',
      hint: 'write artifacts.s3.endpoint with http:// or https://',
    });
  const [accessKeyId, secretAccessKey, sessionToken] = [
    secret(spec.accessKeyId),
    secret(spec.secretAccessKey),
    secret(spec.sessionToken),
  ];
  const prefix = spec.prefix ?? DEFAULT_PREFIX;
  return {
    bucket: spec.bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint,
    region: spec.region ?? (endpoint === undefined ? undefined : (variables['AWS_REGION'] ?? 'us-east-1')),
    pathStyle: spec.pathStyle ?? endpoint !== undefined,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    timeoutMs: durationMs(spec.timeout ?? DEFAULT_TIMEOUT),
  };
}
