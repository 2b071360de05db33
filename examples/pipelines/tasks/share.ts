/** Of all, in percent. */
export function share(some: number, all: number): number {
  return all === 0 ? 0 : Math.round((100 * some) / all);
}
