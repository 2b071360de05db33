/** Versions of models that are asked with the version of a feature set that they learned from, whatever is applied since. */
import type { PlanFacts, ReadVersion } from '../../stores/control/facts.ts';
import { listed, verb } from './analyzer.ts';

/** Whether this version of a model goes on reading the version of the set that it learned from. */
export function isPinned(facts: PlanFacts, set: string, model: string, version: number | null): boolean {
  return (facts.versionReaders ?? []).some(
    (reader) => reader.set === set && reader.model === model && reader.modelVersion === version,
  );
}

export function readersOfSet(facts: PlanFacts, set: string): readonly ReadVersion[] {
  return (facts.versionReaders ?? []).filter((reader) => reader.set === set);
}

/** Who goes on reading which version, and until when; empty where nothing does. */
export function whoGoesOn(readers: readonly ReadVersion[]): string {
  const byVersion = new Map<number, string[]>();
  for (const reader of readers)
    byVersion.set(reader.version, [...(byVersion.get(reader.version) ?? []), described(reader)]);
  return [...byVersion]
    .sort(([a], [b]) => a - b)
    .map(
      ([version, who]) =>
        ` ${capital(listed(who))} ${verb(who, 'goes', 'go')} on reading version ${version}, which is kept up to date until ${verb(who, 'it is', 'they are')} replaced, and then retired.`,
    )
    .join('');
}

const AS: Readonly<Record<ReadVersion['as'], string>> = {
  production: 'in production',
  staging: 'in staging',
  rollback: 'to roll back to',
  candidate: 'in development',
  endpoint: 'that an endpoint is pinned to',
};

export function described({ model, modelVersion, as }: ReadVersion): string {
  return `version ${modelVersion} of model.${model} ${AS[as]}`;
}

function capital(text: string): string {
  return text.replace(/^v/, 'V');
}
