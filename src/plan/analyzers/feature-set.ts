/**
 * Feature sets. Structure (keys, source, query, columns, types, expressions) makes a new version; everything else is in place.
 * A feature that something reads must not vanish or change its type under the reader, nor its meaning under a model that serves.
 */
import { canonicallyEqual } from '../../lib/canonical.ts';
import type { Address } from '../../spec/address.ts';
import type { CanonicalEntity, CanonicalFeatureSet } from '../../spec/canonical-specs.ts';
import { structureOf } from '../../spec/feature-set-structure.ts';
import type { PlanFacts } from '../../stores/control/facts.ts';
import type { Finding } from '../change.ts';
import { escapePointer } from '../diff.ts';
import {
  type Analysis,
  type AnalysisContext,
  type Analyzer,
  finding,
  listed,
  SAFE,
  says,
  together,
  verb,
} from './analyzer.ts';
import { changedMeaning, type MeaningChange } from './feature-meaning.ts';
import { inPlace } from './feature-set-in-place.ts';
import { described, isPinned, readersOfSet, whoGoesOn } from './learned.ts';
import { differsFromTraining, modelReaders, servedByName } from './served.ts';

type Context = AnalysisContext<'feature_set'>;

export const analyzeFeatureSet: Analyzer<'feature_set'> = (context) => {
  const { before, after, recorded } = context;
  if (after === undefined) return before === undefined ? SAFE : destroyed(context, before);
  if (before === undefined || recorded === undefined) return SAFE;

  const parts = structuralDifferences(context, before, after);
  const meaning = changedMeaning(before, after, parts);
  const differs = meaning === undefined ? undefined : differing(context, after, meaning);
  return together([
    parts.length === 0 ? undefined : newVersion(context, after, parts, meaning, differs !== undefined),
    lostFeatures(context, before, after),
    differs === undefined ? undefined : says(differs.severity === 'error' ? 'breaking' : 'safe', differs),
    inPlace(context, before, after, differs !== undefined),
  ]);
};

/** The key columns that a version was registered with, where they are known. The set's own spec does not hold them. */
export function registeredKeysDiffer(
  outputs: { readonly [key: string]: unknown },
  entity: CanonicalEntity | undefined,
): boolean {
  return entity !== undefined && outputs['keys'] !== undefined && !canonicallyEqual(outputs['keys'], entity.keys);
}

function structuralDifferences(
  context: Context,
  before: CanonicalFeatureSet,
  after: CanonicalFeatureSet,
): readonly string[] {
  if (!touchesStructure(context)) return registeredKeys(context, after);
  const keyless: CanonicalEntity = { name: '', keys: {} };
  const [old, next] = [structureOf(before, keyless), structureOf(after, keyless)];
  const parts: string[] = [];
  for (const part of ['source', 'query', 'eventTime', 'createdTime', 'asKnownAt'] as const)
    if (old[part] !== next[part]) parts.push(part);
  for (const name of new Set([...Object.keys(old.features), ...Object.keys(next.features)])) {
    if (!canonicallyEqual(old.features[name], next.features[name])) parts.push(`features.${name}`);
  }
  // Another entity with the same keys is the same structure.
  if (before.entity !== after.entity && context.recorded?.outputs['keys'] === undefined) parts.push('entity');
  else parts.push(...registeredKeys(context, after));
  return parts;
}

const STRUCTURAL = ['entity', 'source', 'query', 'eventTime', 'createdTime', 'asKnownAt', 'features'];

function touchesStructure({ diffs }: Context): boolean {
  return diffs.some(({ path }) => STRUCTURAL.some((part) => path === `/${part}` || path.startsWith(`/${part}/`)));
}

function registeredKeys({ desiredResources, recorded }: Context, after: CanonicalFeatureSet): readonly string[] {
  const entity = desiredResources.get(`entity.${after.entity}`)?.spec as CanonicalEntity | undefined;
  return registeredKeysDiffer(recorded?.outputs ?? {}, entity) ? [`the keys of entity.${after.entity}`] : [];
}

function newVersion(
  context: Context,
  after: CanonicalFeatureSet,
  parts: readonly string[],
  meaning: MeaningChange | undefined,
  differs: boolean,
): Analysis {
  const version = context.recorded?.outputs['version'];
  const next = typeof version === 'number' ? `version ${version + 1}` : 'a new version';
  // What a served model would notice is said by FS107.
  const models = differs ? [] : modelReaders(qualified(after, meaning?.features ?? []), context).all;
  const goingOn = whoGoesOn(
    readersOfSet(context.facts, after.name).filter(({ model }) => context.stays(`model.${model}`)),
  );
  const retrain =
    models.length === 0 ? '' : ` ${listed(models)} learned from the version before: train again once it is filled.`;
  return {
    ...says(
      'new-version',
      finding('FS102', models.length === 0 ? 'info' : 'warning', context.desired, {
        detail: `${context.address} gets ${next}, because ${listed(parts)} changed. The version before serves until the new one is filled.${goingOn}${retrain}`,
        ...(parts[0]?.startsWith('features.')
          ? { pointer: `/features/${escapePointer(parts[0].slice('features.'.length))}` }
          : {}),
      }),
    ),
    reason: `new version: ${listed(parts)} changed`,
  };
}

