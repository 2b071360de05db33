import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatDiagnostic } from '../../src/lib/code-frame.ts';
import { environmentOf } from '../../src/spec/environment.ts';
import { loadProject, readProjectFile } from '../../src/spec/load.ts';
import type { Project } from '../../src/spec/project.ts';

const repository = join(import.meta.dirname, '../..');

async function load(root: string): Promise<Project> {
  const { project, diagnostics } = await loadProject({ root });
  const shown = diagnostics.map((diagnostic) =>
    formatDiagnostic(diagnostic, { color: false, readFile: readProjectFile(root) }),
  );
  expect(shown).toEqual([]);
  if (project === undefined) throw new Error('no project');
  return project;
}

/** Specs by address, the files of sources as absolute paths: the two projects have different roots. */
function specsOf(project: Project): Record<string, unknown> {
  return Object.fromEntries(
    [...project.resources.values()].map((resource) => {
      const { spec } = resource;
      return [
        resource.address,
        'file' in spec && spec.file !== undefined ? { ...spec, file: join(project.root, spec.file) } : spec,
      ];
    }),
  );
}

it('the healthcare project in TypeScript and its twin in YAML load equal', async () => {
  const typescript = await load(repository);
  const yaml = await load(join(repository, 'examples/healthcare'));
  expect(specsOf(yaml)).toEqual(specsOf(typescript));
  expect([...yaml.resources.keys()]).toEqual([...typescript.resources.keys()]);
  const digests = (project: Project): string[] =>
    [...project.resources.values()].filter((resource) => resource.kind !== 'source').map((resource) => resource.digest);
  expect(digests(yaml)).toEqual(digests(typescript));
  expect(yaml.environments).toEqual(typescript.environments);
  expect(environmentOf(yaml, 'prod')).toEqual({ control: { postgres: { $env: 'DATABASE_URL' } } });
});

it('a resource knows the place of its parts, in both', async () => {
  const typescript = await load(repository);
  const yaml = await load(join(repository, 'examples/healthcare'));
  const place = (project: Project, pointer: string): string | undefined => {
    const at = project.resources.get('feature_set.patient_labs')?.locate(pointer);
    return at && `${at.file}:${at.start.line}`;
  };
  expect(place(typescript, '/features/albumin/dtype')).toMatch(/^mlops\.config\.ts:\d+$/);
  expect(place(yaml, '/features/albumin/dtype')).toBe('specs/features.yaml:11');
  expect(place(yaml, '/ttl')).toBe('specs/features.yaml:7');
  expect(place(yaml, '/nothing/there')).toBe('specs/features.yaml:1');
});
