/** One inference: the version that answers, what is asked of it, its answer. */
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { MlopsError } from '../../lib/error.ts';
import type { LoadedVersion } from '../../serving/runtime/loaded-versions.ts';
import type { ModelRepository } from '../../serving/runtime/model-repository.ts';
import type { Answer } from '../route.ts';
import { inferenceAnswer } from './infer-answer.ts';
import { readInference, type Signature, signatureOf } from './infer-request.ts';

export interface InferCall {
  readonly model: string;
  /** As the path says it. */
  readonly version: string | undefined;
  readonly bytes: Buffer;
  readonly header: (name: string) => string | undefined;
}

export type Infer = (call: InferCall) => Promise<Answer>;

/** What is known of a version once: made when it is first asked. */
interface Prepared {
  readonly signature: Signature;
  readonly head: string;
}

/** `mostBytes`: what a body may be once it is unpacked. */
export function createInfer(repository: ModelRepository, mostBytes: number): Infer {
  const prepared = new WeakMap<LoadedVersion, Prepared>();

  const prepare = (loaded: LoadedVersion): Prepared => {
    let found = prepared.get(loaded);
    if (found === undefined) {
      const { name, version } = loaded.version;
      found = {
        signature: signatureOf(loaded.session),
        head: `"model_name":${JSON.stringify(name)},"model_version":"${version}"`,
      };
      prepared.set(loaded, found);
    }
    return found;
  };

  return async ({ model, version, bytes, header }) => {
    const number = version === undefined ? undefined : versionNumber(model, version);
    const loaded = repository.current(model, number) ?? (await repository.find(model, number));
    const { signature, head } = prepare(loaded);
    const encoding = header('content-encoding');
    const body = encoding === undefined ? bytes : await unpacked(bytes, encoding, mostBytes);
    const asked = readInference(body, header('inference-header-content-length'), signature);
    const found = await loaded.use(() => loaded.session.run(asked.feeds, asked.outputs));
    return inferenceAnswer(head, asked, found);
  };
}

/** MD201 where it is none. */
export function versionNumber(model: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new MlopsError('MD201', {
    detail: `The version "${text}" of ${model} is none: versions are numbers from 1.`,
    status: 404,
  });
}

const UNPACK = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

async function unpacked(bytes: Buffer, encoding: string, mostBytes: number): Promise<Buffer> {
  const unpack = UNPACK[encoding.trim().toLowerCase() as keyof typeof UNPACK];
  if (unpack === undefined)
    throw new MlopsError('API400', {
      detail: `The body is encoded as ${encoding}; gzip and deflate are read.`,
      status: 415,
    });
  try {
    return await unpack(bytes, { maxOutputLength: mostBytes });
  } catch (error) {
    const large = error instanceof RangeError;
    throw new MlopsError('API400', {
      detail: large ? `The body is larger than ${mostBytes} bytes once unpacked.` : `The body is no ${encoding}.`,
      status: large ? 413 : 400,
    });
  }
}
