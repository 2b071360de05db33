/** A version in memory. It is released when no slot holds it and the last request that uses it has its answer. */
import { MlopsError } from '../lib/error.ts';
import { columnsOfDtype } from '../spec/dtype.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import { learnedVersions } from '../stores/control/learned-versions.ts';
import type { ModelSignature, ModelVersion, VersionArtifact } from '../stores/control/registry.ts';
import type { OnnxModel, OnnxRuntime } from './onnx-runtime.ts';

export interface LoadedModel {
  readonly version: ModelVersion;
  readonly model: OnnxModel;
  /** `set.feature`, in the order of the model's inputs. */
  readonly features: readonly string[];
  /** How these are read, in the same order: `set@2.feature` of the version that it learned from, `set.feature` where that is not known. */
  readonly reads: readonly string[];
  /** What the version says it answers; null where its signature is not known. */
  readonly task: ModelSignature['task'] | null;
  hold(): void;
  /** Releases the model once it is neither held nor in use. */
  letGo(): void;
  use<T>(body: () => Promise<T>): Promise<T>;
}

/** MD203 where the file is missing or damaged, MD204 where it does not load or does not fit its features. */
export async function loadModel(
  version: ModelVersion,
  {
    artifacts,
    runtime,
    catalog,
  }: { readonly artifacts: ArtifactStore; readonly runtime: OnnxRuntime; readonly catalog: Catalog },
): Promise<LoadedModel> {
  const digest = onnxArtifact(version).digest;
  if (digest === null)
    throw unserved(
      version,
      'its ONNX file is only known by its address, not stored here',
      'upload the file with the version',
    );
  const features = featuresOf(version, catalog);
  const model = await runtime.load(await artifacts.read(digest), features, widthsOf(version, features, catalog));
  const learned = learnedVersions(version.lineage);
  let holders = 0;
  let uses = 0;
  let released = false;
  const releaseIfIdle = (): void => {
    if (holders > 0 || uses > 0 || released) return;
    released = true;
    // Nothing refers to the session any more: a failure here could only concern memory that is given back anyway.
    model.release().catch(() => {});
  };
  return {
    version,
    model,
    features,
    reads: features.map((feature) => readAs(feature, learned)),
    task: version.signature?.task ?? null,
    hold: () => {
      holders += 1;
    },
    letGo: () => {
      holders -= 1;
      releaseIfIdle();
    },
    use: async (body) => {
      uses += 1;
      try {
        return await body();
      } finally {
        uses -= 1;
        releaseIfIdle();
      }
    },
  };
}

function readAs(feature: string, learned: ReadonlyMap<string, number>): string {
  const dot = feature.indexOf('.');
  const version = learned.get(feature.slice(0, dot));
  return version === undefined ? feature : `${feature.slice(0, dot)}@${version}${feature.slice(dot)}`;
}

function onnxArtifact(version: ModelVersion): VersionArtifact {
  const files = version.artifacts.filter(({ path }) => path.toLowerCase().endsWith('.onnx'));
  const file = files.find(({ path }) => path === 'model.onnx') ?? (files.length === 1 ? files[0] : undefined);
  if (file !== undefined) return file;
  const why = files.length === 0 ? 'it has no ONNX file' : 'it has several ONNX files and none is called model.onnx';
  throw unserved(version, why, 'register the version with the artifact model.onnx');
}

/** As the version was trained; else as its model is declared now. */
function featuresOf(version: ModelVersion, catalog: Catalog): readonly string[] {
  if (version.signature !== null && version.signature.features.length > 0) return version.signature.features;
  const inputs = catalog.get('model', version.name)?.spec.inputs;
  const service = inputs === undefined ? undefined : catalog.get('feature_service', inputs);
  if (service !== undefined) return service.spec.features;
  throw unserved(
    version,
    'neither its signature nor its model says which features it reads',
    'give the model `inputs`, or register a signature',
  );
}

/** As the version was trained; else as the features are declared now. */
function widthsOf(version: ModelVersion, features: readonly string[], catalog: Catalog): readonly number[] {
  if (version.signature?.widths !== undefined) return version.signature.widths;
  return features.map((feature) => {
    const dot = feature.indexOf('.');
    const dtype = catalog.get('feature_set', feature.slice(0, dot))?.spec.features[feature.slice(dot + 1)]?.dtype;
    return dtype === undefined ? 1 : columnsOfDtype(dtype);
  });
}

function unserved(version: ModelVersion, why: string, hint: string): MlopsError {
  return new MlopsError('MD204', {
    detail: `Version ${version.version} of ${version.name} cannot be served: ${why}.`,
    hint,
    address: `model.${version.name}`,
    status: 422,
  });
}
