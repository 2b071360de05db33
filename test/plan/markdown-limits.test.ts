/**
 * A comment at its limits, read by a Markdown parser as the code host reads it: whatever texts stand in a plan, its blocks are the same as with
 * plain words in their place; and however much there is to tell, it fits, ends well and has the gravest of it.
 */
import fc from 'fast-check';
import { micromark } from 'micromark';
import { gfm, gfmHtml } from 'micromark-extension-gfm';
import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../src/lib/diagnostics.ts';
import { MlopsError } from '../../src/lib/error.ts';
import { gateOf } from '../../src/plan/gate.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { renderFailureMarkdown } from '../../src/plan/render/failure.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { COMMENT_LIMIT, MARGIN, renderMarkdown } from '../../src/plan/render/markdown.ts';
import { hostileText, type PlanShape, planOfShape } from '../support/hostile-plans.ts';
import { afterApply } from '../support/plan-scenarios.ts';

const SMALL: PlanShape = {
  changes: 7,
  findings: 6,
  policies: 2,
  decisions: 2,
  unmanaged: 2,
  endpoints: 2,
  leftOut: 2,
  lines: 3,
};

const read = (text: string): string =>
  micromark(text, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] });
const rendered = (plan: Plan): string => renderMarkdown(plan, { gate: gateOf(plan, 'breaking') });

/** The tags, in order, without those that a text may have inside its line: code, links that show where they lead. */
function blocksOf(html: string): readonly string[] {
  return (html.match(/<!--|<\/?[a-z][^>]*>/gi) ?? [])
    .map((tag) => (tag.includes('class="language-diff"') ? '<diff>' : tag.replace(/(<\/?\w+) [^>]*/, '$1')))
    .filter((tag) => !/^<\/?(code|a|br)\b/.test(tag));
}

/** What is not code: where people are called and references become links. */
const outsideCode = (html: string): string =>
  html
    .replace(/<(pre|code|a)\b[^>]*>[\s\S]*?<\/\1>/g, '<code/>')
    .replaceAll('&#8203;', '\u200b')
    .replaceAll('&amp;', '&');

/** Every element closed where it was opened. */
function openAtTheEnd(html: string): readonly string[] {
  const open: string[] = [];
  for (const [, end = '', name = '', self = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
    if (self === '/' || name === 'br' || name === 'input') continue;
    if (end === '') open.push(name);
    else if (open.pop() !== name) throw new Error(`</${name}> ends what was not open`);
  }
  return open;
}

describe('whatever stands in a plan', () => {
  it('no text leaves its cell, item, fold or fence, calls somebody or leads elsewhere than it says', () => {
    const plain = blocksOf(read(rendered(planOfShape(SMALL, (place) => `word${place}`))));
    expect(plain.filter((tag) => tag === '<details>')).toHaveLength(SMALL.changes);
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 5, maxLength: 40 }), (texts) => {
        const html = read(rendered(planOfShape(SMALL, (place) => texts[place % texts.length] ?? '')));
        expect(blocksOf(html)).toEqual(plain);
        expect(openAtTheEnd(html)).toEqual([]);
        expect(html.match(/<!--/g)).toHaveLength(1);
        // Nobody is called, nothing is referred to, and a link shows where it leads.
        expect(outsideCode(html)).not.toMatch(/@[\p{L}\p{N}]|#\d|GH-\d/u);
        for (const [, href = '', shown = ''] of html.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g))
          expect(href.replaceAll('%25', '%')).toBe(shown.replaceAll('%25', '%'));
      }),
      { seed: 7, numRuns: 150 },
    );
  }, 60_000);

  it('drift is told as safely, in a list', () => {
    const drifted = (text: (place: number) => string): string =>
      renderMarkdown({
        ...planOfShape({ ...SMALL, changes: 0 }, text),
        mode: 'refresh',
        drift: [1, 2, 3].map((index) => ({
          address: `store.${text(index)}`,
          code: 'ST201' as const,
          severity: 'error' as const,
          summary: 'Table is missing',
          detail: text(index + 10),
          fix: text(index + 20),
        })),
      });
    const plain = blocksOf(read(drifted((place) => `word${place}`)));
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 5, maxLength: 20 }), (texts) => {
        const html = read(drifted((place) => texts[place % texts.length] ?? ''));
        expect(blocksOf(html)).toEqual(plain);
        expect(outsideCode(html)).not.toMatch(/@[\p{L}\p{N}]/u);
      }),
      { seed: 13, numRuns: 100 },
    );
  });

  it('what cannot be seen or turns the direction of writing is spelled out, for people at a terminal too', async () => {
    const trick = 'ok\u202e\u0007\u001b[2J\u200b';
    const plan = await afterApply({ labs: { description: `${trick}\nline`, owner: trick } });
    for (const text of [renderHuman(plan, { color: false }), renderMarkdown(plan)]) {
      expect(text).not.toMatch(/[\u202e\u200b]|\p{Cc}(?<![\n\t])/u);
      expect(text).toContain('ok<U+202E><U+0007><U+001B>[2J<U+200B>');
    }
  });
});

