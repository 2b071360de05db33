/** The project of the benchmarks, as it is after loading. */
import { digestOf } from '../../src/lib/canonical.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';

function resource(kind: string, spec: { readonly name: string }, dependsOn: readonly string[] = []): AnyResource {
  const address = `${kind}.${spec.name}`;
  return {
    kind,
    name: spec.name,
    address,
    spec,
    digest: digestOf(spec),
    dependsOn,
    at: undefined,
    locate: () => undefined,
  } as unknown as AnyResource;
}

/** A source, an entity and that many feature sets. */
export function benchProject(sets: number, ttl: string): Project {
  const resources = [
    resource('source', { name: 'visits', file: 'data/visits.csv' } as never),
    resource('entity', { name: 'patient', keys: { id: 'int64' } } as never),
    ...Array.from({ length: sets }, (_, index) =>
      resource(
        'feature_set',
        {
          name: `set_${index}`,
          entity: 'patient',
          source: 'visits',
          eventTime: 'event_time',
          ttl,
          features: {
            a: { dtype: 'float64' },
            b: { dtype: 'int64', description: 'b' },
            ratio: { dtype: 'float64', expr: 'a / b' },
          },
        } as never,
        ['entity.patient', 'source.visits'],
      ),
    ),
  ];
  return {
    name: 'bench',
    description: undefined,
    root: '/',
    configFile: '/mlops.config.ts',
    environments: {},
    rules: {},
    resources: new Map(resources.map((one) => [one.address, one])),
    digest: ttl,
    bundleFiles: new Map(),
  };
}
