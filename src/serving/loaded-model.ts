/** A version in memory, asked with features. */
import { MlopsError } from '../lib/error.ts';
import { columnsOfDtype } from '../spec/dtype.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import { learnedVersions } from '../stores/control/learned-versions.ts';
import type { ModelSignature, ModelVersion } from '../stores/control/registry.ts';
import { modelOf, type OnnxModel } from './onnx-runtime.ts';
import type { OnnxSession } from './runtime/onnx-session.ts';

export interface LoadedModel {
  readonly version: ModelVersion;
  readonly model: OnnxModel;
  /** `set.feature`, in the order of the model's inputs. */
  readonly features: readonly string[];
  /** How these are read, in the same order: `set@2.feature` of the version that it learned from, `set.feature` where that is not known. */
  readonly reads: readonly string[];
  /** What the version says it answers; null where its signature is not known. */
  readonly task: ModelSignature['task'] | null;
  /** It stays in memory until the body has ended, whoever lets it go meanwhile. */
  use<T>(body: () => Promise<T>): Promise<T>;
}

/** MD204 where the session does not fit the features of its version. */
export function loadedModel(
  version: ModelVersion,
  session: OnnxSession,
  { catalog, use }: { readonly catalog: Catalog; readonly use: LoadedModel['use'] },
): LoadedModel {
  const features = featuresOf(version, catalog);
  const learned = learnedVersions(version.lineage);
  return {
    version,
    model: modelOf(session, features, widthsOf(version, features, catalog)),
    features,
    reads: features.map((feature) => readAs(feature, learned)),
    task: version.signature?.task ?? null,
    use,
  };
}

function readAs(feature: string, learned: ReadonlyMap<string, number>): string {
  const dot = feature.indexOf('.');
  const version = learned.get(feature.slice(0, dot));
  return version === undefined ? feature : `${feature.slice(0, dot)}@${version}${feature.slice(dot)}`;
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

export function unserved(version: ModelVersion, why: string, hint: string): MlopsError {
  return new MlopsError('MD204', {
    detail: `Version ${version.version} of ${version.name} cannot be served: ${why}.`,
    hint,
    address: `model.${version.name}`,
    status: 422,
  });
}
