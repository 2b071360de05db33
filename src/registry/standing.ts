/** How a model stood at a time: told by what was appended until then, whatever was moved, renamed or deleted since. Pure. */
import type { StageMove } from '../stores/control/registry.ts';
import type { RegistryChange } from '../stores/control/registry-labels.ts';

export interface Standing {
  readonly production: number | null;
  /** In the order of their numbers. */
  readonly staging: readonly number[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, number>>;
  /** How many versions there were. */
  readonly versions: number;
}

/** Both newest first, as the store tells them. */
export function standingAt(moves: readonly StageMove[], changes: readonly RegistryChange[], at: Date): Standing {
  const stages = new Map<number, string>();
  for (const { version, to, at: moved } of moves.toReversed()) if (moved <= at) stages.set(version, to);
  const aliases = new Map<string, number>();
  for (const { change, key, version, at: changed } of changes.toReversed()) {
    if (changed > at || version === null) continue;
    if (change === 'alias' && key !== null) aliases.set(key, version);
    if (change === 'unalias' && key !== null) aliases.delete(key);
    if (change === 'delete') stages.delete(version);
  }
  const versionsAt = (stage: string) =>
    [...stages].flatMap(([version, at]) => (at === stage ? [version] : [])).sort((a, b) => a - b);
  return {
    production: versionsAt('production')[0] ?? null,
    staging: versionsAt('staging'),
    aliases: Object.fromEntries([...aliases].sort(([a], [b]) => (a < b ? -1 : 1))),
    versions: stages.size,
  };
}
