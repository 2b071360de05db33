/** Seeded random queries over the tables of `lineage-queries.ts`: nested, joined, grouped, with windows and set operations. */

export interface Random {
  next(): number;
}

interface Shape {
  /** A relation that stands in from, and what it is called there. */
  readonly from: string;
  /** Numbers, as expressions over it. */
  readonly numbers: readonly string[];
  readonly key: string;
  readonly time: string;
}

/** Yields `k` (a key), `t` (a time), and the numbers `x` and `y`: what they are does not depend on the order in which the engine takes rows. */
export function randomQuery(random: Random, depth = 2): string {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
  const chance = (share: number): boolean => random.next() < share;
  let names = 0;
  const name = (): string => {
    names += 1;
    return `r${names}`;
  };

  function relation(level: number): Shape {
    const alias = name();
    if (level <= 0 || chance(0.4)) {
      if (chance(0.35))
        return { from: `labs ${alias}`, numbers: [`${alias}.value`], key: `${alias}.id`, time: `${alias}.seen` };
      return {
        from: `visits ${alias}`,
        numbers: [
          `${alias}.bili`,
          `${alias}.albumin`,
          `${alias}.stage`,
          `len(${alias}.marks)`,
          `${alias}.body.weight`,
          `length(${alias}.drug)`,
        ],
        key: `${alias}.id`,
        time: `${alias}.seen`,
      };
    }
    return {
      from: `(${query(level - 1)}) ${alias}`,
      numbers: [`${alias}.x`, `${alias}.y`],
      key: `${alias}.k`,
      time: `${alias}.t`,
    };
  }

  function joined(level: number): Shape {
    const left = relation(level);
    if (!chance(0.45)) return left;
    const kind = pick(['inner', 'left', 'asof', 'cross', 'semi', 'anti'] as const);
    // Of two rows of one time the engine may take either.
    const right = relation(kind === 'asof' ? 0 : level - 1);
    const numbers = [...left.numbers, ...right.numbers];
    switch (kind) {
      case 'inner':
        return { ...left, from: `${left.from} join ${right.from} on ${left.key} = ${right.key}`, numbers };
      case 'left':
        return {
          ...left,
          from: `${left.from} left join ${right.from} on ${left.key} = ${right.key} and ${left.time} >= ${right.time}`,
          numbers,
        };
      case 'asof':
        return {
          ...left,
          from: `${left.from} asof left join ${right.from} on ${left.key} = ${right.key} and ${left.time} >= ${right.time}`,
          numbers,
        };
      case 'cross':
        return { ...left, from: `${left.from}, ${right.from}`, numbers };
      case 'semi':
        return { ...left, from: `${left.from} semi join ${right.from} on ${left.key} = ${right.key}` };
      case 'anti':
        return { ...left, from: `${left.from} anti join ${right.from} on ${left.key} = ${right.key}` };
    }
  }

  function number({ numbers, key, time }: Shape): string {
    const one = pick(numbers);
    switch (Math.floor(random.next() * 9)) {
      case 0:
        return `${one} + ${pick(numbers)}`;
      case 1:
        return `case when ${pick(numbers)} > 2 then ${one} else ${pick(numbers)} end`;
      case 2:
        return `coalesce(${one}, ${pick(numbers)})`;
      case 3:
        return `sum(${one}) over (partition by ${key} order by ${time})`;
      case 4:
        return `max(${one}) over (order by ${time} range between unbounded preceding and interval 1 day preceding)`;
      case 5:
        return `list_sum([n * 2 for n in [${one}, ${pick(numbers)}] if n > 1])`;
      case 6: {
        const inner = relation(0);
        return `(select max(${pick(inner.numbers)}) from ${inner.from} where ${inner.key} = ${key})`;
      }
      default:
        return one;
    }
  }

  function condition(shape: Shape): string {
    if (chance(0.25)) {
      const inner = relation(0);
      return chance(0.5)
        ? `${shape.key} in (select ${inner.key} from ${inner.from} where ${pick(inner.numbers)} > 2)`
        : `exists (select 1 from ${inner.from} where ${inner.key} = ${shape.key} and ${inner.time} <= ${shape.time})`;
    }
    return `${pick(shape.numbers)} > ${1 + Math.floor(random.next() * 3)}`;
  }

  function select(level: number): string {
    const shape = joined(level);
    const where = chance(0.4) ? ` where ${condition(shape)}` : '';
    if (chance(0.3)) {
      const having = chance(0.4) ? ` having count(*) > 1` : '';
      const filter = chance(0.3) ? ` filter (where ${pick(shape.numbers)} > 1)` : '';
      const by = pick(['all', '1, 2', `${shape.key}, ${shape.time}`, 'k, t']);
      return `select ${shape.key} as k, ${shape.time} as t, ${pick(['max', 'min', 'sum', 'count'])}(${pick(shape.numbers)})${filter} as x, list_sum(list(${pick(shape.numbers)} order by ${pick(shape.numbers)})) as y from ${shape.from}${where} group by ${by}${having}`;
    }
    const distinct = chance(0.15) ? 'distinct ' : '';
    const qualify = chance(0.25)
      ? ` qualify rank() over (partition by ${shape.key} order by ${pick(shape.numbers)}) <= 2`
      : '';
    const order = chance(0.2) ? ` order by t, k, x, y limit ${3 + Math.floor(random.next() * 8)}` : '';
    const x = number(shape);
    // The engine takes no name of an output that holds a subquery.
    const y = chance(0.2) && !x.startsWith('(select') ? 'x * 2' : number(shape);
    return `select ${distinct}${shape.key} as k, ${shape.time} as t, ${x} as x, ${y} as y from ${shape.from}${where}${qualify}${order}`;
  }

  function query(level: number): string {
    if (chance(0.15)) {
      const operation = pick(['union all', 'union', 'union all by name', 'except', 'intersect']);
      return `(${select(level)}) ${operation} (${select(level - 1)})`;
    }
    if (chance(0.2)) {
      const cte = name();
      return `with ${cte} as (${query(level - 1)}) select * exclude (y), y + ${1 + Math.floor(random.next() * 3)} as y from ${cte}`;
    }
    return select(level);
  }
  return query(depth);
}
