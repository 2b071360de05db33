import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from '../../src/lib/code-frame.ts';
import type { DescribeSource } from '../../src/spec/engine-checks.ts';
import { loadProject, readProjectFile } from '../../src/spec/load.ts';
import { expectGolden } from '../support/golden.ts';

const cases = join(import.meta.dirname, '../cases/spec');

/** The header of a CSV file, as an engine would describe it. */
const describeCsv: DescribeSource = async (source, root) => {
  const header = readFileSync(join(root, source.file ?? ''), 'utf8').split('\n')[0] ?? '';
  return [...header.split(','), ...Object.keys(source.columns ?? {})].map((name) => ({ name, type: 'VARCHAR' }));
};

describe('every problem is told at its place', () => {
  for (const name of readdirSync(cases)) {
    it(`in the project ${name}`, async () => {
      const root = join(cases, name);
      const { project, diagnostics } = await loadProject({ root, describeSource: describeCsv });
      const shown = diagnostics.map((diagnostic) =>
        formatDiagnostic(diagnostic, { color: false, readFile: readProjectFile(root) }),
      );
      expect(project).toBeUndefined();
      expectGolden(join(root, 'expected.golden.txt'), `${shown.join('\n\n')}\n`);
    });
  }
});
