/** The ONNX file of a version, opened: it is the file that was registered, and it is what the version's signature says. */
import type { ArtifactStore } from '../../stores/artifacts.ts';
import type { ModelVersion, TensorSpec, VersionArtifact } from '../../stores/control/registry.ts';
import { unserved } from '../loaded-model.ts';
import type { OnnxRuntime } from '../onnx-runtime.ts';
import type { OnnxSession } from './onnx-session.ts';

/** The file that is served, by its digest. MD204 where the version has none, or only an address of one. */
export function servedFile(version: ModelVersion): { readonly digest: string; readonly bytes: number | null } {
  const { digest, bytes } = onnxArtifact(version);
  if (digest !== null) return { digest, bytes };
  throw unserved(
    version,
    'its ONNX file is only known by its address, not stored here',
    'upload the file with the version',
  );
}

/** What a session takes is a few times its file; what the process grew beyond that, others did meanwhile. */
const MOST_GROWTH = 6;
const GROWTH_BESIDE = 32 * 2 ** 20;

/** What it takes in memory: the size of the file, or by how much the process grew, whichever is more. MD203 where the file is missing or has another digest, MD204 where it must not serve. */
export async function openVersion(
  version: ModelVersion,
  {
    artifacts,
    runtime,
    nativeBytes,
  }: { readonly artifacts: ArtifactStore; readonly runtime: OnnxRuntime; readonly nativeBytes: () => number },
): Promise<{ readonly session: OnnxSession; readonly bytes: number }> {
  const content = await artifacts.read(servedFile(version).digest);
  await runtime.start();
  const before = nativeBytes();
  const session = await runtime.open(content);
  const grown = Math.min(nativeBytes() - before, MOST_GROWTH * content.length + GROWTH_BESIDE);
  try {
    refuseOther(version, 'input', version.signature?.inputs ?? [], session.inputs);
    refuseOther(version, 'output', version.signature?.outputs ?? [], session.outputs);
  } catch (error) {
    await session.release();
    throw error;
  }
  return { session, bytes: Math.max(content.length, grown) };
}

function onnxArtifact(version: ModelVersion): VersionArtifact {
  const files = version.artifacts.filter(({ path }) => path.toLowerCase().endsWith('.onnx'));
  const file = files.find(({ path }) => path === 'model.onnx') ?? (files.length === 1 ? files[0] : undefined);
  if (file !== undefined) return file;
  const why = files.length === 0 ? 'it has no ONNX file' : 'it has several ONNX files and none is called model.onnx';
  throw unserved(version, why, 'register the version with the artifact model.onnx');
}

/** A signature that says no tensors is none to compare with. */
function refuseOther(
  version: ModelVersion,
  what: 'input' | 'output',
  said: readonly TensorSpec[],
  found: readonly TensorSpec[],
): void {
  // Who registers over HTTP may have said them in words of his own.
  if (said.length === 0 || !said.every(isSpec)) return;
  for (const { name, dtype: written, shape } of said) {
    const dtype = SPELLINGS[written] ?? written;
    const other = found.find((one) => one.name === name);
    const agree =
      other !== undefined &&
      other.dtype === dtype &&
      other.shape.length === shape.length &&
      shape.every((size, at) => size < 0 || other.shape[at]! < 0 || size === other.shape[at]);
    if (!agree)
      throw unserved(
        version,
        `its signature says the ${what} ${shown({ name, dtype, shape })}, but the file has ${found.length === 0 ? 'none' : found.map(shown).join(', ')}`,
        'register the file with its own signature, or without one',
      );
  }
  const more = what === 'input' ? found.find(({ name }) => !said.some((one) => one.name === name)) : undefined;
  if (more !== undefined)
    throw unserved(
      version,
      `the file has an input ${shown(more)} that its signature does not say`,
      'register the file with its own signature, or without one',
    );
}

/** As ONNX itself calls them. */
const SPELLINGS: Readonly<Record<string, string>> = { float: 'float32', double: 'float64' };

function isSpec({ name, dtype, shape }: Partial<TensorSpec>): boolean {
  return typeof name === 'string' && typeof dtype === 'string' && Array.isArray(shape);
}

function shown({ name, dtype, shape }: TensorSpec): string {
  return `"${name}" (${dtype} [${shape.join(', ')}])`;
}
