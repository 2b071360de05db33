/** What `import` writes loads back to what was recorded. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/lib/canonical.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { canonicalizeResource } from '../../src/spec/canonicalize.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import { loadProject } from '../../src/spec/load.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import { yamlOf } from '../../src/spec/write-yaml.ts';
import { parseYaml } from '../../src/spec/yaml-file.ts';
import { randomProject } from '../support/random-projects.ts';
import { healthcare } from '../support/specs.ts';

/** As the loader and the HTTP interface take it, among the other resources of the project. */
function digestOfRead(kind: Kind, raw: unknown, project: Project): string | null {
  const all = [...project.resources.values()];
  const { spec } = canonicalizeResource(kind, raw, {
    get: ((asked: Kind, name: string) =>
      all.find((other) => other.kind === asked && other.name === name)?.spec) as never,
    names: (asked) => new Set(all.filter((other) => other.kind === asked).map(({ name }) => name)),
  });
  return spec === undefined ? null : digestOf(spec);
}

function readBack(resource: AnyResource, project: Project): { readonly yaml: string; readonly digest: string | null } {
  const { kind } = resource as { readonly kind: Kind };
  const yaml = yamlOf(kind, resource.spec as CanonicalSpecs[Kind]);
  const { documents, diagnostics } = parseYaml(yaml, 'x.yaml');
  expect(diagnostics).toEqual([]);
  return { yaml, digest: digestOfRead(kind, documents[0]?.value, project) };
}

/** Bundles of code come from the working tree, not from the file. */
function withoutBundles(resource: AnyResource): AnyResource {
  if (resource.kind !== 'pipeline') return resource;
  const tasks = Object.entries(resource.spec.tasks).map(([name, task]) => {
    const { bundle: _, ...rest } = task as typeof task & { readonly bundle?: unknown };
    return [name, rest];
  });
  const spec = { ...resource.spec, tasks: Object.fromEntries(tasks) } as typeof resource.spec;
  return { ...resource, spec, digest: digestOf(spec) };
}

function expectEqual(project: Project): void {
  for (const one of project.resources.values()) {
    const resource = withoutBundles(one);
    // The generator also draws what nobody may write: a pipeline without tasks, an endpoint by a key that is none.
    if (digestOfRead(resource.kind, resource.spec, project) === null) continue;
    const { yaml, digest } = readBack(resource, project);
    expect(digest, yaml).toBe(resource.digest);
  }
}

describe('a canonical spec written as YAML', () => {
  it('loads back to an equal spec, for random projects of every kind', () => {
    fc.assert(fc.property(randomProject, expectEqual), { numRuns: 200 });
  });

  it('loads back to an equal spec, for every resource of the examples', async () => {
    const repository = join(import.meta.dirname, '../..');
    for (const root of [repository, join(repository, 'examples/healthcare')]) {
      const { project } = await loadProject({ root });
      if (project === undefined) throw new Error(`${root} does not load`);
      expectEqual(project);
    }
    expectEqual(healthcare());
  });

  it('keeps any text: numbers, booleans, lines, white space and marks of YAML', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.constantFrom(
        'yes',
        'null',
        '1e3',
        '0x1f',
        '# no',
        '- a',
        'a: b',
        "it's",
        ' x ',
        'a\n  b\n',
        'a\\n',
        '2020-01-01',
        '~',
        '{x}',
        '\t',
      ),
    );
    const entity = healthcare().resources.get('entity.patient') as AnyResource;
    fc.assert(
      fc.property(text, fc.dictionary(fc.constantFrom('a', 'b.c'), text), (description, tags) => {
        fc.pre(!`${description}${Object.values(tags).join('')}`.includes('${env:'));
        const spec = { ...(entity.spec as CanonicalSpecs['entity']), description, tags };
        const resource = { ...entity, spec, digest: digestOf(spec) } as AnyResource;
        const { yaml, digest } = readBack(resource, healthcare());
        expect(digest, yaml).toBe(resource.digest);
      }),
      { numRuns: 500 },
    );
  });

  it('is as a person writes it: order of the schema, short forms, needs only where they say something', () => {
    expect(
      yamlOf('feature_set', {
        features: { bili: { dtype: 'float64', expect: { min: 0 } }, albumin: { dtype: 'float64' } },
        ttl: '400d',
        eventTime: 'event_time',
        name: 'labs',
        push: true,
        entity: 'patient',
        tags: { domain: 'liver' },
      }),
    ).toBe(`apiVersion: mlops/v1
kind: FeatureSet
name: labs
entity: patient
push: true
eventTime: event_time
ttl: 400d
features:
  bili:
    dtype: float64
    expect: { min: 0 }
  albumin: float64
tags: { domain: liver }
`);
    expect(
      yamlOf('pipeline', {
        name: 'nightly',
        tasks: {
          first: { operator: 'command', command: ['echo', '1'], env: { TOKEN: { $env: 'TOKEN' } }, needs: [] },
          second: { operator: 'command', command: 'echo one\necho two', needs: ['first'], timeout: '1m' },
        },
      } as CanonicalSpecs['pipeline']),
    ).toBe(`apiVersion: mlops/v1
kind: Pipeline
name: nightly
tasks:
  first:
    operator: command
    command: [ echo, "1" ]
    env: { TOKEN: "\${env:TOKEN}" }
  second:
    operator: command
    command: |-
      echo one
      echo two
    timeout: 1m
`);
  });
});
