/** flavour.json, which a training program may leave: the framework that the model was made with, and what it takes to load it there. */
import { readFile } from 'node:fs/promises';
import { MlopsError } from '../../lib/error.ts';
import type { TrainedModel } from '../services.ts';

export const FLAVOUR_FILE = 'flavour.json';

/** PL203 where it is not as it must be. */
export async function readFlavour(file: string): Promise<Pick<TrainedModel, 'framework' | 'flavour'>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    throw problem('is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw problem('is not an object');
  const {
    framework = 'onnx',
    version = null,
    python = null,
    requirements = [],
    ...other
  } = parsed as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(other);
  if (unknown !== undefined) throw problem(`says ${unknown}, which it does not have`);
  if (typeof framework !== 'string' || framework === '') throw problem('gives a framework that is no name');
  if (!isText(version) || !isText(python)) throw problem('gives a version that is no text');
  if (!Array.isArray(requirements) || !requirements.every((one) => typeof one === 'string'))
    throw problem('gives requirements that are no list of texts');
  return { framework, flavour: { version, python, requirements } };
}

const isText = (value: unknown): value is string | null => value === null || typeof value === 'string';

function problem(why: string): MlopsError {
  return new MlopsError('PL203', {
    detail: `${FLAVOUR_FILE} ${why}.`,
    hint: 'write e.g. {"framework": "sklearn", "version": "1.4.2", "python": "3.11.4", "requirements": ["scikit-learn==1.4.2"]}',
  });
}
