/** Resources that come through the HTTP interface: checked like specs, recorded as managed by the API. */
import { hasErrors } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import { addressOf } from '../spec/address.ts';
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import { canonicalizeResource } from '../spec/canonicalize.ts';
import { KIND_TITLES, type Kind } from '../spec/kinds.ts';
import { circleText, pipelineCircles } from '../spec/pipeline-circles.ts';
import { specDigest } from '../spec/spec-digest.ts';
import type { Catalog, SpecOf } from '../stores/control/catalog.ts';
import type { RecordedResource, StateStore } from '../stores/control/state.ts';

/** The spec in canonical form, against what is applied. API422 with a pointer for each mistake. */
export function checkedSpec<K extends Kind>(kind: K, raw: unknown, catalog: Catalog) {
  const own = (raw as { name?: unknown } | null)?.name;
  const { spec, dependsOn, diagnostics } = canonicalizeResource(kind, raw, {
    get: (other, name) => catalog.get(other, name)?.spec,
    names: (other) =>
      new Set([
        ...catalog.list(other).map(({ name }) => name),
        ...(other === kind && typeof own === 'string' ? [own] : []),
      ]),
  });
  if (spec === undefined || hasErrors(diagnostics)) {
    throw new MlopsError('API422', {
      detail: `The ${KIND_TITLES[kind]} has mistakes.`,
      hint: `mlops schema ${kind} prints its schema`,
      diagnostics,
    });
  }
  return { spec, dependsOn };
}

/** Records it; the daemon's services see it at once. Answers it as recorded. */
export async function recordResource<K extends Kind>(
  kind: K,
  raw: unknown,
  {
    catalog,
    state,
    who,
    outputs,
  }: { catalog: Catalog; state: StateStore; who: string; outputs: (spec: SpecOf<K>) => Promise<JsonObject> },
): Promise<{ readonly resource: RecordedResource<K>; readonly created: boolean }> {
  const { spec, dependsOn } = checkedSpec(kind, raw, catalog);
  if (kind === 'pipeline') refuseCircle(spec as CanonicalPipeline, catalog);
  const { name } = spec;
  const before = catalog.get(kind, name);
  if (before?.managedBy === 'apply') {
    throw new MlopsError('API409', {
      detail: `${before.address} is managed by the project's specs.`,
      hint: 'change it there and apply, or use another name',
      address: before.address,
    });
  }
  if (before !== undefined && before.name !== name) {
    throw new MlopsError('API409', {
      detail: `${addressOf(kind, name)} is what ${before.address} was called before, and still answers to.`,
      hint: `write to ${before.name}, or use another name`,
      address: before.address,
    });
  }
  const resource = {
    address: addressOf(kind, name),
    kind,
    name,
    // A canonical spec is plain JSON.
    spec: spec as unknown as JsonObject,
    digest: specDigest(spec),
    dependsOn,
    protect: spec.protect ?? false,
  };
  await state.putFromApi(resource, who, await outputs(spec));
  await catalog.refresh();
  return { resource: recorded(kind, name, catalog), created: before === undefined };
}

/** PL120. With what is applied and what was made in this way before. */
function refuseCircle(spec: CanonicalPipeline, catalog: Catalog): void {
  const others = catalog.list('pipeline').map((one) => [one.name, one.spec] as const);
  const circle = pipelineCircles(new Map([...others, [spec.name, spec]])).find(({ path }) => path.includes(spec.name));
  if (circle === undefined) return;
  throw new MlopsError('PL120', {
    detail: circleText(circle),
    hint: 'take one of the triggers, or of the tasks that run a pipeline, out',
    address: addressOf('pipeline', spec.name),
    status: 422,
  });
}

export function recorded<K extends Kind>(kind: K, name: string, catalog: Catalog): RecordedResource<K> {
  const found = catalog.get(kind, name);
  if (found !== undefined) return found;
  const code =
    kind === 'pipeline' ? 'PL201' : kind === 'endpoint' ? 'EP201' : kind === 'feature_set' ? 'FS201' : 'API404';
  throw new MlopsError(code, {
    detail: `There is no ${KIND_TITLES[kind]} "${name}".`,
    status: 404,
    hint: didYouMean(
      name,
      catalog.list(kind).map((other) => other.name),
    ),
  });
}
