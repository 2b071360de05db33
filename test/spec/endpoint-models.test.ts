/** What an endpoint names, and what is wrong with what it says of it. */
import { describe, expect, it } from 'vitest';
import type { CanonicalEndpoint, CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { canonicalizeResource } from '../../src/spec/canonicalize.ts';
import { modelsOf, withModels } from '../../src/spec/endpoint-models.ts';
import type { Kind } from '../../src/spec/kinds.ts';

const MODELS = ['risk', 'trees', 'linear', 'stacker'];
const specs: { readonly [K in Kind]?: Readonly<Record<string, unknown>> } = {
  model: Object.fromEntries(MODELS.map((name) => [name, { name, framework: 'onnx', inputs: 'inputs' }])),
  feature_service: { inputs: { name: 'inputs', features: ['labs.bili'] } },
  feature_set: { labs: { name: 'labs', entity: 'patient' } },
  entity: { patient: { name: 'patient', keys: { id: 'int64' } } },
};
const lookup = {
  get: <K extends Kind>(kind: K, name: string) => specs[kind]?.[name] as CanonicalSpecs[K] | undefined,
  names: (kind: Kind) => new Set(Object.keys(specs[kind] ?? {})),
};
const canonical = (fields: object) => canonicalizeResource('endpoint', { name: 'e', ...fields }, lookup);
const told = (fields: object) => canonical(fields).diagnostics.map(({ code, pointer }) => `${code} ${pointer}`);
const control = { model: 'risk' };
const ensemble = (members: object, combine: unknown) => ({ variants: { a: { ensemble: { members, combine } } } });

const WHOLE = {
  variants: {
    control,
    blend: {
      ensemble: {
        members: { t: { model: 'trees', version: 3 }, l: { model: 'linear' } },
        combine: { stacking: { model: 'stacker' } },
      },
      fallback: 'control',
    },
  },
  split: { control: 90, blend: 10 },
  shadows: { next: { model: 'risk', stage: 'staging', share: 20 } },
};

describe('the models of an endpoint', () => {
  it('are those of variants, members, stacking and shadows, each with a stage or a version', () => {
    const { spec, dependsOn } = canonical(WHOLE);
    expect(modelsOf(spec as CanonicalEndpoint).map(({ pointer, ...one }) => [pointer, one])).toEqual([
      ['/variants/control', { role: 'variant', name: 'control', model: 'risk', stage: 'production' }],
      [
        '/variants/blend/ensemble/members/t',
        { role: 'member', name: 'blend', member: 't', model: 'trees', version: 3 },
      ],
      [
        '/variants/blend/ensemble/members/l',
        { role: 'member', name: 'blend', member: 'l', model: 'linear', stage: 'production' },
      ],
      [
        '/variants/blend/ensemble/combine/stacking',
        { role: 'stacking', name: 'blend', model: 'stacker', stage: 'production' },
      ],
      ['/shadows/next', { role: 'shadow', name: 'next', model: 'risk', stage: 'staging' }],
    ]);
    expect(dependsOn).toEqual(['model.linear', 'model.risk', 'model.stacker', 'model.trees']);
  });

  it('are renamed wherever they stand, and nothing else is', () => {
    const { spec } = canonical(WHOLE);
    const renamed = withModels(spec as CanonicalEndpoint, (of) => ({ ...of, model: `${of.model}2` }));
    expect(modelsOf(renamed).map(({ model }) => model)).toEqual(['risk2', 'trees2', 'linear2', 'stacker2', 'risk2']);
    expect(withModels(renamed, (of) => ({ ...of, model: of.model.replace('2', '') }))).toEqual(spec);
  });
});

describe('what is wrong with an endpoint', () => {
  it.each([
    [
      'an ensemble that is a model too',
      { variants: { a: { model: 'risk', ensemble: { members: { x: control }, combine: 'mean' } } } },
      /^SP103 .*ensemble$/,
    ],
    ['a member of an unknown model', ensemble({ x: { model: 'tres' } }, 'mean'), /^SP104 .*members\/x\/model$/],
    ['an unknown member that weighs', ensemble({ x: control }, { weighted: { x: 1, y: 2 } }), /^SP104 .*weighted\/y$/],
    ['a member without a weight', ensemble({ x: control, y: control }, { weighted: { x: 1 } }), /^SP102 .*weighted$/],
    ['weights that come to nothing', ensemble({ x: control }, { weighted: { x: 0 } }), /^SP103 .*weighted$/],
    ['nobody who must answer', ensemble({ x: { ...control, optional: true } }, 'mean'), /^SP103 .*members$/],
    [
      'an optional member to stack, without a score',
      ensemble({ x: control, y: { ...control, optional: true } }, { stacking: { model: 'stacker' } }),
      /^SP102 .*members\/y$/,
    ],
    [
      'a pick without an end',
      ensemble({ x: control }, { pick: [{ when: 'context.a', member: 'x' }] }),
      /^SP102 .*pick\/0$/,
    ],
    ['a pick of nobody', ensemble({ x: control }, { pick: [{ member: 'z' }] }), /^SP104 .*pick\/0\/member$/],
    [
      'a pick that hides the next',
      ensemble({ x: control }, { pick: [{ when: 'true', member: 'x' }, { member: 'x' }] }),
      /^EP109 .*pick\/0$/,
    ],
    [
      'a variant that is its own fallback',
      { variants: { a: { ...control, fallback: 'a' } } },
      /^EP108 \/variants\/a\/fallback$/,
    ],
    [
      'fallbacks in a circle',
      { variants: { a: { ...control, fallback: 'b' }, b: { ...control, fallback: 'a' } }, split: { a: 100 } },
      /^EP108 \/variants\/a\/fallback$/,
    ],
    ['an unknown fallback', { variants: { a: { ...control, fallback: 'c' } } }, /^SP104 \/variants\/a\/fallback$/],
    [
      'a rule that is no expression',
      { variants: { a: control }, rules: [{ when: 'context.', variant: 'a' }] },
      /^SP114 \/rules\/0\/when$/,
    ],
    [
      'a rule that reads what is not there',
      { variants: { a: control }, rules: [{ when: 'region == "EU"', variant: 'a' }] },
      /^SP114 \/rules\/0\/when$/,
    ],
    [
      'a rule by a key that no entity has',
      { variants: { a: control }, rules: [{ when: 'entity.idd == 1', variant: 'a' }] },
      /^SP104 \/rules\/0\/when$/,
    ],
    [
      'a rule to nobody',
      { variants: { a: control }, rules: [{ when: 'context.x', variant: 'b' }] },
      /^SP104 \/rules\/0\/variant$/,
    ],
    [
      'a rule after one that is always true',
      {
        variants: { a: control },
        rules: [
          { when: '1 == 1', variant: 'a' },
          { when: 'context.x', variant: 'a' },
        ],
      },
      /^EP109 \/rules\/1$/,
    ],
    [
      'the same rule again',
      {
        variants: { a: control },
        rules: [
          { when: 'context.x', variant: 'a' },
          { when: 'context.x ', variant: 'a' },
        ],
      },
      /^EP109 \/rules\/1$/,
    ],
    [
      'a rule that is never true',
      { variants: { a: control }, rules: [{ when: '1 > 2', variant: 'a' }] },
      /^EP109 \/rules\/0$/,
    ],
    [
      'two rules of one name',
      {
        variants: { a: control },
        rules: [
          { name: 'r', when: 'context.x', variant: 'a' },
          { name: 'r', when: 'context.y', variant: 'a' },
        ],
      },
      /^SP105 \/rules\/1\/name$/,
    ],
    ['a shadow called like a variant', { variants: { a: control }, shadows: { a: control } }, /^SP105 \/shadows\/a$/],
  ])('is told of %s', (_, fields, expected) => {
    const found = told(fields);
    expect(found).toEqual([expect.stringMatching(expected)]);
  });

  it('is nothing where it is as it should be', () => {
    expect(told(WHOLE)).toEqual([]);
  });
});
