/**
 * References to values that never enter a spec, a plan, the state, a log or an event: `env('NAME')` in TypeScript,
 * `${env:NAME}` in YAML, `{ "$env": "NAME" }` in canonical form. Resolved at the moment of use.
 */
import { MlopsError } from './error.ts';

export interface EnvRef {
  readonly $env: string;
}

export function isEnvRef(value: unknown): value is EnvRef {
  return typeof value === 'object' && value !== null && typeof (value as EnvRef).$env === 'string';
}

const NONE: readonly string[] = [];

/** Looks only, and makes nothing: most values hold none. */
function holdsReference(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (isEnvRef(value)) return true;
  for (const key in value) if (holdsReference((value as Readonly<Record<string, unknown>>)[key])) return true;
  return false;
}

/** The values of all references anywhere in `value` that are set: what must be shown nowhere. */
export function secretsIn(value: unknown, variables: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (!holdsReference(value)) return NONE;
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    const secret = isEnvRef(part) ? variables[part.$env] : undefined;
    if (secret !== undefined && secret !== '') found.add(secret);
    for (const member of Object.values(part)) visit(member);
  };
  visit(value);
  return [...found];
}

/** The value now, from `variables` (normally process.env). Throws SP110 when it is not set. */
export function resolveEnv(value: string | EnvRef, variables: Readonly<Record<string, string | undefined>>): string {
  if (!isEnvRef(value)) return value;
  const found = variables[value.$env];
  if (found === undefined || found === '') {
    throw new MlopsError('SP110', {
      detail: `The environment variable ${value.$env} is not set.`,
      hint: `set it before running: export ${value.$env}=…`,
    });
  }
  return found;
}