function differing(context: Context, after: CanonicalFeatureSet, meaning: MeaningChange): Finding | undefined {
  const { features, because, pointer, edited } = meaning;
  // Defaults and units are of all versions at once.
  const inPlace = because.some((path) => /^features\..+\.(default|unit)$/.test(path));
  return differsFromTraining(
    {
      features: qualified(after, features),
      because,
      pointer,
      beside: inPlace ? undefined : after.name,
      instead:
        edited.length === 0
          ? `leave ${context.address} as it is and declare a feature set of a new name beside it; move the service to that, train and promote, then remove the old one`
          : `leave ${listed(edited)} as ${verb(edited, 'it is', 'they are')} and declare ${verb(edited, 'a feature of a new name beside it', 'features of new names beside them')}; move the service to ${verb(edited, 'that', 'those')}, train and promote, then remove the old`,
    },
    context,
  );
}

function qualified(set: CanonicalFeatureSet, features: readonly string[]): readonly string[] {
  return features.map((feature) => `${set.name}.${feature}`);
}

function lostFeatures(context: Context, before: CanonicalFeatureSet, after: CanonicalFeatureSet): Analysis | undefined {
  const { readers, stays, facts } = context;
  const lost = Object.entries(before.features).flatMap(([name, feature]) => {
    const next = after.features[name];
    if (next?.dtype === feature.dtype) return [];
    const qualifiedName = `${before.name}.${name}`;
    const services = readers.servicesReading(qualifiedName).filter(stays);
    const served = servedByName([qualifiedName], facts).filter(
      (model) => stays(model) && !goesOn(facts, before.name, model),
    );
    if (services.length + served.length === 0) return [];
    const models = [...new Set([...readers.modelsReading(services), ...served])].filter(stays);
    const endpoints = readers.endpointsServing(models).filter(stays);
    const what = next === undefined ? 'is removed' : `changes from ${feature.dtype} to ${next.dtype}`;
    return finding('FS101', 'error', context.desired, {
      detail: `${before.name}.${name} ${what}, but ${listed([...services, ...models, ...endpoints])} ${verb([...services, ...models, ...endpoints], 'reads', 'read')} it: predictions would fail or differ from what was learned.`,
      fix:
        next === undefined
          ? services.length === 0
            ? `retrain and promote: the version that answers reads ${qualifiedName} though its service no longer does; then remove the feature here`
            : `take ${qualifiedName} out of ${listed(services)} and apply, retrain, then remove the feature here`
          : `declare the new type under another name, ${services.length === 0 ? '' : `move ${listed(services)} to it, `}retrain, then remove ${name}`,
      pointer: next === undefined ? '/features' : `/features/${escapePointer(name)}/dtype`,
    });
  });
  return lost.length === 0 ? undefined : says('breaking', ...lost);
}

/** Every version of the model that answers reads the version of the set that it learned from. */
function goesOn(facts: PlanFacts, set: string, model: Address): boolean {
  const name = model.slice('model.'.length);
  const known = facts.models?.get(name);
  return [known?.production, known?.staging].every(
    (version) => version === undefined || version === null || isPinned(facts, set, name, version),
  );
}

function destroyed({ facts, stays }: Context, before: CanonicalFeatureSet): Analysis {
  const readers = readersOfSet(facts, before.name).filter(({ model }) => stays(`model.${model}`));
  const answering = readers.filter(({ as }) => as === 'production' || as === 'staging' || as === 'endpoint');
  const served = [
    ...new Set([
      ...servedByName(qualified(before, Object.keys(before.features)), facts).filter(stays),
      ...answering.map(({ model }): Address => `model.${model}`),
    ]),
  ];
  const back = readers.filter(({ as }) => as === 'rollback');
  return {
    class: 'destructive',
    findings: [
      ...(served.length === 0
        ? []
        : [
            finding('FS101', 'error', undefined, {
              detail: `feature_set.${before.name} is destroyed, but the version of ${listed(served)} that answers reads it by name: predictions would fail.`,
              fix: 'retrain and promote a version that does without it, then remove the set',
            }),
          ]),
      finding('FS103', 'warning', undefined, {
        detail: `Every version of feature_set.${before.name} is dropped with its rows, offline and online. They can be computed again only from sources that still hold the history.${back.length === 0 ? '' : ` ${listed(back.map(described)).replace(/^v/, 'V')} learned from it and cannot be rolled back to then.`}`,
        fix: 'put `protect: true` on a feature set that must not be destroyed',
      }),
    ],
  };
}
