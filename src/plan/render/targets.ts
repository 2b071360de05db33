/** What `--target` limits a plan to, and what it leaves out. */
import type { Plan } from '../plan.ts';

/** `mark` is put around addresses. At most `most` of what is left out are named. */
export function limitText(plan: Plan, most: number, mark: (address: string) => string = (address) => address): string {
  const more = plan.targets.length - most;
  const named = `${plan.targets.slice(0, most).map(mark).join(', ')}${more > 0 ? `, ${more} more` : ''}`;
  const limited = `Limited to ${named} and what belongs to it.`;
  // A plan that was saved by an older version does not say what it leaves out.
  const leftOut = plan.leftOut ?? [];
  if (leftOut.length === 0) return limited;
  const shown = leftOut.slice(0, most).map(mark).join(', ');
  const others = leftOut.length > most ? ` and ${leftOut.length - most} more` : '';
  return `${limited} Left out: ${leftOut.length === 1 ? '1 change' : `${leftOut.length} changes`} (${shown}${others}).`;
}
