/** What a policy's function is given, by its type and by its value: the plan as it is published, no more and no less. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { type PlanJson, type PolicyInput, policy } from '../../src/index.ts';
import type { Change, Finding, Impact } from '../../src/plan/change.ts';
import type { Decision, Drift, Plan, PlanSummary, PolicyResult } from '../../src/plan/plan.ts';
import type * as generated from '../../src/spec/plan-json.ts';
import { planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare, projectOf, resource } from '../support/specs.ts';

/** `true` where two types are the same, member by member, optional or not. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Given = Parameters<NonNullable<PolicyInput['check']>>[0];
/** Names of members, the optional ones apart: a member that only one of them has is a difference. */
type Members<T> = {
  -readonly [Name in keyof Required<T>]: undefined extends T[Name & keyof T] ? 'optional' : 'always';
};

/** The compiler holds these; the generated types are held to schemas/plan.schema.json by `npm run types`. */
const held: readonly true[] = [
  true satisfies Same<Given, PlanJson>,
  true satisfies Same<Members<PlanJson>, Members<generated.PlanJson>>,
  true satisfies Same<keyof Plan, Exclude<keyof generated.PlanJson, 'gate'>>,
  true satisfies Same<keyof Change, keyof generated.PlanChange>,
  true satisfies Same<keyof Finding, keyof generated.PlanFinding>,
  true satisfies Same<keyof Impact, keyof generated.PlanChange['impact']>,
  true satisfies Same<keyof PlanSummary, keyof generated.PlanJson['summary']>,
  true satisfies Same<keyof PolicyResult, keyof generated.PlanJson['policies'][number]>,
  true satisfies Same<keyof Decision, keyof generated.PlanJson['decisions'][number]>,
  true satisfies Same<keyof Drift, keyof generated.PlanJson['drift'][number]>,
];
const published = (plan: Plan): PlanJson => plan;

it('is typed as it is published, and cannot be written into', () => {
  expect(held).not.toContain(false);
  policy('p', {
    enforcement: 'deny',
    message: 'No.',
    check: (plan) => {
      // @ts-expect-error a plan is read only
      plan.serial = 1;
      // @ts-expect-error so are its lists
      plan.changes.pop();
      // @ts-expect-error and no plan has this
      return plan.nothing;
    },
  });
});

it('fits the published schema as a policy sees it', async () => {
  const schema = JSON.parse(readFileSync(new URL('../../schemas/plan.schema.json', import.meta.url), 'utf8')) as object;
  const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
  let seen: PlanJson | undefined;
  const { resources } = healthcare();
  const watching = {
    ...resource('policy', { name: 'watch', enforcement: 'warn', message: 'Seen.', check: '() => []' }, [], 80),
    check: (plan: PlanJson) => {
      seen = plan;
    },
  };
  const plan = await planOf(projectOf([...resources.values(), watching as never]), memoryStateStore());
  expect(validate(seen) || validate.errors).toBe(true);
  expect(Object.keys(seen ?? {})).toEqual(Object.keys(published(plan)));
});
