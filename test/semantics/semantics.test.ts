// Each sentence of docs/semantics.md names the tests that would fail if it were untrue. A sentence of its own has a line in the file of its section.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SECTIONS } from './sections.ts';
import { type Section, sentencesOf } from './sentences.ts';
import { titlesOf } from './titles.ts';

const tests = join(import.meta.dirname, '..');
const page = sentencesOf(readFileSync(join(tests, '../docs/semantics.md'), 'utf8'));

it('every section of docs/semantics.md has a file, and every file a section', () => {
  expect(Object.keys(SECTIONS).sort()).toEqual([...page.keys()].sort());
});

describe.each(Object.entries(SECTIONS))('%s', (name, section) => {
  it('has an entry for each sentence of the page, and for no other', () => {
    const sentences = page.get(name) ?? [];
    expect(Object.keys(section).filter((sentence) => !sentences.includes(sentence))).toEqual([]);
    expect(sentences.filter((sentence) => section[sentence] === undefined)).toEqual([]);
  });

  it('names a test for each sentence', () => {
    const tests = (sentence: string) => Object.values(section[sentence] ?? {}).flat();
    expect(Object.keys(section).filter((sentence) => tests(sentence).length === 0)).toEqual([]);
  });

  it('names tests that exist, and are not skipped', () => expect(missing(section)).toEqual([]));
});

describe('the reader of the page', () => {
  it('cuts points into sentences and drawings into lines', () => {
    const read = sentencesOf(
      '# Page\n\nWords.\n\n## A\n\n- One of `a. B` (see. This) is\n  true. Two.\n- Three: 1.5.\n\n    x:  y\n       z\n\n- Four\n\n## B\n\nFive. Six\nis.\n',
    );
    expect([...read]).toEqual([
      ['A', ['One of `a. B` (see. This) is true.', 'Two.', 'Three: 1.5.', 'x: y', 'z', 'Four']],
      ['B', ['Five.', 'Six is.']],
    ]);
  });

  it('finds the titles of tests, and none that is skipped', () => {
    const titles = titlesOf(join(tests, 'orchestrator/http-request.test.ts'));
    expect(titles.size).toBeGreaterThan(5);
    expect(titles).not.toContain('no such test');
  });
});

function missing(section: Section): readonly string[] {
  const named = Object.values(section).flatMap((holders) =>
    Object.entries(holders).flatMap(([file, titles]) => titles.map((title) => ({ file, title }))),
  );
  return named
    .filter(({ file, title }) => !existsSync(join(tests, file)) || !titlesOf(join(tests, file)).has(title))
    .map(({ file, title }) => `${file}: ${title}`);
}
