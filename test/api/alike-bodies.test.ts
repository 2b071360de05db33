import fc from 'fast-check';
import { expect, it } from 'vitest';
import { alikeBodies } from '../../src/api/alike-bodies.ts';

const alike = alikeBodies('features', 'entities');
const parse = (text: string) => alike(Buffer.from(text), () => {});
/** What JSON.parse answers, and whether it throws. */
const plainly = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return 'no JSON';
  }
};

it('reads what JSON.parse reads, or leaves it to that', () => {
  const name = fc.constantFrom('features', 'entities', 'id', '"features"', 'a,"entities":b', '__proto__');
  const leaf = fc.oneof(name, fc.constant('{'), fc.integer(), fc.constant(null), fc.string());
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(name, leaf, { maxKeys: 3 }));
  const members = fc.array(fc.tuple(name, value), { maxLength: 4 });
  const blank = fc.constantFrom('', ' ', '\n\t', '  ');
  fc.assert(
    fc.property(
      members,
      blank,
      fc.option(fc.tuple(fc.nat(60), fc.constantFrom('', ',', '}', '{', '"', '\\'))),
      (all, gap, edit) => {
        const written = all.map(([key, one]) => `${JSON.stringify(key)}${gap}:${gap}${JSON.stringify(one)}`);
        let text = `{${gap}${written.join(`${gap},${gap}`)}${gap}}`;
        if (edit !== null) text = text.slice(0, edit[0]) + edit[1] + text.slice(edit[0] + 1);
        // Twice: the second time from what was kept.
        for (const read of [parse(text), parse(text)]) if (read !== undefined) expect(read).toEqual(plainly(text));
      },
    ),
    { numRuns: 3_000 },
  );
});

it('keeps the member that is the same, wherever it stands', () => {
  const features = ['a.b', 'c.d'];
  for (const of of [
    (id: number) => JSON.stringify({ entities: { id }, features }),
    (id: number) => JSON.stringify({ features, entities: [{ id }] }),
    (id: number) => `{"features": ["a.b", "c.d"], "entities": {"id": ${id}}}`,
  ]) {
    const [first, second] = [parse(of(1)), parse(of(2))];
    expect([first, second]).toEqual([JSON.parse(of(1)), JSON.parse(of(2))]);
    expect(first?.['features']).toBe(second?.['features']);
    expect(Object.isFrozen(first?.['features'])).toBe(true);
  }
});

it('is refused as it would be whole, also where a list was let in before', () => {
  /** Lets in lists of texts that are not empty, item by item, and nothing beside them and the entities. */
  const problemOf = (body: unknown): string | undefined => {
    const { features, entities, ...rest } = body as Readonly<Record<string, unknown>>;
    if (Object.keys(rest).length > 0 || entities === undefined) return 'members';
    if (!Array.isArray(features) || features.length === 0) return 'no list';
    const at = features.findIndex((name) => typeof name !== 'string');
    return at < 0 ? undefined : `item ${at}`;
  };
  const list = fc.oneof(
    fc.constantFrom(['a.b', 'c.d'], ['a.b'], []),
    fc.array(fc.oneof(fc.constant('a.b'), fc.integer()), { maxLength: 3 }),
    fc.constant('a.b'),
  );
  const member = fc.oneof(
    fc.tuple(fc.constant('"features"'), list),
    fc.tuple(fc.constantFrom('"entities"', '"other"', '"featur\\u0065s"'), fc.oneof(fc.integer(), list)),
  );
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 4 }), (members) => {
      const text = `{${members.map(([name, one]) => `${name}:${JSON.stringify(one)}`).join(',')}}`;
      const check = (body: unknown): void => {
        const problem = problemOf(body);
        if (problem !== undefined) throw new Error(problem);
      };
      const told = (): unknown => {
        try {
          return alike(Buffer.from(text), check);
        } catch (error) {
          return (error as Error).message;
        }
      };
      for (const one of [told(), told()])
        if (one !== undefined) expect(one).toEqual(problemOf(JSON.parse(text)) ?? JSON.parse(text));
    }),
    { numRuns: 3_000 },
  );
});