describe('however much there is to tell', () => {
  const sizes = (most: number): fc.Arbitrary<number> => fc.oneof(fc.constant(1), fc.integer({ min: 1, max: most }));
  const shape: fc.Arbitrary<PlanShape> = fc.record({
    changes: fc.oneof(fc.constant(5), fc.integer({ min: 5, max: 4000 })),
    findings: sizes(4000),
    policies: sizes(400),
    decisions: sizes(400),
    unmanaged: sizes(4000),
    endpoints: sizes(300),
    leftOut: sizes(2000),
    lines: fc.constantFrom(1, 2, 10),
  });

  it('it fits, every block ends, and the gravest is there', () => {
    fc.assert(
      fc.property(shape, fc.array(hostileText, { minLength: 5, maxLength: 20 }), sizes(300), (given, texts, times) => {
        // Long texts of thousands of changes need not be made one by one.
        const long = texts.map((text) => text.repeat(given.changes > 500 ? 2 : times));
        const plan = planOfShape(given, (place) => long[place % long.length] ?? '');
        const text = rendered(plan);
        expect(text.length).toBeLessThanOrEqual(COMMENT_LIMIT - MARGIN);
        const html = read(text);
        expect(openAtTheEnd(html)).toEqual([]);
        expect(html.match(/<details>/g)?.length ?? 0).toBe(html.match(/<\/details>/g)?.length ?? 0);

        const [gravest] = plan.changes.slice(-1);
        expect(text).toContain('> **Denied by policy.p');
        expect(text).toContain('> **Blocked by --fail-on breaking: ');
        expect(text).toContain(
          '> **It cannot be applied** until what is marked as an error is settled: FS101 of `feature_set.s0`',
        );
        expect(text).toContain(`| **destructive** | \`${gravest?.address}\` |`);
        expect(text).toContain(
          `<summary><code>${{ create: '+', update: '~', delete: '-' }[gravest?.actions[0] as string]} ${gravest?.address}</code> destructive`,
        );
        expect(text).toContain(`- **error AP111** \`policy.p${given.policies - 1}\` deny`);
        expect(text).toContain('#### Decisions');
        expect(text).toContain('**error FS101**');
        expect(text).toContain('| affected endpoint | owner |');
        const shown = text.match(/^<details>/gm)?.length ?? 0;
        if (shown < given.changes)
          expect(text).toContain(
            `${given.changes - shown} ${given.changes - shown === 1 ? 'change' : 'changes'} with what differs`,
          );
        else expect(text).not.toMatch(/change.? with what differs/);
      }),
      // A smaller case of thousands of texts takes longer to find than to read.
      { seed: 17, numRuns: 12, endOnFailure: true },
    );
  }, 120_000);

  it('a plan that cannot be made fits as well, with the first errors and any text in them', () => {
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 5, maxLength: 20 }), (texts) => {
        const text = (place: number): string => texts[place % texts.length] ?? '';
        const diagnostics = Array.from({ length: 900 }, (_, index): Diagnostic => {
          const at = { line: index + 1, column: 1 };
          return {
            code: 'SP103',
            severity: index < 450 ? 'warning' : 'error',
            summary: 'Wrong type or value',
            detail: text(index).repeat(20),
            hint: text(index + 1),
            at: { file: text(index + 2), start: at, end: at },
          };
        });
        const error = new MlopsError('AP001', { detail: text(3), hint: text(4), diagnostics });
        const told = renderFailureMarkdown(error, { project: 'clinic', environment: 'prod' });
        expect(told.length).toBeLessThanOrEqual(COMMENT_LIMIT - MARGIN);
        const html = read(told);
        expect(openAtTheEnd(html)).toEqual([]);
        expect(outsideCode(html)).not.toMatch(/@[\p{L}\p{N}]/u);
        const shown = html.match(/<li>/g)?.length ?? 0;
        expect(told.match(/^- \*\*error SP103\*\*/gm)?.length).toBe(Math.min(450, shown));
        if (shown < 900)
          expect(told).toMatch(new RegExp(`Not shown: ${900 - shown}\\. \`mlops validate\` shows all\\.\n$`));
      }),
      { seed: 19, numRuns: 8 },
    );
  }, 60_000);

  it('what is cut is said as the last block, outside of every other', () => {
    const html = read(rendered(planOfShape({ ...SMALL, changes: 3000, findings: 3000 }, (place) => `word${place}`)));
    expect(html).toMatch(
      /<blockquote>\n<p><strong>Cut to fit a comment<\/strong>[^<]*<code>mlops plan<\/code>[^<]*<\/p>\n<\/blockquote>\n?$/,
    );
  });
});
