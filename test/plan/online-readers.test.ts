/** Who read online what a change touches: said in each format, as far as it is known. */
import { expect, it } from 'vitest';
import type { Impact } from '../../src/plan/change.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderJson } from '../../src/plan/render/json.ts';
import { renderJunit } from '../../src/plan/render/junit.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import { renderSarif } from '../../src/plan/render/sarif.ts';
import type { OnlineReads, PlanFacts } from '../../src/stores/control/facts.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { type HealthcareEdits, healthcare } from '../support/specs.ts';

const READS: OnlineReads = {
  days: 30,
  bySet: new Map([
    [
      'patient_labs',
      [
        { feature: 'albumin', reader: 'key:svc-triage', reads: 12_000 },
        { feature: 'bili_albumin', reader: 'key:svc-triage', reads: 40 },
        { feature: 'bili', reader: 'key:ward', reads: 9 },
        { feature: 'albumin', reader: 'http', reads: 1 },
      ],
    ],
  ]),
};
const labs = healthcare().resources.get('feature_set.patient_labs')?.spec as { features: Record<string, object> };
const edited = (feature: string, edit: object): HealthcareEdits => ({
  labs: { features: { ...labs.features, [feature]: { ...labs.features[feature], ...edit } } as never },
});

async function planned(edits: HealthcareEdits, facts: PlanFacts): Promise<Plan> {
  const state = memoryStateStore();
  await applyProject(healthcare(), state, { effects: memoryEffects() });
  return planOf(healthcare(edits), state, { facts });
}
async function readersOf(edits: HealthcareEdits, facts: PlanFacts): Promise<Impact['readers']> {
  const plan = await planned(edits, facts);
  return plan.changes.find(({ address }) => address === 'feature_set.patient_labs')?.impact.readers ?? null;
}

it('names those who read the features that change, and those computed from them, and nobody else', async () => {
  expect(await readersOf(edited('albumin', { column: 'alb' }), { onlineReads: READS })).toEqual([
    {
      reader: 'key:svc-triage',
      reads: 12_000,
      days: 30,
      features: ['patient_labs.albumin', 'patient_labs.bili_albumin'],
    },
    { reader: 'http', reads: 1, days: 30, features: ['patient_labs.albumin'] },
  ]);
});

it('names the readers of a feature whose answer changes in place: its default, its unit, the ttl of its set', async () => {
  const names = async (edits: HealthcareEdits) =>
    (await readersOf(edits, { onlineReads: READS }))?.map(({ reader }) => reader);
  expect(await names(edited('bili', { default: 1 }))).toEqual(['key:ward']);
  expect(await names(edited('bili', { unit: 'umol/l' }))).toEqual(['key:ward']);
  expect(await names({ labs: { ttl: '3d' } })).toEqual(['key:svc-triage', 'key:ward', 'http']);
  expect(await names(edited('bili', { description: 'serum bilirubin' }))).toEqual([]);
});

it('is null where it is not known, and empty where nobody did', async () => {
  const edit = edited('platelet', { column: 'plt' });
  expect(await readersOf(edit, {})).toBeNull();
  expect(await readersOf(edit, { onlineReads: READS })).toEqual([]);
});

it('is said in each format', async () => {
  const plan = await planned(edited('albumin', { dtype: 'float32', unit: 'g/l' }), { onlineReads: READS });
  const sentence = /read online 12,000 times by [`]?key:svc-triage[`]?, once by [`]?http[`]? in the last 30 days/i;
  const sarif = renderSarif(plan, { version: '1.0.0', configFile: 'mlops.config.ts' });
  expect(renderHuman(plan, { color: false }).replaceAll(/\s+/g, ' ')).toMatch(sentence);
  expect(renderMarkdown(plan)).toMatch(sentence);
  expect(renderJunit(plan)).toMatch(sentence);
  expect(sarif).toMatch(sentence);
  expect(
    JSON.parse(renderJson(plan)).changes.flatMap(({ impact }: { impact: Impact }) => impact.readers),
  ).toContainEqual(expect.objectContaining({ reader: 'key:svc-triage', reads: 12_000 }));
  // More reads by tomorrow are no other finding.
  const more = { ...READS, bySet: new Map([['patient_labs', [{ feature: 'albumin', reader: 'http', reads: 2 }]]]) };
  const later = renderSarif(
    await planned(edited('albumin', { dtype: 'float32', unit: 'g/l' }), { onlineReads: more }),
    {
      version: '1.0.0',
      configFile: 'mlops.config.ts',
    },
  );
  const prints = (log: string): readonly string[] => log.match(/"mlopsFinding\/v1": "[^"]+"/g) ?? [];
  expect(prints(later)).toEqual(prints(sarif));
  expect(later).not.toEqual(sarif);
});
