/** The plan for machines and code hosts: comment, SARIF, JUnit, and the JSON against its published schema. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { type Change, type Finding, NO_IMPACT } from '../../src/plan/change.ts';
import { gateOf } from '../../src/plan/gate.ts';
import { affectedOwners, byImportance } from '../../src/plan/importance.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { renderJson } from '../../src/plan/render/json.ts';
import { renderJunit } from '../../src/plan/render/junit.ts';
import { COMMENT_LIMIT, commentMarker, renderMarkdown } from '../../src/plan/render/markdown.ts';
import { renderSarif } from '../../src/plan/render/sarif.ts';
import { expectGolden } from '../support/golden.ts';
import { afterApply, scenarios } from '../support/plan-scenarios.ts';
import { junitProblems, sarifProblems } from '../support/report-schemas.ts';
import { TREND_QUERY } from '../support/specs.ts';
import { parseXml, type XmlElement } from '../support/xml.ts';

const cases = fileURLToPath(new URL('../cases/plan', import.meta.url));
const planSchema = new Ajv({ allErrors: true, strict: false }).compile(
  JSON.parse(readFileSync(new URL('../../schemas/plan.schema.json', import.meta.url), 'utf8')),
);
const sarifOptions = { version: '1.2.3', configFile: 'mlops.config.ts' };

/** Texts that every format must survive. */
const HOSTILE =
  'a|b `c` ```d``` <script>alert(1)</script> @team ]]> & "q" \u0000\u0007\ud800 *x* [l](http://e)\nline -->';

function hostile(plan: Plan): Plan {
  const finding: Finding = {
    code: 'FS101',
    severity: 'error',
    summary: HOSTILE,
    detail: HOSTILE,
    at: null,
    fix: HOSTILE,
    suppressed: null,
  };
  const [first, ...rest] = plan.changes as [Change, ...Change[]];
  const spec = { name: 'x', description: `${HOSTILE}\n${HOSTILE}`, owner: HOSTILE };
  return {
    ...plan,
    changes: [
      { ...first, actions: ['create'], reason: HOSTILE, findings: [finding], before: null, after: spec },
      ...rest,
    ],
  };
}

/** `count` changes, the last ones the gravest, each with something to tell. */
async function large(count: number): Promise<Plan> {
  const plan = await afterApply({ trend: { query: TREND_QUERY.replace('365 days', '180 days') } });
  const sample = plan.changes.find((change) => change.diffs.length > 0) as Change;
  const finding: Finding = {
    code: 'FS101',
    severity: 'error',
    summary: 's',
    detail: 'd '.repeat(80),
    at: null,
    fix: null,
    suppressed: null,
  };
  const changes = Array.from({ length: count }, (_, index): Change => {
    const grave = index >= count - 3;
    return {
      ...sample,
      address: `feature_set.set_${index}`,
      name: `set_${index}`,
      class: grave ? 'destructive' : 'safe',
      findings: grave ? [finding] : [{ ...finding, code: 'FS102', severity: 'warning' }],
    };
  });
  return { ...plan, changes, summary: { ...plan.summary, update: count, errors: 3, warnings: count - 3 } };
}

