/** Policies judge a plan: as the specs have them and as they are recorded, and what they say holds the plan back. */
import { describe, expect, it } from 'vitest';
import { gateOf } from '../../src/plan/gate.ts';
import type { Plan, PolicyResult } from '../../src/plan/plan.ts';
import { judgePlan } from '../../src/plan/policies.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import type { CanonicalPolicy } from '../../src/spec/canonical-specs.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import { applyProject, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { type HealthcareEdits, healthcare, projectOf, resource } from '../support/specs.ts';

type Check = (plan: Plan) => unknown;
type Policy = Omit<CanonicalPolicy, 'check' | 'name'> & { readonly check?: Check };

/** The healthcare project without its own policy, and with these. */
function withPolicies(policies: Readonly<Record<string, Policy>>, edits: HealthcareEdits = {}): Project {
  const { resources } = healthcare({ ...edits, without: ['policy.keep_patient_rows', ...(edits.without ?? [])] });
  const added = Object.entries(policies).map(([name, { check, ...spec }], index): AnyResource => {
    const made = resource('policy', { name, ...spec, ...(check && { check: String(check) }) }, [], 80 + index);
    return { ...made, check } as AnyResource;
  });
  return projectOf([...resources.values(), ...added]);
}

const deny = (rule: Partial<Policy>): Policy => ({ enforcement: 'deny', message: 'No.', ...rule });
const told = ({ policies }: Plan) => policies.map(({ address, from, outcome }) => `${address} ${from} ${outcome}`);
const firstOf = (plan: Plan): PolicyResult => plan.policies[0] as PolicyResult;

async function afterApply(before: Project, after: Project, options: Parameters<typeof planOf>[2] = {}): Promise<Plan> {
  const state = memoryStateStore();
  expect((await applyProject(before, state)).outcome).toBe('succeeded');
  return planOf(after, state, options);
}

const firstPlan = (policies: Readonly<Record<string, Policy>>): Promise<Plan> =>
  planOf(withPolicies(policies), memoryStateStore());

describe('a policy that is an expression', () => {
  it('over each change is violated by those it is true of, told together where they are told the same', async () => {
    const rule = deny({
      each: "change.class == 'destructive' && change.before.owner == 'hepatology'",
      message: 'Data of {change.before.owner} stays.',
    });
    const before = withPolicies({ keep: rule }, { trend: { owner: 'hepatology' } });
    const plan = await afterApply(before, withPolicies({ keep: rule }, { trend: { owner: 'hepatology' } }), {
      mode: 'destroy',
    });
    expect(firstOf(plan)).toMatchObject({
      outcome: 'violated',
      enforcement: 'deny',
      message: 'Data of hepatology stays.',
      violations: [
        {
          message: 'Data of hepatology stays.',
          addresses: ['feature_set.patient_labs', 'feature_set.patient_trend'],
        },
      ],
      addresses: ['feature_set.patient_labs', 'feature_set.patient_trend'],
      at: { file: 'mlops.config.ts', line: 80 },
    });
    expect([plan.applyable, plan.errored, plan.summary.denied]).toEqual([false, false, 1]);
  });

  it('over the plan is violated when it is true, and a member that is absent is null', async () => {
    const plan = await firstPlan({
      many: deny({ when: 'plan.summary.create > 5', message: '{plan.summary.create} at once.' }),
      none: deny({ when: 'plan.changes.exists(c, c.before.owner == "hepatology")' }),
      odd: { ...deny({ when: 'size(plan.changes) == 1' }), enforcement: 'warn' },
    });
    expect(told(plan)).toEqual(['policy.many specs violated', 'policy.none specs passed', 'policy.odd specs passed']);
    // The policy does not count itself.
    expect(firstOf(plan).message).toBe('10 at once.');
  });

  it('that warns lets the plan be applied, unless the gate asks for policies', async () => {
    const plan = await firstPlan({ few: { enforcement: 'warn', message: 'Much.', when: 'plan.summary.create > 5' } });
    expect([plan.applyable, plan.summary.denied]).toEqual([true, 0]);
    expect(gateOf(plan, 'policy').blocked).toEqual(['policy.few']);
    expect(gateOf(plan, 'destructive').blocked).toEqual([]);
  });

  it('holds the plan back where it cannot be evaluated, or answers neither true nor false', async () => {
    const plan = await firstPlan({
      text: deny({ when: 'plan.project' }),
      wrong: deny({ each: 'change.address > 3' }),
    });
    expect(plan.policies.map(({ outcome, message }) => `${outcome}: ${message}`)).toEqual([
      'errored: plan.project is "healthcare", neither true nor false.',
      expect.stringMatching(/^errored: The expression "change.address > 3" cannot be used\. No such overload/),
    ]);
    expect([plan.applyable, plan.summary.denied]).toEqual([false, 2]);
  });
});

describe('a policy that is a function', () => {
  it('returns changes, sentences or both together', async () => {
    const plan = await firstPlan({
      changes: deny({ check: ({ changes }) => changes.filter(({ kind }) => kind === 'source'), message: 'No source.' }),
      nothing: deny({ check: () => undefined }),
      one: deny({ check: () => 'Not on a Friday.' }),
      pairs: deny({ check: () => [{ message: 'Both.', addresses: ['source.visits', 'entity.patient'] }, {}] }),
    });
    expect(plan.policies.map(({ violations }) => violations)).toEqual([
      [{ message: 'No source.', addresses: ['source.visits'] }],
      [],
      [{ message: 'Not on a Friday.', addresses: [] }],
      [
        { message: 'Both.', addresses: ['source.visits', 'entity.patient'] },
        { message: 'No.', addresses: [] },
      ],
    ]);
  });

  it('says the same of many changes once, with the list of them, for people and in a comment', async () => {
    const plan = await firstPlan({
      owned: deny({
        check: ({ changes }) =>
          changes
            .filter(({ kind }) => kind !== 'policy')
            .flatMap(({ address }) => [
              { address, message: 'Whose is it?' },
              { address, message: `And ${address}?` },
            ]),
      }),
    });
    const about = plan.changes.map(({ address }) => address).filter((address) => address !== 'policy.owned');
    expect(firstOf(plan).violations[0]).toEqual({ message: 'Whose is it?', addresses: about });
    expect(firstOf(plan).violations).toHaveLength(1 + about.length);
    // The text of the function stands in the plan as well.
    expect(renderHuman(plan, { color: false }).match(/^ {6}Whose is it\?$/gm)).toHaveLength(1);
    expect(renderMarkdown(plan).match(/^ {2}Whose is it\?/gm)).toHaveLength(1);
    expect(renderHuman(plan, { color: false })).toContain(`        about ${about.join(', ')}\n`);
    expect(renderMarkdown(plan)).toContain(`Whose is it? (${about.map((address) => `\`${address}\``).join(', ')})`);
  });

  it('sees the plan as its JSON has it, without itself, without the judgement of others and without a way to change it', async () => {
    let seen: Plan | undefined;
    const plan = await firstPlan({
      self: deny({
        check: (given) => {
          seen = given;
          return [];
        },
      }),
      vandal: deny({ check: ({ changes }) => (changes as unknown[]).splice(0) }),
    });
    expect(seen?.changes.some(({ address }) => address === 'policy.self')).toBe(false);
    expect(seen).toMatchObject({ policies: [], summary: { create: 9, denied: 0 } });
    expect(Object.keys(seen ?? {})).toEqual(Object.keys(plan));
    expect(plan.changes).toHaveLength(10);
    expect(plan.policies[1]).toMatchObject({ outcome: 'errored', message: expect.stringContaining('TypeError') });
  });

  it('holds the plan back where it throws or answers what is no violation', async () => {
    const plan = await firstPlan({
      a: deny({
        check: () => {
          throw new RangeError('too far\nat x');
        },
      }),
      b: deny({ check: () => true }),
      c: deny({ check: async () => [] }),
      d: deny({ check: () => [3] }),
      e: deny({ check: () => [{ address: 7 }] }),
    });
    expect(plan.policies.map(({ message }) => message)).toEqual([
      'The function threw RangeError: too far.',
      'The function returned true: it returns what violates it, or nothing.',
      'The function returned a promise: it must be synchronous.',
      'The function returned 3.',
      'The function returned {"address":7}, whose message and addresses are no texts.',
    ]);
    expect(plan.summary.denied).toBe(5);
  });
});

describe('a policy that does not end', () => {
  const forever: Check = () => {
    for (;;);
  };
  // Goes through the changes of the changes of the changes …: 10 to the power of 12 steps.
  const rounds = Array.from({ length: 12 }, (_, depth) => `plan.changes.all(c${depth}, `);
  const when = `${rounds.join('')}true${')'.repeat(rounds.length)}`;

  for (const [name, rule] of Object.entries({ function: { check: forever }, expression: { when } })) {
    it(`is ended, counts as violated and does not keep the others from judging: as a ${name}`, async () => {
      const project = withPolicies({ endless: deny(rule), small: deny({ when: 'size(plan.changes) > 3' }) });
      const made = await planOf(withPolicies({}), memoryStateStore());
      const started = performance.now();
      const results = judgePlan(made, {
        resources: project.resources,
        recorded: new Map(),
        summarize: () => made.summary,
        limitMs: 200,
      });
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(results.map(({ outcome, message }) => [outcome, message])).toEqual([
        ['errored', 'It had not ended after 0.2 s.'],
        ['violated', 'No.'],
      ]);
    });
  }

  it('has ten seconds, where nothing else is said', async () => {
    const plan = await firstPlan({ endless: deny({ check: forever }) });
    expect(firstOf(plan)).toMatchObject({ outcome: 'errored', message: 'It had not ended after 10 s.' });
    expect([plan.applyable, plan.summary.denied]).toEqual([false, 1]);
  }, 30_000);
});

describe('a policy that is recorded', () => {
  const grave = "change.class == 'destructive'";
  const without = { without: ['feature_set.patient_trend', 'feature_service.mortality_inputs'] } as const;
  const rest = {
    without: [...without.without, 'model.pbc_mortality', 'endpoint.mortality', 'pipeline.weekly_retraining'],
  } as const;

  it('still judges the plan that removes it, weakens it or changes its rule', async () => {
    const before = withPolicies({ keep: deny({ each: grave }) });
    const removed = await afterApply(before, withPolicies({}, rest));
    expect(told(removed)).toEqual(['policy.keep state violated']);
    expect(removed.changes.find(({ address }) => address === 'policy.keep')?.actions).toEqual(['delete']);
    expect([removed.applyable, firstOf(removed).at]).toEqual([false, null]);
    const weakened = await afterApply(
      before,
      withPolicies({ keep: { ...deny({ each: grave }), enforcement: 'warn' } }, rest),
    );
    expect(told(weakened)).toEqual(['policy.keep state violated', 'policy.keep specs violated']);
    expect(weakened.policies.map(({ enforcement }) => enforcement)).toEqual(['deny', 'warn']);
    const narrowed = await afterApply(before, withPolicies({ keep: deny({ each: 'false' }) }, rest));
    expect(told(narrowed)).toEqual(['policy.keep state violated', 'policy.keep specs passed']);
    expect(narrowed.summary.denied).toBe(1);
  });

  it('is judged once where it stays, and can be removed by a plan that it has nothing against', async () => {
    const before = withPolicies({ keep: deny({ each: 'change.kind == "policy"' }) });
    expect(told(await afterApply(before, before))).toEqual(['policy.keep specs passed']);
    const removed = await afterApply(before, withPolicies({}));
    expect(told(removed)).toEqual(['policy.keep state passed']);
    expect(removed.applyable).toBe(true);
  });

  it('judges a destroy, with those of the specs', async () => {
    const before = withPolicies({ keep: deny({ each: grave }) });
    const after = withPolicies({ small: deny({ when: 'plan.mode == "destroy"' }) });
    const plan = await afterApply(before, after, { mode: 'destroy' });
    expect(told(plan)).toEqual(['policy.keep state violated', 'policy.small specs violated']);
  });

  it('is judged by the function of the specs where it is one, as strictly as it is recorded', async () => {
    const check: Check = () => 'Never.';
    const before = withPolicies({ never: { enforcement: 'deny', message: 'No.', check: () => [] } });
    const plan = await afterApply(before, withPolicies({ never: { enforcement: 'warn', message: 'No.', check } }));
    expect(plan.policies).toMatchObject([{ from: 'specs', enforcement: 'deny', outcome: 'violated' }]);
    // What it is now stands as lines in the plan.
    const change = plan.changes.find(({ address }) => address === 'policy.never');
    expect(change?.diffs.map(({ path }) => path)).toEqual(['/check', '/enforcement']);
  });

  it('says so where it was a function and nothing can judge by it any more', async () => {
    const before = withPolicies({ never: deny({ check: () => [] }) });
    const plan = await afterApply(before, withPolicies({}));
    expect(plan.policies).toEqual([]);
    const change = plan.changes.find(({ address }) => address === 'policy.never');
    expect(change?.findings).toMatchObject([{ code: 'AP112', severity: 'warning' }]);
  });

  it('refuses to apply a plan that a policy denies', async () => {
    const project = withPolicies({ never: deny({ when: 'true', message: 'Never on this machine.' }) });
    const state = memoryStateStore();
    await expect(applyProject(project, state)).rejects.toMatchObject({
      code: 'AP111',
      detail: 'policy.never denies this plan: Never on this machine.',
    });
    expect((await state.read()).serial).toBe(0);
  });
});
