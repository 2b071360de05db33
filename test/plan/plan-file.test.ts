import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { refuseEdited } from '../../src/plan/edited-since.ts';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import { renderJson } from '../../src/plan/render/json.ts';
import { applyProject, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare, projectOf, resource } from '../support/specs.ts';

const saved = async () => ({
  plan: await planOf(healthcare(), memoryStateStore()),
  bundleFiles: { abc: 'scripts/train.sh' },
});

const old = (): string => readFileSync(new URL('../cases/plan-files/before-history.json', import.meta.url), 'utf8');

describe('a saved plan', () => {
  it('reads back equal, with the order of columns and tasks', async () => {
    const written = await saved();
    const read = decodePlanFile(encodePlanFile(written), 'plan.json');
    expect(read).toEqual(written);
    expect(JSON.stringify(read)).toBe(JSON.stringify(written));
  });

  it('is the same text for the same plan', async () => {
    expect(encodePlanFile(await saved())).toBe(encodePlanFile(await saved()));
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, -40)],
    ['edited', (text: string) => text.replace('data/pbcseq.csv', 'data/stolen.csv')],
    ['of another format', (text: string) => text.replace('mlops.planfile/1', 'terraform/1')],
    ['not an object', () => '[]'],
    ['empty', () => ''],
    ['without content', () => '{"format":"mlops.planfile/1"}'],
  ])('is refused with AP103 when it is %s', async (_, damage) => {
    const text = damage(encodePlanFile(await saved()));
    expect(() => decodePlanFile(text, 'plan.json')).toThrow(expect.objectContaining({ code: 'AP103' }));
  });

  it('of an earlier version is completed with what it could not know', () => {
    const { plan } = decodePlanFile(old(), 'plan.json');
    expect(old()).not.toContain('previousAddress');
    expect(plan).toMatchObject({ leftOut: [], against: null, decisions: [], policies: [] });
    expect(plan.summary).toMatchObject({ suppressed: 0, denied: 0 });
    const labs = plan.changes.find(({ address }) => address === 'feature_set.patient_labs');
    expect(labs).toMatchObject({ actions: ['update'], previousAddress: null });
    expect(labs?.impact).toMatchObject({ features: null, endpoints: [], bytes: null });
    expect(labs?.findings.every(({ suppressed }) => suppressed === null)).toBe(true);
    const schema = JSON.parse(readFileSync(new URL('../../schemas/plan.schema.json', import.meta.url), 'utf8'));
    const valid = new Ajv({ allErrors: true, strict: false }).compile(schema);
    expect([valid(JSON.parse(renderJson(plan))), valid.errors]).toEqual([true, null]);
  });

  it('of an earlier version is applied', async () => {
    const { plan } = decodePlanFile(old(), 'plan.json');
    const state = memoryStateStore();
    await applyProject(healthcare(), state);
    const { lineage } = await state.read();
    const result = await applyProject(healthcare(), state, { plan: { ...plan, lineage } });
    expect(result.outcome).toBe('succeeded');
    const labs = (await state.read()).resources.find(({ address }) => address === 'feature_set.patient_labs');
    expect(labs?.spec).toMatchObject({ eventTime: 'seen_at', description: 'labs' });
  });

  it.each([
    ['mlops.planfile/1', 'mlops.planfile/2'],
    ['mlops.plan/1', 'mlops.plan/7'],
  ])('of a newer version is refused as such: %s', async (known, later) => {
    const plan = await planOf(healthcare(), memoryStateStore());
    const text = encodePlanFile({
      plan: { ...plan, format: known === plan.format ? later : plan.format } as never,
      bundleFiles: {},
    });
    expect(() => decodePlanFile(text.replace(`"format":"${known}"`, `"format":"${later}"`), 'p')).toThrow(
      expect.objectContaining({
        code: 'AP103',
        detail: expect.stringContaining(`${later} is newer than ${known}`),
      }),
    );
  });

  it('is applied exactly, whatever the specs say by then', async () => {
    const state = memoryStateStore();
    const text = encodePlanFile({ plan: await planOf(healthcare(), state), bundleFiles: {} });
    const { plan } = decodePlanFile(text, 'plan.json');
    await applyProject(healthcare({ labs: { ttl: '1d' } }), state, { plan });
    for (const { address, spec } of (await state.read()).resources)
      expect(spec).toEqual(healthcare().resources.get(address)?.spec);
  });

  it('is refused where the specs are others, which it names', async () => {
    const state = memoryStateStore();
    const plan = await planOf(healthcare(), state);
    expect(() => refuseEdited('p', plan, healthcare())).not.toThrow();
    const edited = healthcare({ labs: { ttl: '1d' }, without: ['endpoint.mortality'] });
    expect(() => refuseEdited('p', plan, edited)).toThrow(
      expect.objectContaining({
        code: 'AP102',
        data: { addresses: ['endpoint.mortality', 'feature_set.patient_labs'] },
      }),
    );
    const more = projectOf([
      ...healthcare().resources.values(),
      resource('entity', { name: 'site', keys: { id: 'int64' } }),
    ]);
    expect(() => refuseEdited('p', plan, more)).toThrow(/entity.site differs/);
  });

  it('is refused where the state moved, with what moved it', async () => {
    const state = memoryStateStore();
    await applyProject(healthcare(), state);
    const plan = await planOf(healthcare({ labs: { ttl: '1d' } }), state);
    await applyProject(healthcare({ model: { owner: 'ann' } }), state);
    await expect(applyProject(healthcare(), state, { plan })).rejects.toMatchObject({
      code: 'AP102',
      detail: expect.stringContaining('update model.pbc_mortality (test@here, 1970-01-01 00:00)'),
      data: { moved: [{ serial: 2, action: 'update', address: 'model.pbc_mortality', who: 'test@here' }] },
    });
  });
});
