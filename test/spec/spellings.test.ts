/** TypeScript and YAML are two spellings of the same thing: random projects load to equal resources from both. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadProject } from '../../src/spec/load.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SEED = 20260401;

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const text = fc.string({ maxLength: 20, unit: 'grapheme' });
const feature = fc.oneof(
  fc.constantFrom('int64', 'float64', 'string', 'array<float64>', 'string[]', 'vector<8>', 'embedding<8>'),
  fc.record(
    {
      dtype: fc.constantFrom('float64', 'float32', 'list<bool>', 'float32[3]'),
      unit: text,
      description: text,
      column: fc.constantFrom('a', 'B c'),
    },
    { requiredKeys: ['dtype'] },
  ),
);
const features = fc.dictionary(
  name.map((key) => `f_${key}`),
  feature,
  { minKeys: 1, maxKeys: 4 },
);
const set = fc.record(
  {
    eventTime: fc.constant('at'),
    query: fc.constantFrom('select * from rows', 'select *\n  exclude (x)\nfrom rows', '\n  select *\n  from rows;\n'),
    ttl: fc.constantFrom('1d', '90s', '400d'),
    owner: text,
    tags: fc.dictionary(name, text, { maxKeys: 2 }),
    protect: fc.boolean(),
    features,
  },
  { requiredKeys: ['eventTime', 'query', 'features'] },
);
const sets = fc.dictionary(name, set, { minKeys: 1, maxKeys: 6 });

it('random feature sets load equal from TypeScript and from YAML', async () => {
  const directory = await temporaryDirectory();
  const base = [
    { kind: 'Source', name: 'rows', file: 'rows.csv' },
    { kind: 'Entity', name: 'patient', keys: { id: 'int64' } },
  ];
  writeFileSync(join(directory.path, 'rows.csv'), 'id,at\n');
  await fc.assert(
    fc.asyncProperty(sets, async (written) => {
      const typescript = Object.entries(written).map(
        ([key, spec]) => `featureSet(${JSON.stringify(key)}, { entity: patient, ...${JSON.stringify(spec)} } as never)`,
      );
      writeFileSync(
        join(directory.path, 'a.config.ts'),
        `import { defineConfig, entity, featureSet, source } from 'mlops';
const patient = entity('patient', { keys: { id: 'int64' } });
export default defineConfig({ project: 'p', resources: [source('rows', { file: 'rows.csv' }), patient, ${typescript.join(', ')}] });`,
      );
      const documents = [
        ...base,
        ...Object.entries(written).map(([key, spec]) => ({
          kind: 'FeatureSet',
          name: key,
          entity: 'patient',
          ...spec,
        })),
      ];
      writeFileSync(join(directory.path, 'b.config.yaml'), stringify({ project: 'p', resources: documents }));
      const [one, two] = [
        await loadProject({ root: directory.path, configFile: 'a.config.ts' }),
        await loadProject({ root: directory.path, configFile: 'b.config.yaml' }),
      ];
      expect(one.project, JSON.stringify(one.diagnostics)).toBeDefined();
      expect([...(two.project?.resources.values() ?? [])].map(({ spec }) => spec)).toEqual(
        [...(one.project?.resources.values() ?? [])].map(({ spec }) => spec),
      );
      expect(two.project?.digest).toBe(one.project?.digest);
    }),
    { seed: SEED, numRuns: 15 },
  );
  await directory.remove();
});