describe('the plan as a comment on a pull request', () => {
  for (const name of [
    'first-create',
    'nothing-to-do',
    'in-place',
    'new-version',
    'feature-removed-while-read',
    'destroy',
    'denied',
  ]) {
    it(`${name} reads as in its golden file`, async () => {
      const plan = await (scenarios[name] as () => Promise<Plan>)();
      expectGolden(`${cases}/${name}.golden.md`, renderMarkdown(plan, { gate: gateOf(plan, 'breaking') }));
    });
  }

  it('starts with a marker by which it is found again', async () => {
    const plan = await afterApply({});
    expect(renderMarkdown(plan).split('\n')[0]).toBe(commentMarker(plan));
    expect(commentMarker(plan)).toBe('<!-- mlops-plan healthcare/dev -->');
  });

  it('fits one comment however large the plan, keeps the gravest changes and says what it left out', async () => {
    const text = renderMarkdown(await large(2_000));
    expect(text.length).toBeLessThan(COMMENT_LIMIT);
    expect(text.length).toBeGreaterThan(COMMENT_LIMIT * 0.8);
    for (const index of [1_997, 1_998, 1_999]) {
      expect(text).toContain(`| **destructive** | \`feature_set.set_${index}\` |`);
      expect(text).toContain(`- **error FS101** s: \`feature_set.set_${index}\``);
      expect(text).toContain(`<summary><code>~ feature_set.set_${index}</code> destructive`);
    }
    const shown = { rows: text.match(/^\| `~` /gm)?.length ?? 0, folds: text.match(/<details>/g)?.length ?? 0 };
    expect(shown.rows).toBeGreaterThan(50);
    expect(text).toContain(`Not shown: ${2_000 - shown.rows} changes in the table,`);
    expect(text).toContain(`${2_000 - shown.folds} changes with what differs.`);
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
  });

  it('leaves nothing out of a plan that fits', async () => {
    expect(renderMarkdown(await large(20))).not.toContain('Not shown');
  });

  it('cuts one change that is too long by itself, and keeps it: by its lines or by their width', async () => {
    const plan = await large(3);
    for (const width of [1, 500]) {
      const lines = Array.from({ length: 2_000 }, (_, index) => `select ${index} ${'x'.repeat(width)}`).join('\n');
      const [first, ...rest] = plan.changes as [Change, ...Change[]];
      const text = renderMarkdown({
        ...plan,
        changes: [{ ...first, diffs: [{ path: '/query', before: 'select 1', after: lines }] }, ...rest],
      });
      expect(text.length).toBeLessThan(COMMENT_LIMIT);
      expect(text).toContain('+     select 0 x');
      expect(text).toMatch(/… \d+ more lines of this change/);
      expect(text).not.toContain('Not shown');
    }
  });

  it('names the owners of what changes and of what lies downstream', async () => {
    const plan = await afterApply({});
    const change = (address: Change['address'], owner: string, more: Partial<Change>): Change => ({
      ...(plan.changes[0] as Change),
      address,
      before: { owner },
      after: { owner },
      ...more,
    });
    const changes = [
      change('feature_set.a', 'team-a', {
        actions: ['update'],
        class: 'new-version',
        impact: { ...NO_IMPACT, downstream: ['model.m'] },
      }),
      change('model.m', 'team-m', {}),
      change('model.other', 'team-o', {}),
    ];
    expect(affectedOwners({ ...plan, changes })).toEqual([
      { owner: 'team-a', addresses: ['feature_set.a'] },
      { owner: 'team-m', addresses: ['model.m'] },
    ]);
    expect(renderMarkdown({ ...plan, changes })).toContain('Affected owners: `team-a` (1), `team-m` (1)');
  });

  it('puts errors before grave classes before the order of the plan', async () => {
    const plan = await large(6);
    expect(byImportance(plan).map(({ name }) => name)).toEqual(['set_3', 'set_4', 'set_5', 'set_0', 'set_1', 'set_2']);
  });
});

