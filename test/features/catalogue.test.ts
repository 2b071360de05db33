/** Search over what is applied. */
import { describe, expect, it } from 'vitest';
import { searchCatalogue } from '../../src/features/catalogue.ts';
import { catalogOf, type Specs } from '../support/features.ts';

const specs: Specs = {
  source: [{ name: 'visits', file: 'v.csv', description: 'laboratory results', owner: 'it' }],
  entity: [{ name: 'patient', keys: { id: 'int64' } }],
  feature_set: [
    {
      name: 'labs',
      entity: 'patient',
      source: 'visits',
      eventTime: 'at',
      owner: 'Hepatology',
      tags: { domain: 'liver', pii: '' },
      features: {
        bili: { dtype: 'float64', unit: 'mg/dl', description: 'serum bilirubin' },
        bili_max: { dtype: 'float64' },
        albumin: { dtype: 'float64' },
      },
    },
    { name: 'bilirubin', entity: 'patient', push: true, eventTime: 'at', features: { value: { dtype: 'float64' } } },
  ],
  feature_service: [{ name: 'risk', features: ['labs.bili'], description: 'what the bili model reads' }],
};
const catalog = catalogOf('/', () => specs);
const names = (query: Parameters<typeof searchCatalogue>[1]): readonly string[] =>
  searchCatalogue(catalog, query).map(({ kind, name }) => `${kind} ${name}`);

describe('the catalogue', () => {
  it('finds by name, unit, owner, tag and description, the nearest first', () => {
    expect(names({ text: 'bili' })).toEqual([
      'feature labs.bili',
      'feature bilirubin.value',
      'feature labs.bili_max',
      'feature_set bilirubin',
      'feature_service risk',
    ]);
    expect(names({ text: 'MG/DL' })).toEqual(['feature labs.bili']);
    expect(names({ text: 'laboratory' })).toEqual(['source visits']);
    expect(names({ text: 'liver albumin' })).toEqual(['feature labs.albumin']);
    expect(names({ text: 'nothing like it' })).toEqual([]);
  });

  it('narrows by kind, owner and tag, with or without its value', () => {
    expect(names({ owner: 'hepatology', kinds: ['feature_set'] })).toEqual(['feature_set labs']);
    expect(names({ tag: 'pii', kinds: ['feature_set', 'source'] })).toEqual(['feature_set labs']);
    expect(names({ tag: 'domain=liver', text: 'albumin' })).toEqual(['feature labs.albumin']);
    expect(names({ tag: 'domain=heart' })).toEqual([]);
    expect(names({}).length).toBe(4 + 2 + 1 + 1 + 1);
  });
});
