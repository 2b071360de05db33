import { describe, expect, it } from 'vitest';
import { createRouter } from '../../src/serving/router.ts';

const keys = Array.from({ length: 20_000 }, (_, at) => `patient-${at}`);
const variants = { control: { model: 'risk' }, treatment: { model: 'risk', stage: 'staging' as const } };
const router = (split: Record<string, number>) => createRouter({ name: 'mortality', variants, split });
const all = () => true;

describe('the router', () => {
  it('keeps a key on its variant, and a share of keys near the split', () => {
    const { route } = router({ control: 90, treatment: 10 });
    const first = keys.map((key) => route(key, all));
    expect(keys.map((key) => route(key, all))).toEqual(first);
    const share = first.filter((variant) => variant === 'treatment').length / keys.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(0.01);
  });

  it('does not depend on the order in which variants are written', () => {
    const one = createRouter({
      name: 'e',
      variants: { a: { model: 'm' }, b: { model: 'm' } },
      split: { a: 30, b: 70 },
    });
    const other = createRouter({
      name: 'e',
      variants: { b: { model: 'm' }, a: { model: 'm' } },
      split: { b: 70, a: 30 },
    });
    expect(keys.map((key) => one.route(key, all))).toEqual(keys.map((key) => other.route(key, all)));
  });

  it('moves only the keys of the share that moves', () => {
    const [before, after] = [router({ control: 90, treatment: 10 }), router({ control: 80, treatment: 20 })];
    const moved = keys.filter((key) => before.assigned(key) !== after.assigned(key));
    expect(moved.every((key) => before.assigned(key) === 'control' && after.assigned(key) === 'treatment')).toBe(true);
    expect(Math.abs(moved.length / keys.length - 0.1)).toBeLessThan(0.01);
  });

  it('separates the assignments of two endpoints', () => {
    const a = createRouter({ name: 'a', variants, split: { control: 50, treatment: 50 } });
    const b = createRouter({ name: 'b', variants, split: { control: 50, treatment: 50 } });
    const same = keys.filter((key) => a.assigned(key) === b.assigned(key)).length / keys.length;
    expect(Math.abs(same - 0.5)).toBeLessThan(0.02);
  });

  it('gives a variant of 0 percent no key, and fractions of a percent their share', () => {
    expect(keys.some((key) => router({ control: 100, treatment: 0 }).assigned(key) === 'treatment')).toBe(false);
    const few = keys.filter((key) => router({ control: 99.5, treatment: 0.5 }).assigned(key) === 'treatment').length;
    expect(few).toBeGreaterThan(50);
    expect(few).toBeLessThan(160);
  });

  it('gives every key a variant where thirds do not add up to all buckets', () => {
    const thirds = createRouter({
      name: 'e',
      variants: { a: { model: 'm' }, b: { model: 'm' }, c: { model: 'm' } },
      split: { a: 33.333, b: 33.333, c: 33.334 },
    });
    expect(keys.every((key) => ['a', 'b', 'c'].includes(thirds.assigned(key)))).toBe(true);
  });

  it('sends the share of a variant that has nothing to serve to the largest that has', () => {
    const { route, assigned } = router({ control: 90, treatment: 10 });
    const onlyControl = (variant: string) => variant === 'control';
    expect(new Set(keys.map((key) => route(key, onlyControl)))).toEqual(new Set(['control']));
    const onlyTreatment = (variant: string) => variant === 'treatment';
    expect(new Set(keys.map((key) => route(key, onlyTreatment)))).toEqual(new Set(['treatment']));
    expect(route('patient-1', () => false)).toBeUndefined();
    expect(keys.some((key) => assigned(key) === 'treatment')).toBe(true);
  });
});
