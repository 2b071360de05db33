/** What it takes to make a resource of one kind real, and to take it away. Both may run twice. */
import type { JsonObject } from '../../lib/json.ts';
import type { BundleSource } from '../../spec/bundle-source.ts';
import type { CanonicalEntity, CanonicalSpecs } from '../../spec/canonical-specs.ts';
import type { Kind } from '../../spec/kinds.ts';
import type { ArtifactStore } from '../../stores/artifacts.ts';
import type { ResourceEffects } from '../effects.ts';

export interface HandlerContext {
  readonly applyId: string;
  readonly effects: ResourceEffects;
  readonly artifacts: ArtifactStore;
  /** Files of code bundles: SHA-256 of the content → absolute path. */
  readonly bundleFiles: ReadonlyMap<string, BundleSource>;
  /** As the plan will leave it. */
  readonly entity: (name: string) => CanonicalEntity | undefined;
}

export interface Handler<K extends Kind> {
  /** Creates or updates. Resolves to what is recorded as the resource's outputs; `observed` is what the plan knows for it. */
  put(spec: CanonicalSpecs[K], context: HandlerContext, observed: JsonObject): Promise<JsonObject>;
  /** `spec` as it was recorded. */
  remove(spec: CanonicalSpecs[K], context: HandlerContext): Promise<void>;
}

/** For kinds that are what is recorded of them: the services read the record. */
export function recordOnly<K extends Kind>(): Handler<K> {
  return { put: async () => ({}), remove: async () => {} };
}
