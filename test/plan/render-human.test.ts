import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { digestOf, sha256 } from '../../src/lib/canonical.ts';
import { changedCodeDigests } from '../../src/plan/code-changes.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderJson } from '../../src/plan/render/json.ts';
import { fitted } from '../../src/plan/render/layout.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import { applyProject, memoryArtifacts, planOf } from '../support/apply.ts';
import { expectGolden } from '../support/golden.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { scenarios } from '../support/plan-scenarios.ts';
import { type HealthcareEdits, healthcare } from '../support/specs.ts';

const STYLE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
const cases = fileURLToPath(new URL('../cases/plan', import.meta.url));

const script = {
  before: 'import sys\n\nprint("train")\n',
  after: 'import sys\n\nprint("train harder")\nsys.exit(0)\n',
};

function withScript(text: string): HealthcareEdits {
  const files = { 'scripts/train.py': sha256(text), 'scripts/lib.py': sha256('lib') };
  const train = {
    operator: 'command',
    command: 'python3 scripts/train.py',
    needs: [],
    bundle: { digest: digestOf(files), files },
  };
  return { pipeline: { tasks: { train } as never } };
}

describe('plans as people and programs read them', () => {
  for (const [name, make] of Object.entries(scenarios)) {
    it(`${name} reads as in its golden files`, async () => {
      const plan = await make();
      expectGolden(`${cases}/${name}.golden.txt`, renderHuman(plan, { color: false }));
      expectGolden(`${cases}/${name}.golden.json`, renderJson(plan));
    });
  }

  it('shows a query of one line before and after below each other, in a comment too', async () => {
    const query = 'select id, event_time, count(*) over (partition by id) as visits_365d from visits where day > 1';
    const state = memoryStateStore();
    await applyProject(healthcare({ trend: { query } }), state);
    const plan = await planOf(healthcare({ trend: { query: query.replace('day > 1', 'day > 7') } }), state);
    const [before, after] = [query, query.replace('day > 1', 'day > 7')];
    expect(renderHuman(plan, { color: false })).toContain(
      `      ~ query\n          - ${before}\n          + ${after}\n`,
    );
    expect(renderMarkdown(plan)).toContain(`! query\n-     ${before}\n+     ${after}\n`);
  });

  for (const width of [60, 100, 140]) {
    for (const name of ['feature-removed-while-read', 'renamed-or-replaced', 'denied', 'in-place']) {
      it(`${name} fits ${width} columns, but for what must stay whole`, async () => {
        const plan = await (scenarios[name] as NonNullable<(typeof scenarios)[string]>)();
        const text = renderHuman(plan, { color: false, width });
        expectGolden(`${cases}/width-${width}/${name}.golden.txt`, text);
        expect(renderHuman(plan, { color: true, width }).replaceAll(STYLE, '')).toBe(text);
        for (const { address, findings, actions } of plan.changes) {
          if (actions.includes('no-op')) continue;
          expect(text).toContain(address);
          for (const { at } of findings) if (at !== null) expect(text).toContain(`${at.file}:${at.line}:${at.column}`);
        }
      });
    }
  }

  it('wraps between words, hanging, and breaks neither code nor a word that is too long', () => {
    const words = '  one two three four five six seven';
    expect(fitted(words, 30)).toEqual(['  one two three four five six', '    seven']);
    expect(fitted(words, 30, 6)).toEqual(['  one two three four five six', '      seven']);
    expect(fitted('  a `b c d e f g h i j k l m n o p` q', 30)).toEqual([
      '  a',
      '    `b c d e f g h i j k l m n o p`',
      '    q',
    ]);
    const address = 'feature_set.a_name_that_is_very_long,';
    expect(fitted(`${address} b`, 30)).toEqual([address, '  b']);
    expect(fitted('it fits', 10)).toEqual(['it fits']);
  });

  it('says what a target leaves out', async () => {
    const plan = await planOf(healthcare(), memoryStateStore(), { targets: ['entity.patient'] });
    const text = renderHuman(plan, { color: false });
    expect(text).toContain(
      'Limited to entity.patient and what belongs to it. Left out: 8 changes (endpoint.mortality,',
    );
    expect(text).toContain(' and 3 more).');
    expect(renderMarkdown(plan)).toContain(
      'Limited to `entity.patient` and what belongs to it. Left out: 8 changes (`end',
    );
  });

  it('shows the lines of code that changed', async () => {
    const state = memoryStateStore();
    const artifacts = { ...memoryArtifacts(), has: async (digest: string) => ({ digest, bytes: 0 }) };
    await applyProject(healthcare(withScript(script.before)), state, { artifacts });
    const plan = await planOf(healthcare(withScript(script.after)), state);
    const texts = new Map([script.before, script.after].map((text) => [sha256(text), text]));
    expect(changedCodeDigests(plan)).toEqual([...texts.keys()].sort());
    const text = renderHuman(plan, { color: false, codeText: (digest) => texts.get(digest) });
    expectGolden(`${cases}/code-changed.golden.txt`, text);
    expect(renderHuman(plan, { color: false })).toContain('~ tasks.train code scripts/train.py  (changed)');
  });

  it('colours only when asked', async () => {
    const plan = await planOf(healthcare(), memoryStateStore());
    const plain = renderHuman(plan, { color: false });
    const painted = renderHuman(plan, { color: true });
    const esc = String.fromCharCode(27);
    expect(plain).not.toContain(esc);
    expect(painted).toContain(`${esc}[32m+`);
    expect(painted.replaceAll(new RegExp(`${esc}\\[[0-9;]*m`, 'g'), '')).toBe(plain);
  });
});
