import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from '../../src/lib/code-frame.ts';
import type { Diagnostic } from '../../src/lib/diagnostics.ts';

const text = ['one', 'two', 'three: wrong', 'four', 'five', 'six'].join('\n');
const diagnostic: Diagnostic = {
  code: 'SP103',
  severity: 'error',
  summary: 'Wrong type or value',
  detail: '"three" is wrong.',
  hint: 'did you mean "right"?',
  at: { file: 'a.yaml', start: { line: 3, column: 8 }, end: { line: 3, column: 13 } },
};

describe('a diagnostic as text', () => {
  it('shows two lines around the place and marks it', () => {
    expect(formatDiagnostic(diagnostic, { color: false, readFile: () => text })).toBe(
      [
        'a.yaml:3:8 error SP103 Wrong type or value',
        '  "three" is wrong.',
        '',
        '    1 | one',
        '    2 | two',
        '  > 3 | three: wrong',
        '      |        ^^^^^',
        '    4 | four',
        '    5 | five',
        '',
        '  did you mean "right"?',
      ].join('\n'),
    );
  });

  it('does without the file and without a place', () => {
    expect(formatDiagnostic(diagnostic, { color: false, readFile: () => undefined })).toBe(
      ['a.yaml:3:8 error SP103 Wrong type or value', '  "three" is wrong.', '  did you mean "right"?'].join('\n'),
    );
    const nowhere = formatDiagnostic(
      { ...diagnostic, at: undefined, address: 'entity.a' },
      { color: false, readFile: () => text },
    );
    expect(nowhere.split('\n').slice(0, 2)).toEqual([
      'error SP103 Wrong type or value',
      '  entity.a: "three" is wrong.',
    ]);
  });

  it('cuts a very long line around the place', () => {
    const long = `${'x'.repeat(300)}HERE${'y'.repeat(300)}`;
    const at = { file: 'a.sql', start: { line: 1, column: 301 }, end: { line: 1, column: 305 } };
    const lines = formatDiagnostic({ ...diagnostic, at }, { color: false, readFile: () => long }).split('\n');
    const [shown = '', marked = ''] = lines.slice(3, 5);
    expect(shown.length).toBeLessThan(180);
    expect(shown.slice(marked.indexOf('^'), marked.lastIndexOf('^') + 1)).toBe('HERE');
  });

  it('has colours only when asked', () => {
    const color = formatDiagnostic(diagnostic, { color: true, readFile: () => text });
    expect(color).toContain('\u001b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
    expect(color.replace(/\u001b\[\d+m/g, '')).toBe(
      formatDiagnostic(diagnostic, { color: false, readFile: () => text }),
    );
  });
});
