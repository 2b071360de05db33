/** What docs/serving.md shows of specs has the shape that specs have. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type SchemaName, validatorOf } from '../../src/spec/schemas.ts';

type Block = Readonly<Record<string, unknown>>;

const page = readFileSync(new URL('../../docs/serving.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']): Block => parse(text));

/** Each resource that a block shows; members of an endpoint without the endpoint around them get one. */
function shown(block: Block): [SchemaName, unknown][] {
  const { apiVersion: _, kind: __, endpoints, sources, environments, ...members } = block;
  return [
    ...list(endpoints).map((one): [SchemaName, unknown] => ['endpoint', one]),
    ...list(sources).map((one): [SchemaName, unknown] => ['source', one]),
    ...(environments === undefined
      ? []
      : [['project', { project: 'shown', environments }] satisfies [SchemaName, unknown]]),
    ...(Object.keys(members).length > 0
      ? [
          ['endpoint', { name: 'shown', variants: { control: { model: 'm' } }, ...members }] satisfies [
            SchemaName,
            unknown,
          ],
        ]
      : []),
  ];
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

it('every spec on the page about serving has the shape of its kind', () => {
  expect(blocks.length).toBeGreaterThan(5);
  for (const [kind, spec] of blocks.flatMap(shown)) {
    const validate = validatorOf(kind);
    validate(spec);
    expect(validate.errors, JSON.stringify(spec)).toBeNull();
  }
});
