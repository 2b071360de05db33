/** Versions of models in the memory of this process. */
import type { MemoryStatus } from '../serving/runtime/loaded-versions.ts';
import { type Family, gauge, single } from './metrics.ts';

export function modelMemoryGauges({ budgetBytes, loaded }: MemoryStatus): readonly Family[] {
  return [
    gauge(
      'mlops_model_memory_bytes',
      'What a version in memory counts for.',
      loaded.map(({ version: { name, version }, bytes }) => ({
        labels: { model: name, version: String(version) },
        value: bytes,
      })),
    ),
    single('mlops_model_memory_limit_bytes', 'What versions in memory may take together.', budgetBytes),
  ];
}
