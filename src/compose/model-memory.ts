/** How much memory the versions that are served may take together. */

import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { sizeBytes } from '../lib/units.ts';

/** What `serving.memory` says; else half of what the machine, or the group of processes that this one is in, has. */
export function modelMemoryBytes(said: string | undefined): number {
  if (said !== undefined) return sizeBytes(said);
  const limit = constrainedMemory();
  return Math.floor((limit > 0 ? Math.min(limit, totalmem()) : totalmem()) / 2);
}