describe('the plan as SARIF', () => {
  for (const [name, make] of Object.entries(scenarios)) {
    it(`${name} fits the standard's schema`, async () => {
      const plan = await make();
      const log: unknown = JSON.parse(renderSarif(plan, { ...sarifOptions, gate: gateOf(plan, 'breaking') }));
      expect(sarifProblems(log)).toEqual([]);
    });
  }

  it('reads as in its golden file', async () => {
    const plan = await (scenarios['feature-removed-while-read'] as () => Promise<Plan>)();
    expectGolden(
      `${cases}/feature-removed-while-read.golden.sarif`,
      renderSarif(plan, { ...sarifOptions, gate: gateOf(plan, 'breaking') }),
    );
  });

  it('tells what policies say at their place: a denial as an error, a warning as one', async () => {
    const plan = await (scenarios['denied'] as () => Promise<Plan>)();
    const [run] = (JSON.parse(renderSarif(plan, sarifOptions)) as SarifLog).runs;
    const told = run?.results.filter(({ ruleId }) => ruleId === 'AP111') ?? [];
    expect(told).toMatchObject([
      { level: 'error', message: { text: expect.stringContaining('policy.keep_patient_rows (as recorded): ') } },
      { level: 'warning', locations: [{ physicalLocation: { region: { startLine: 60 } } }] },
    ]);
  });

  it('has a rule with help for each code, a place for each result, and paths as the code host knows them', async () => {
    const plan = hostile(await (scenarios['feature-removed-while-read'] as () => Promise<Plan>)());
    const log = JSON.parse(
      renderSarif(plan, {
        ...sarifOptions,
        uriOf: (file) => `ml/my project/${file}`,
        help: (code) => `About ${code}.`,
      }),
    ) as SarifLog;
    expect(sarifProblems(log)).toEqual([]);
    const [run] = log.runs;
    expect(run?.results.length).toBeGreaterThan(1);
    for (const { ruleId, ruleIndex, locations } of run?.results ?? []) {
      expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
      expect(run?.tool.driver.rules[ruleIndex]?.help.text).toBe(`About ${ruleId}.`);
      expect(locations[0]?.physicalLocation.artifactLocation.uri).toMatch(/^ml\/my%20project\//);
    }
  });

  it('tells a finding apart from another, and knows it again on another line', async () => {
    const plan = await (scenarios['feature-removed-while-read'] as () => Promise<Plan>)();
    const moved: Plan = {
      ...plan,
      changes: plan.changes.map((change) => ({
        ...change,
        findings: change.findings.map((one) => ({
          ...one,
          at: one.at === null ? null : { ...one.at, line: one.at.line + 7 },
        })),
      })),
    };
    const prints = (from: Plan): string[] =>
      (JSON.parse(renderSarif(from, sarifOptions)) as SarifLog).runs[0]?.results.map(
        ({ partialFingerprints }) => partialFingerprints['mlopsFinding/v1'] ?? '',
      ) ?? [];
    expect(prints(moved)).toEqual(prints(plan));
    expect(new Set(prints(plan)).size).toBe(prints(plan).length);
  });

  it('has no more results than GitHub takes, the gravest of them', async () => {
    const plan = await large(3);
    const [first, ...rest] = plan.changes as [Change, ...Change[]];
    const found = first.findings[0] as Finding;
    const findings = Array.from({ length: 26_000 }, (_, index): Finding => ({ ...found, detail: `d${index}` }));
    const [run] = (
      JSON.parse(renderSarif({ ...plan, changes: [{ ...first, findings }, ...rest] }, sarifOptions)) as SarifLog
    ).runs;
    expect(run?.results).toHaveLength(25_000);
    expect(run?.results.slice(0, 2).map(({ level }) => level)).toEqual(['error', 'error']);
    expect(run?.properties).toMatchObject({ leftOut: 1_002 });
  }, 30_000);
});

describe('the plan as JUnit XML', () => {
  for (const [name, make] of Object.entries(scenarios)) {
    it(`${name} is well-formed and fits the schema`, async () => {
      const plan = await make();
      const text = renderJunit(plan, { gate: gateOf(plan, 'breaking') });
      expect(await junitProblems(text)).toEqual([]);
      const root = parseXml(text);
      for (const suite of root.children) {
        const failing = suite.children.filter(({ children }) => children.some((one) => one.name === 'failure'));
        const counted = { tests: suite.children.length, failures: failing.length };
        expect(suite.attributes).toMatchObject({ tests: String(counted.tests), failures: String(counted.failures) });
      }
      expect(suiteOf(root).children.map(({ attributes }) => attributes['name'])).toEqual(
        plan.changes.map(({ address }) => address),
      );
    });
  }

  it('reads as in its golden file', async () => {
    const plan = await (scenarios['feature-removed-while-read'] as () => Promise<Plan>)();
    expectGolden(
      `${cases}/feature-removed-while-read.golden.junit.xml`,
      renderJunit(plan, { gate: gateOf(plan, 'breaking') }),
    );
  });

  it('fails where a finding is an error or the gate holds back, and nowhere else', async () => {
    const plan = await (scenarios['feature-removed-while-read'] as () => Promise<Plan>)();
    const failing = (text: string): (string | undefined)[] =>
      suiteOf(parseXml(text))
        .children.filter(({ children }) => children.some(({ name }) => name === 'failure'))
        .map(({ attributes }) => attributes['name']);
    const errors = plan.changes.filter(({ findings }) => findings.some(({ severity }) => severity === 'error'));
    expect(failing(renderJunit(plan))).toEqual(errors.map(({ address }) => address));
    expect(failing(renderJunit(await afterApply({})))).toEqual([]);
    const destroy = await (scenarios['destroy'] as () => Promise<Plan>)();
    const gate = gateOf(destroy, 'destructive');
    expect(gate.blocked.length).toBeGreaterThan(0);
    expect(failing(renderJunit(destroy, { gate }))).toEqual(gate.blocked);
  });

  it('has a case for every policy, which fails where it holds the plan back', async () => {
    const plan = await (scenarios['denied'] as () => Promise<Plan>)();
    const failing = (text: string): readonly (readonly [string | undefined, boolean])[] =>
      (parseXml(text).children[1]?.children ?? []).map(({ attributes, children }) => [
        attributes['name'],
        children.some(({ name }) => name === 'failure'),
      ]);
    const [record, specs] = ['policy.keep_patient_rows (as recorded)', 'policy.keep_patient_rows'];
    expect(failing(renderJunit(plan))).toEqual([
      [record, true],
      [specs, false],
    ]);
    expect(failing(renderJunit(plan, { gate: gateOf(plan, 'policy') }))).toEqual([
      [record, true],
      [specs, true],
    ]);
  });

  it('holds any text', async () => {
    const xml = renderJunit(hostile(await afterApply({ labs: { ttl: '365d' } })));
    expect(await junitProblems(xml)).toEqual([]);
    const root = parseXml(xml);
    const failure = suiteOf(root)
      .children.flatMap(({ children }) => children)
      .find(({ name }) => name === 'failure');
    expect(failure?.text).toContain('<script>alert(1)</script>');
    expect(failure?.text).toContain('\ufffd\ufffd\ufffd');
  });
});

describe('the gate', () => {
  it('holds back its class and every graver one', async () => {
    const destroy = await (scenarios['destroy'] as () => Promise<Plan>)();
    const removed = await (scenarios['feature-removed-while-read'] as () => Promise<Plan>)();
    expect(gateOf(destroy, 'breaking').blocked).toEqual(
      expect.arrayContaining([...gateOf(destroy, 'destructive').blocked]),
    );
    expect(gateOf(removed, 'breaking').blocked.length).toBeGreaterThan(0);
    expect(gateOf(removed, 'destructive').blocked).toEqual([]);
    expect(gateOf(await (scenarios['first-create'] as () => Promise<Plan>)(), 'breaking').blocked).toEqual([]);
  });
});

describe('the plan as JSON', () => {
  for (const [name, make] of Object.entries(scenarios)) {
    it(`${name} fits the published schema`, async () => {
      const plan = await make();
      for (const text of [renderJson(plan), renderJson(plan, gateOf(plan, 'breaking'))]) {
        planSchema(JSON.parse(text));
        expect(planSchema.errors ?? []).toEqual([]);
      }
    });
  }

  it('the schema refuses a plan of another shape', async () => {
    const plan = JSON.parse(renderJson(await afterApply({ labs: { ttl: '365d' } }))) as Record<string, unknown>;
    expect(planSchema(plan)).toBe(true);
    for (const broken of [
      { ...plan, format: 'mlops.plan/2' },
      { ...plan, serial: -1 },
      { ...plan, changes: [{ address: 'x' }] },
      { ...plan, summary: {} },
      { ...plan, gitCommit: 'main' },
    ])
      expect(planSchema(broken)).toBe(false);
    // A reader takes what it does not know.
    expect(planSchema({ ...plan, later: true })).toBe(true);
  });
});

function suiteOf(root: XmlElement): XmlElement {
  return root.children[0] as XmlElement;
}

interface SarifLog {
  readonly runs: readonly {
    readonly tool: {
      readonly driver: { readonly rules: readonly { readonly id: string; readonly help: { readonly text: string } }[] };
    };
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly partialFingerprints: Readonly<Record<string, string>>;
      readonly locations: readonly {
        readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } };
      }[];
    }[];
    readonly properties: Readonly<Record<string, unknown>>;
  }[];
}
