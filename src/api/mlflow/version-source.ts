/**
 * Where the files of a new version come from, as MLflow's clients name it: a folder of a run, a logged model, another version, or a
 * place that the daemon does not keep.
 */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { ArtifactStore } from '../../stores/artifacts.ts';
import type { RegistryStore, VersionArtifact } from '../../stores/control/registry.ts';
import type { LoggedModel } from '../../stores/control/tracked-models.ts';
import type { TrackedRun } from '../../stores/control/tracking.ts';
import { pathOfUri } from '../../tracking/files.ts';
import type { Tracking } from '../../tracking/tracking.ts';
import { badValue } from './errors.ts';
import { knownModel } from './logged-models.ts';
import { readMlmodel, requirementsOf } from './mlmodel.ts';
import { runWith } from './runs.ts';

export interface VersionSource {
  readonly artifacts: readonly VersionArtifact[];
  readonly framework: string;
  readonly lineage: JsonObject;
  readonly metrics: Readonly<Record<string, number>>;
  readonly hyperparameters: JsonObject;
  readonly runId: string | null;
}

interface Asked {
  readonly source: string;
  readonly runId: string | undefined;
  readonly modelId: string | undefined;
}

const SMALL_FILE_BYTES = 2 ** 20;

export async function readSource(
  asked: Asked,
  parts: { readonly tracking: Tracking; readonly registry: RegistryStore; readonly artifacts: ArtifactStore },
): Promise<VersionSource> {
  const { tracking } = parts;
  const copied = /^models:\/([^/@]+)\/(\d+)$/.exec(asked.source);
  if (copied !== null) return copyOf(decodeURIComponent(copied[1] ?? ''), Number(copied[2]), asked, parts.registry);
  const modelId = /^models:\/(m-[0-9a-f]+)$/.exec(asked.source)?.[1] ?? asked.modelId;
  const model = modelId === undefined ? undefined : await knownModel(tracking, modelId);
  const runId = asked.runId ?? (model?.sourceRunId || undefined);
  const run = runId === undefined ? undefined : await tracking.store.run(runId);
  const folder = await folderOf(asked.source, model, tracking);
  const files = folder === undefined ? [] : await tracking.store.filesBelow(folder);
  if (folder !== undefined && files.length === 0)
    throw badValue(`Invalid model version source: '${asked.source}'. No files lie there.`);
  const at = (path: string): string => path.slice((folder?.length ?? 0) + 1);
  const textAt = async (path: string): Promise<string | undefined> => {
    const file = files.find((one) => at(one.path) === path);
    if (file === undefined || file.bytes > SMALL_FILE_BYTES) return undefined;
    return Buffer.from(await parts.artifacts.read(file.digest)).toString();
  };
  const mlmodel = readMlmodel((await textAt('MLmodel')) ?? '');
  const requirements = await textAt('requirements.txt');
  return {
    artifacts:
      folder === undefined
        ? [{ path: 'model', digest: null, bytes: null, uri: asked.source }]
        : files.map(({ path, digest, bytes }) => ({ path: at(path), digest, bytes, uri: null })),
    framework: mlmodel?.framework ?? 'other',
    lineage: {
      ...(run !== undefined && { run: { id: run.id, experiment: run.experimentId, name: run.name } }),
      ...(modelId !== undefined && { logged_model: modelId }),
      ...(mlmodel !== null && {
        mlflow: { version: mlmodel.mlflowVersion, flavors: mlmodel.flavors, signature: mlmodel.signature },
      }),
      ...(requirements !== undefined && { requirements: requirementsOf(requirements) }),
    },
    metrics: metricsOf(run, model),
    hyperparameters: { ...run?.params, ...model?.params },
    runId: runId ?? null,
  };
}

/** Undefined where the daemon does not keep it. */
async function folderOf(
  source: string,
  model: LoggedModel | undefined,
  tracking: Tracking,
): Promise<string | undefined> {
  if (/^models:/.test(source))
    return model === undefined ? refuse(source) : (pathOfUri(model.artifactUri) ?? undefined);
  const inRun = /^runs:\/([^/]+)(?:\/(.*))?$/.exec(source);
  if (inRun !== null) {
    const run = await runWith(tracking, inRun[1] ?? '');
    const root = pathOfUri(run.artifactUri);
    return root === undefined || !inRun[2] ? root : pathOfUri(`mlflow-artifacts:/${root}/${inRun[2]}`);
  }
  if (/^mlflow-artifacts:/.test(source)) return pathOfUri(source);
  const proxied = /^https?:\/\/[^/]+\/(?:.*\/)?api\/2\.0\/mlflow-artifacts\/artifacts\/(.+)$/.exec(source);
  if (proxied !== null) return pathOfUri(`mlflow-artifacts:/${proxied[1]}`);
  // A path of the client's machine means nothing here, and must not mean one of this machine.
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(source) || /^file:/i.test(source)) return refuse(source);
  return undefined;
}

function refuse(source: string): never {
  throw badValue(`Invalid model version source: '${source}'. It names no files of a run, a logged model or a version.`);
}

async function copyOf(name: string, number: number, asked: Asked, registry: RegistryStore): Promise<VersionSource> {
  const version = await registry.version(name, number);
  if (version === undefined)
    throw new MlopsError('MD201', { detail: `Model ${name} has no version ${number}.`, status: 404 });
  const { artifacts, framework, lineage, metrics, hyperparameters } = version;
  return {
    artifacts,
    framework,
    lineage: { ...lineage, copied_from: { model: name, version: number } },
    metrics,
    hyperparameters,
    runId: asked.runId ?? version.runId,
  };
}

/** Of the run and, nearer, of the model itself: by these a version passes gates. */
function metricsOf(run: TrackedRun | undefined, model: LoggedModel | undefined): Readonly<Record<string, number>> {
  const points = [...(run?.metrics ?? []), ...(model?.metrics ?? [])];
  return Object.fromEntries(points.filter(({ value }) => Number.isFinite(value)).map(({ key, value }) => [key, value]));
}
