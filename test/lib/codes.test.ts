import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CODES } from '../../src/lib/codes.ts';

const repository = join(import.meta.dirname, '../..');

it('docs/codes.md explains every code, and no other', () => {
  const page = readFileSync(join(repository, 'docs/codes.md'), 'utf8');
  const told = [...page.matchAll(/^- \*\*([A-Z]+\d{3}) (.+?)\.\*\* \S/gm)].map((match) => [match[1], match[2]]);
  expect(Object.fromEntries(told)).toEqual(CODES);
  expect(told).toHaveLength(Object.keys(CODES).length);
});

it('every code is used', () => {
  const files = readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' });
  const code = files
    .filter((file) => file.endsWith('.ts') && file !== join('lib', 'codes.ts'))
    .map((file) => readFileSync(join(repository, 'src', file), 'utf8'))
    .join('\n');
  expect(Object.keys(CODES).filter((name) => !code.includes(`'${name}'`))).toEqual([]);
});
