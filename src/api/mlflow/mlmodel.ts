/** What the files of a logged model tell of it: the frameworks that can load it, and what it takes to do so. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import { parseYaml } from '../../spec/yaml-file.ts';

export interface MlmodelFacts {
  /** The framework that made it; `pyfunc` where it is a Python function alone. */
  readonly framework: string;
  /** By name, each with what MLflow records of it. */
  readonly flavors: JsonObject;
  readonly modelId: string | null;
  readonly mlflowVersion: string | null;
  readonly signature: JsonValue;
}

const GENERIC = new Set(['python_function', 'crate']);

/** Null where it is no MLmodel file. */
export function readMlmodel(text: string): MlmodelFacts | null {
  const { documents, diagnostics } = parseYaml(text, 'MLmodel');
  const value = documents[0]?.value;
  if (diagnostics.length > 0 || typeof value !== 'object' || value === null) return null;
  const fields = value as Record<string, JsonValue>;
  const flavors = fields['flavors'];
  if (typeof flavors !== 'object' || flavors === null || Array.isArray(flavors)) return null;
  const own = Object.keys(flavors).find((name) => !GENERIC.has(name));
  const textOf = (name: string): string | null => (typeof fields[name] === 'string' ? (fields[name] as string) : null);
  return {
    framework: own ?? 'pyfunc',
    flavors: flavors as JsonObject,
    modelId: textOf('model_id'),
    mlflowVersion: textOf('mlflow_version'),
    signature: fields['signature'] ?? null,
  };
}

/** Lines of a requirements file that require something. */
export const requirementsOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
