/** Versions of models by what people type: `pbc_mortality`, `pbc_mortality 3`, `production`. */
import type { ModelVersion } from '../compose/views.ts';
import type { OpenEnvironment } from '../compose.ts';

type Registry = Awaited<ReturnType<OpenEnvironment['registry']>>;

/** By number, by stage, by alias, or the newest. */
export async function versionOf(registry: Registry, model: string, written = 'latest'): Promise<ModelVersion> {
  return registry.find(modelName(model), written);
}

export const modelName = (written: string): string => written.replace(/^model\./, '');

export const metricsText = (metrics: Readonly<Record<string, number>>, names?: readonly string[]): string =>
  Object.entries(metrics)
    .filter(([name]) => names === undefined || names.includes(name))
    .map(([name, value]) => `${name}=${value.toFixed(4)}`)
    .join(' ') || '-';
