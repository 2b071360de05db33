/** A model that nobody declared is made by its first version: `plan` lists it, `import` takes it over. */
import { MlopsError } from '../lib/error.ts';
import { NAME_PATTERN } from '../spec/address.ts';
import { schemaOf } from '../spec/schemas.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { StateStore } from '../stores/control/state.ts';
import { recordResource } from './resources.ts';

/** What a declared model may say; a version's own is free text. */
const FRAMEWORKS = (schemaOf('model')['properties'] as { readonly framework: { readonly enum: readonly string[] } })
  .framework.enum;

/** One with a name that no spec could have is the registry's alone. */
export async function declareModel(
  { name, framework }: { readonly name: string; readonly framework: string },
  { catalog, state, who }: { readonly catalog: Catalog; readonly state: StateStore; readonly who: string },
): Promise<void> {
  if (!NAME_PATTERN.test(name) || catalog.get('model', name) !== undefined) return;
  const spec = { name, framework: FRAMEWORKS.find((known) => known === framework) ?? 'other' };
  await recordResource('model', spec, { catalog, state, who, outputs: async () => ({}) }).catch((error: unknown) => {
    // An apply declared it in this moment.
    if (!(error instanceof MlopsError && error.code === 'API409')) throw error;
  });
}
