import { describe, expect, it } from 'vitest';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import { planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare } from '../support/specs.ts';

const saved = async () => ({
  plan: await planOf(healthcare(), memoryStateStore()),
  bundleFiles: { abc: 'scripts/train.sh' },
});

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
    ['of another format', (text: string) => text.replace('mlops.planfile/1', 'mlops.planfile/2')],
    ['not an object', () => '[]'],
    ['empty', () => ''],
    ['without content', () => '{"format":"mlops.planfile/1"}'],
  ])('is refused with AP103 when it is %s', async (_, damage) => {
    const text = damage(encodePlanFile(await saved()));
    expect(() => decodePlanFile(text, 'plan.json')).toThrow(expect.objectContaining({ code: 'AP103' }));
  });
});
