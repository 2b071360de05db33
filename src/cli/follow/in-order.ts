/** Tasks with those before them first, else as written. Without recursion: a chain may be long. */
export function inOrder<T extends { readonly name: string; readonly needs: readonly string[] }>(
  tasks: Iterable<T>,
): readonly T[] {
  const byName = new Map([...tasks].map((task) => [task.name, task]));
  const placed = new Set<string>();
  const order: T[] = [];
  for (const first of byName.values()) {
    const stack = [first];
    for (let task = stack.at(-1); task !== undefined; task = stack.at(-1)) {
      const before = placed.has(task.name)
        ? undefined
        : task.needs.map((need) => byName.get(need)).find((need) => need !== undefined && !placed.has(need.name));
      if (before !== undefined) {
        stack.push(before);
        continue;
      }
      stack.pop();
      if (!placed.has(task.name)) order.push(task);
      placed.add(task.name);
    }
  }
  return order;
}
