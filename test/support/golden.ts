/** Golden files: what people read, kept beside the tests. `UPDATE=1` rewrites them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'vitest';

export function expectGolden(path: string, actual: string): void {
  if (process.env['UPDATE'] === '1') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
    return;
  }
  expect(existsSync(path), `${path} does not exist: run with UPDATE=1 and read what it wrote`).toBe(true);
  expect(actual).toBe(readFileSync(path, 'utf8'));
}
