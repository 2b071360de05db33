/**
 * Which version a rollback returns to: the one in production before. Read from the moves as a stack: a version that enters
 * production lies on top of the one it replaced; one that enters again from right below takes what lies above it off.
 * So rolling back twice goes back two versions, and never forward to the one that was rolled back from.
 */
import type { StageMove } from './registry.ts';

/** `newestFirst` as RegistryStore.history answers. Undefined where nothing was in production before. */
export function rollbackTarget(newestFirst: readonly Pick<StageMove, 'version' | 'from' | 'to'>[]): number | undefined {
  const stack: number[] = [];
  for (const { version, to } of newestFirst.toReversed()) {
    if (to !== 'production') continue;
    if (stack.at(-2) === version) stack.pop();
    else if (stack.at(-1) !== version) stack.push(version);
  }
  const inProduction =
    newestFirst.find((move) => move.to === 'production' || move.from === 'production')?.to === 'production';
  return inProduction ? stack.at(-2) : stack.at(-1);
}
