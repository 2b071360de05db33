/** Rules and suppressions: what they lift, what they cannot, and that they are seen. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/lib/codes.ts';
import { CONFIGURABLE_CODES, whyFixed } from '../../src/lib/finding-codes.ts';
import type { Finding } from '../../src/plan/change.ts';
import { findingsOf, type Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderJunit } from '../../src/plan/render/junit.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import { renderSarif } from '../../src/plan/render/sarif.ts';
import { loadProject } from '../../src/spec/load.ts';
import type { PlanFacts, ReadVersion } from '../../src/stores/control/facts.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { type MemoryStateStore, memoryStateStore } from '../support/memory-state-store.ts';
import { type HealthcareEdits, healthcare, projectOf, resource, TREND_QUERY } from '../support/specs.ts';

const query = TREND_QUERY.replace('365 days', '180 days');
const served = (
  known: { production: number | null; staging: number | null },
  servedFeatures: readonly string[] = [],
): PlanFacts => ({
  models: new Map([['pbc_mortality', { versions: 2, ...known, servedFeatures }]]),
});
const inProduction = served({ production: 2, staging: null });

async function applied(edits: HealthcareEdits = {}): Promise<MemoryStateStore> {
  const state = memoryStateStore();
  await applyProject(healthcare(edits), state, { effects: memoryEffects() });
  return state;
}

const named = (plan: Plan, code: string): (Finding & { readonly address: string }) | undefined =>
  findingsOf(plan).find((one) => one.code === code);

describe('a change that makes training and serving differ', () => {
  it('is refused where a version in production or staging learned from the values before', async () => {
    for (const known of [
      { production: 2, staging: null },
      { production: null, staging: 1 },
    ]) {
      const plan = await planOf(healthcare({ trend: { query } }), await applied(), { facts: served(known) });
      expect(plan).toMatchObject({ errored: true, applyable: false, summary: { class: 'breaking' } });
      expect(named(plan, 'FS107')).toMatchObject({ severity: 'error', address: 'feature_set.patient_trend' });
      expect(named(plan, 'FS107')?.fix).toMatch(/new name.*suppress FS107/);
    }
  });

  it('is none for a version that goes on reading what it learned from: the plan says so', async () => {
    const reader = (
      version: number,
      modelVersion: number,
      as: ReadVersion['as'],
      set = 'patient_trend',
    ): ReadVersion => ({
      set,
      version,
      model: 'pbc_mortality',
      modelVersion,
      as,
      source: null,
      query: 'select * from visits',
    });
    const versionReaders = [
      reader(1, 2, 'production'),
      reader(1, 1, 'rollback'),
      reader(1, 2, 'production', 'patient_labs'),
    ];
    const facts = { ...inProduction, versionReaders };
    const state = await applied();
    const plan = await planOf(healthcare({ trend: { query } }), state, { facts });
    expect(plan).toMatchObject({ errored: false, summary: { class: 'new-version' } });
    expect(named(plan, 'FS107')).toBeUndefined();
    expect(named(plan, 'FS102')?.detail).toContain(
      'Version 2 of model.pbc_mortality in production and version 1 of model.pbc_mortality to roll back to go on reading version 1, which is kept up to date until they are replaced, and then retired.',
    );
    // A version whose lineage does not say it reads the newest.
    const without = await planOf(healthcare({ trend: { query } }), state, {
      facts: { ...facts, versionReaders: versionReaders.slice(1) },
    });
    expect(named(without, 'FS107')?.severity).toBe('error');
    // A unit is of every version at once.
    const labs = {
      features: {
        bili: { dtype: 'float64' as const, unit: 'umol/l' },
        albumin: { dtype: 'float64' as const, unit: 'g/dl' },
        bili_albumin: { dtype: 'float64' as const, expr: 'bili / albumin' },
      },
    };
    expect(named(await planOf(healthcare({ labs }), state, { facts }), 'FS107')?.severity).toBe('error');
    const gone = await planOf(
      healthcare({ without: ['feature_set.patient_trend'], service: { features: ['patient_labs.bili'] } }),
      state,
      { facts },
    );
    expect(named(gone, 'FS101')?.detail).toContain('feature_set.patient_trend is destroyed');
    expect(named(gone, 'FS103')?.detail).toContain('Version 1 of model.pbc_mortality to roll back to learned from it');
  });

  it('is told of a source that only an older version reads', async () => {
    const wards = resource('source', { name: 'wards', file: 'data/wards.csv' });
    const state = memoryStateStore();
    await applyProject(projectOf([...healthcare().resources.values(), wards]), state, { effects: memoryEffects() });
    const reader = {
      set: 'patient_labs',
      version: 1,
      model: 'pbc_mortality',
      modelVersion: 2,
      as: 'production',
      source: 'wards',
      query: null,
    } as const;
    const plan = await planOf(healthcare(), state, { facts: { ...inProduction, versionReaders: [reader] } });
    expect(named(plan, 'FS130')).toMatchObject({
      severity: 'warning',
      address: 'source.wards',
      detail: expect.stringContaining('patient_labs@1 reads source.wards'),
    });
    expect(named(await planOf(healthcare(), state, { facts: inProduction }), 'FS130')).toBeUndefined();
  });

  it('is refused too where only the version that answers still reads a feature: its service has dropped it', async () => {
    const facts = served({ production: 2, staging: null }, ['patient_labs.albumin']);
    const dropped = { service: { features: ['patient_labs.bili'] } };
    const labs = { features: { bili: { dtype: 'float64' as const } } };
    const state = await applied(dropped);
    const removed = await planOf(healthcare({ ...dropped, labs }), state, { facts });
    expect(named(removed, 'FS101')).toMatchObject({
      severity: 'error',
      fix: expect.stringMatching(/^retrain and promote/),
    });
    expect(named(removed, 'FS101')?.detail).toContain('model.pbc_mortality');
    const gone = await planOf(healthcare({ ...dropped, without: ['feature_set.patient_trend'] }), state, {
      facts: served({ production: 2, staging: null }, ['patient_trend.visits_365d']),
    });
    expect(named(gone, 'FS101')).toMatchObject({ severity: 'error', address: 'feature_set.patient_trend' });
    const later = served({ production: 3, staging: null }, ['patient_labs.bili']);
    expect((await planOf(healthcare({ ...dropped, labs }), state, { facts: later })).errored).toBe(false);
  });

  it('is a new version like any other where none is served, and a warning where that is not known', async () => {
    const state = await applied();
    const none = await planOf(healthcare({ trend: { query } }), state, {
      facts: served({ production: null, staging: null }),
    });
    expect(none).toMatchObject({ errored: false, summary: { class: 'new-version' } });
    expect(named(none, 'FS107')).toBeUndefined();
    expect(named(none, 'FS102')?.severity).toBe('warning');
    const unknown = await planOf(healthcare({ trend: { query } }), state);
    expect(unknown.errored).toBe(false);
    expect(named(unknown, 'FS107')).toMatchObject({ severity: 'warning' });
    expect(named(unknown, 'FS107')?.detail).toContain('is not known');
  });

  it('is not seen in a feature that no model reads, nor in one that comes beside the others', async () => {
    const state = await applied({ service: { features: ['patient_labs.albumin'] } });
    const labs = healthcare().resources.get('feature_set.patient_labs')?.spec as { features: object };
    const service = { features: ['patient_labs.albumin'] };
    for (const features of [
      { ...labs.features, bili: { dtype: 'float64', column: 'other' } },
      { ...labs.features, bili_2: { dtype: 'float64', column: 'other' } },
    ]) {
      const plan = await planOf(healthcare({ service, labs: { features: features as never } }), state, {
        facts: inProduction,
      });
      expect(named(plan, 'FS107')).toBeUndefined();
      expect(plan.summary.class).toBe('new-version');
    }
  });

  it('follows expressions to the features that are read', async () => {
    const service = { features: ['patient_labs.bili_albumin'] };
    const labs = healthcare().resources.get('feature_set.patient_labs')?.spec as { features: object };
    const plan = await planOf(
      healthcare({
        service,
        labs: { features: { ...labs.features, bili: { dtype: 'float64', column: 'other' } } as never },
      }),
      await applied({ service }),
      { facts: inProduction },
    );
    expect(named(plan, 'FS107')?.detail).toContain('patient_labs.bili_albumin');
  });

  it('is told of a source by the columns that features are made from, where these are known', async () => {
    const from = (column: string) => [{ source: 'visits', column }];
    const lineage = {
      bili: from('bili'),
      albumin: from('albumin'),
      bili_albumin: [...from('bili'), ...from('albumin')],
    };
    const project = healthcare({ source: { types: { platelet: 'int64' } } });
    const known = {
      ...project,
      resources: new Map(
        [...project.resources].map(([address, one]) => [
          address,
          one.kind === 'feature_set'
            ? { ...one, lineage: one.name === 'patient_labs' ? lineage : { visits_365d: from('id') } }
            : one,
        ]),
      ),
    } as typeof project;
    const state = await applied();
    expect(named(await planOf(project, state, { facts: inProduction }), 'FS107')?.severity).toBe('error');
    expect(named(await planOf(known, state, { facts: inProduction }), 'FS107')).toBeUndefined();
    const albumin = healthcare({ source: { types: { albumin: 'string' } } }).resources.get('source.visits');
    const retyped = {
      ...known,
      resources: new Map([...known.resources, ['source.visits', albumin]]),
    } as typeof project;
    expect(named(await planOf(retyped, state, { facts: inProduction }), 'FS107')?.detail).toMatch(
      /^patient_labs\.albumin and patient_labs\.bili_albumin mean/,
    );
  });
});

describe('a suppression', () => {
  const suppress = [{ code: 'FS107', reason: 'the window was wrong; retrained on Friday <b>' }];

  it('lets its finding pass, counts it, and keeps its text and reason in every output', async () => {
    const plan = await planOf(healthcare({ trend: { query, suppress } }), await applied(), { facts: inProduction });
    expect(plan).toMatchObject({ errored: false, applyable: true, summary: { suppressed: 1, errors: 0 } });
    const found = named(plan, 'FS107');
    expect(found).toMatchObject({ severity: 'info', suppressed: suppress[0]?.reason });
    const reason = 'the window was wrong; retrained on Friday';
    for (const text of [renderHuman(plan, { color: false }), renderMarkdown(plan), renderJunit(plan)]) {
      expect(text).toContain('FS107');
      expect(text).toContain(reason);
      expect(text).toContain('learned from the values before');
    }
    expect(renderHuman(plan, { color: false })).toContain('1 suppressed');
    expect(renderMarkdown(plan)).toContain('1 suppressed');
    const sarif = JSON.parse(renderSarif(plan, { version: '1', configFile: 'mlops.config.ts' }));
    const result = sarif.runs[0].results.find(({ ruleId }: { ruleId: string }) => ruleId === 'FS107');
    expect(result).toMatchObject({
      level: 'note',
      suppressions: [{ kind: 'inSource', justification: suppress[0]?.reason }],
    });
    for (const other of sarif.runs[0].results) if (other !== result) expect(other).not.toHaveProperty('suppressions');
  });

  it('is told where the change does not give rise to its finding, and not where nothing changes', async () => {
    const state = await applied({ trend: { suppress } });
    const plan = await planOf(healthcare({ trend: { suppress, owner: 'a' } }), state);
    expect(named(plan, 'SP119')).toMatchObject({ severity: 'info', at: { file: 'mlops.config.ts' } });
    expect(named(await planOf(healthcare({ trend: { suppress } }), state), 'SP119')).toBeUndefined();
  });

  it('that was recorded does not let the resource go: only a rule of the specs does', async () => {
    const state = await applied({ labs: { suppress: [{ code: 'FS103', reason: 'long ago' }] } });
    for (const options of [{ mode: 'destroy' }, { mode: 'destroy', targets: ['feature_set.patient_labs'] }] as const) {
      const refused = await planOf(healthcare(), state, { ...options, rules: { FS103: 'error' } });
      expect(refused).toMatchObject({ errored: true });
      expect(named(refused, 'FS103')).toMatchObject({ severity: 'error', suppressed: null });
    }
    expect((await planOf(healthcare(), state, { mode: 'destroy', rules: { FS103: 'warn' } })).errored).toBe(false);
  });
});

describe('a rule', () => {
  it('raises, lowers and turns off, and the plan says which are set', async () => {
    const state = await applied();
    const edited = healthcare({ endpoint: { key: 'site' } });
    expect((await planOf(edited, state, { rules: { EP102: 'error' } })).errored).toBe(true);
    expect(named(await planOf(edited, state, { rules: { EP102: 'off' } }), 'EP102')).toBeUndefined();
    const plan = await planOf(edited, state, { rules: { FS107: 'warn', EP102: 'error' } });
    expect(plan.rules).toEqual({ FS107: 'warn', EP102: 'error' });
    expect(renderHuman(plan, { color: false })).toContain('Rules of the project: EP102 error, FS107 warn.');
    expect(renderMarkdown(plan)).toContain('Rules of the project: `EP102 error, FS107 warn`');
    expect(renderHuman(await planOf(edited, state), { color: false })).not.toContain('Rules of the project');
  });

  it('is there for what analyzers find, and for nothing that protects', () => {
    for (const code of Object.keys(CODES)) {
      const configurable = (CONFIGURABLE_CODES as ReadonlySet<string>).has(code);
      expect(configurable, code).toBe(/^(FS|PL|MD|EP)1/.test(code) && code !== 'PL101');
      expect(whyFixed(code) === undefined, code).toBe(configurable);
    }
  });

  it('does not lift a live run, whatever it says', async () => {
    const plan = await planOf(
      healthcare(),
      await applied({ pipeline: { suppress: [{ code: 'PL101', reason: 'r' }] } }),
      {
        mode: 'destroy',
        facts: { liveRuns: new Map([['weekly_retraining', 1]]) },
        rules: { PL101: 'off' },
      },
    );
    expect(named(plan, 'PL101')?.severity).toBe('error');
  });
});

describe('protection', () => {
  it('holds from the recorded state in every mode: apply, destroy, target; no rule and no reason lifts it', async () => {
    const suppress = [{ code: 'AP105', reason: 'r' }];
    const state = await applied({ labs: { protect: true, suppress } });
    const gone = healthcare({ without: ['feature_set.patient_labs'] });
    const rules = { AP105: 'off' } as const;
    for (const plan of [
      await planOf(gone, state, { rules }),
      await planOf(gone, state, { rules, targets: ['feature_set.patient_labs'] }),
      await planOf(healthcare(), state, { rules, mode: 'destroy' }),
      // What needs the target goes with it, and what is protected is among that.
      await planOf(healthcare(), state, { rules, mode: 'destroy', targets: ['source.visits'] }),
    ]) {
      expect(plan).toMatchObject({ errored: true, applyable: false });
      expect(named(plan, 'AP105')).toMatchObject({ severity: 'error', address: 'feature_set.patient_labs' });
    }
  });

  it('does not stand against a rename, which destroys nothing', async () => {
    const state = await applied({ source: { protect: true } });
    const plan = await planOf(healthcare({ endpoint: { name: 'risk', movedFrom: 'mortality' } }), state);
    expect(named(plan, 'AP105')).toBeUndefined();
    expect(plan.errored).toBe(false);
  });

  it('holds where the destroying was interrupted and the block is back without lifting it', async () => {
    const store = await applied({ labs: { protect: true } });
    const read = await store.read();
    const state = {
      ...store,
      read: async () => ({
        ...read,
        resources: read.resources.map((one) =>
          one.address === 'feature_set.patient_labs' ? { ...one, status: 'deleting' as const } : one,
        ),
      }),
    };
    expect(named(await planOf(healthcare(), state), 'AP105')).toBeDefined();
    expect(named(await planOf(healthcare({ labs: { protect: false } }), state), 'AP105')).toBeUndefined();
  });
});

describe('codes in the specs', () => {
  async function problems(
    config: string,
  ): Promise<readonly { code: string; detail: string; hint: string | undefined; line: number | undefined }[]> {
    const root = mkdtempSync(join(tmpdir(), 'mlops-rules-'));
    try {
      writeFileSync(join(root, 'mlops.config.yaml'), config);
      const { diagnostics } = await loadProject({ root });
      return diagnostics.map(({ code, detail, hint, at }) => ({ code, detail, hint, line: at?.start.line }));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  it('that are none are told at their place, with the nearest one', async () => {
    expect(await problems('project: p\nrules:\n  FS101: warn\n  FS1007: warn\n')).toEqual([
      {
        code: 'SP118',
        detail: '"FS1007" is not the code of a finding.',
        hint: expect.stringContaining('FS10'),
        line: 4,
      },
    ]);
  });

  it('that cannot be configured are refused, in rules and in a resource', async () => {
    const found = await problems(`project: p
rules: { AP105: warn, FS203: off }
resources:
  - kind: Entity
    name: patient
    keys: { id: int64 }
    suppress:
      - { code: PL101, reason: meant }
      - { code: FS104, reason: meant }
      - { code: FS104, reason: again }
`);
    expect(found.map(({ code, line }) => ({ code, line }))).toEqual([
      { code: 'SP118', line: 2 },
      { code: 'SP118', line: 2 },
      { code: 'SP118', line: 8 },
      { code: 'SP103', line: 10 },
    ]);
    expect(found[0]?.detail).toContain('cannot be configured');
  });

  it('pass where they are findings', async () => {
    expect(await problems('project: p\nrules: { FS101: warn, EP106: off }\n')).toEqual([]);
  });
});
