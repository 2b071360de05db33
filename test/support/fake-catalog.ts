/** A catalog that holds what a test puts into it. */
import type { Kind } from '../../src/spec/kinds.ts';
import type { Catalog } from '../../src/stores/control/catalog.ts';

export type FakeCatalog = Catalog & {
  put(kind: Kind, name: string, spec: object, dependsOn?: readonly string[]): void;
};

export function fakeCatalog(): FakeCatalog {
  const resources = new Map<string, { kind: Kind; name: string; spec: object; dependsOn: readonly string[] }>();
  let revision = 0;
  return {
    get revision() {
      return revision;
    },
    root: null,
    get: ((kind: Kind, name: string) => resources.get(`${kind}.${name}`)) as unknown as Catalog['get'],
    list: ((kind: Kind) =>
      [...resources.values()].filter((resource) => resource.kind === kind)) as unknown as Catalog['list'],
    refresh: async () => {},
    onChange: () => () => {},
    close: async () => {},
    put: (kind, name, spec, dependsOn = []) => {
      resources.set(`${kind}.${name}`, { kind, name, spec, dependsOn });
      revision += 1;
    },
  };
}
