/**
 * What `mlops.config.ts` is written with. Each builder returns a reference to the resource that it describes; nothing is
 * checked here, so that all problems are found together when the project is loaded.
 */
import type { EnvRef } from '../lib/secret.ts';
import type {
  EndpointInput,
  EndpointRef,
  EntityInput,
  EntityRef,
  FeatureServiceInput,
  FeatureServiceRef,
  FeatureSetInput,
  FeatureSetRef,
  ModelInput,
  ModelRef,
  PipelineInput,
  PipelineRef,
  PolicyInput,
  PolicyRef,
  ProjectInput,
  SourceInput,
  SourceRef,
} from './builder-inputs.ts';
import type { DeclaredKind } from './kinds.ts';
import {
  COLLECTOR,
  FEATURE,
  PROJECT,
  type ProjectValue,
  RESOURCE,
  type Ref,
  type ResourceValue,
  SQL,
  type SqlText,
} from './resource-value.ts';

/** Where data comes from: a file, or a query over other sources. */
export function source(name: string, spec: SourceInput): SourceRef {
  return resource('source', name, spec, source);
}

/** What features describe, and the keys that identify one. */
export function entity(name: string, spec: EntityInput): EntityRef {
  return resource('entity', name, spec, entity);
}

/** Features of one entity from one source or query. Each is a property of what is returned: `labs.bili`. */
export function featureSet<const F extends string>(name: string, spec: FeatureSetInput<F>): FeatureSetRef<F> {
  const set = resource('feature_set', name, spec, featureSet);
  const features: Record<string, unknown> = set as unknown as Record<string, unknown>;
  // A wrong shape of `features` is reported when the project is loaded.
  for (const feature of Object.keys(spec?.features ?? {})) features[feature] = { [FEATURE]: { set, feature } };
  return set as FeatureSetRef<F>;
}

/** The features that a model reads: whole sets, or single features. */
export function featureService(name: string, spec: FeatureServiceInput): FeatureServiceRef {
  return resource('feature_service', name, spec, featureService);
}

/** Tasks, the order they run in, and when. */
export function pipeline<const T extends string>(name: string, spec: PipelineInput<T>): PipelineRef {
  return resource('pipeline', name, spec, pipeline);
}

/** A model: what it reads, what makes it, and what a version must reach. */
export function model(name: string, spec: ModelInput): ModelRef {
  return resource('model', name, spec, model);
}

/** A name that predictions are asked of; it routes to versions of models. */
export function endpoint<const V extends string>(name: string, spec: EndpointInput<V>): EndpointRef {
  return resource('endpoint', name, spec, endpoint);
}

/** A rule over plans: an expression over each change or over the plan, or a function that returns what violates it. */
export function policy(name: string, spec: PolicyInput): PolicyRef {
  return resource('policy', name, spec, policy);
}

/** The value of an environment variable when it is used; it never enters a plan, the state, a log or an event. */
export function env(name: string): EnvRef {
  return { $env: name };
}

/** What a run gives, in a query: `` sql`… where day = ${expr('params.day')}` `` is `${{ params.day }}`, which becomes a literal. */
export function expr(expression: string): SqlText {
  return { [SQL]: { text: `\${{ ${expression} }}`, resources: [] } };
}

/** The project: the default export of `mlops.config.ts`. */
export function defineConfig(spec: ProjectInput): ProjectValue {
  return { [PROJECT]: { spec: spec as Readonly<Record<string, unknown>>, calledAt: caller(defineConfig) } };
}

interface Collector {
  readonly getStore: () => Ref<DeclaredKind>[] | undefined;
}

function resource<K extends DeclaredKind>(
  kind: K,
  name: string,
  spec: object,
  builder: (...args: never[]) => unknown,
): Ref<K> {
  const value: ResourceValue<K> = {
    kind,
    name,
    spec: spec as Readonly<Record<string, unknown>>,
    calledAt: caller(builder),
  };
  // No prototype: a feature may have any name.
  const ref = Object.create(null) as { [RESOURCE]: ResourceValue<K> };
  ref[RESOURCE] = value;
  (globalThis as { [COLLECTOR]?: Collector })[COLLECTOR]?.getStore()?.push(ref);
  return ref;
}

/** The frames that called the builder. Capturing is cheap: the text is made when it is first read. */
function caller(builder: (...args: never[]) => unknown): { readonly stack?: string } {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 4;
  const at: { stack?: string } = {};
  Error.captureStackTrace(at, builder);
  Error.stackTraceLimit = limit;
  return at;
}
