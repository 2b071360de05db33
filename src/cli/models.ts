/** Versions of models by what people type: `pbc_mortality`, `pbc_mortality 3`, `production`. */
import type { ModelVersion } from '../compose/views.ts';
import type { OpenEnvironment } from '../compose.ts';
import { MlopsError } from '../lib/error.ts';

type Registry = Awaited<ReturnType<OpenEnvironment['registry']>>;

/** By number, by stage, or the newest. */
export async function versionOf(registry: Registry, model: string, written: string | undefined): Promise<ModelVersion> {
  const name = model.replace(/^model\./, '');
  if (written === undefined || written === 'latest') {
    const { items } = await registry.search({ name, limit: 1 });
    const [newest] = items;
    if (newest !== undefined) return newest;
    await registry.history(name);
  }
  if (written === 'production' || written === 'staging') {
    const found = await registry.atStage(name, written);
    if (found !== undefined) return found;
    throw new MlopsError('MD201', {
      detail: `No version of ${name} is in ${written}.`,
      hint: `mlops models show ${name}`,
    });
  }
  const number = Number((written ?? '').replace(/^v/, ''));
  if (!Number.isInteger(number) || number < 1) {
    throw new MlopsError('CL101', {
      detail: `"${written}" is no version.`,
      hint: 'write a number, latest, production or staging',
    });
  }
  return registry.version(name, number);
}

export const metricsText = (metrics: Readonly<Record<string, number>>, names?: readonly string[]): string =>
  Object.entries(metrics)
    .filter(([name]) => names === undefined || names.includes(name))
    .map(([name, value]) => `${name}=${value.toFixed(4)}`)
    .join(' ') || '-';
