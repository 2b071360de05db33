/**
 * The specs as they were when a serial was done, as a project: planning against it shows what would change back. What was
 * renamed since is renamed back, with its data. Rules and settings are those of now. What features were made from is known
 * of then; which columns a file has now is not looked at.
 */
import type { Address } from '../spec/address.ts';
import { decodeLineage } from '../spec/column-lineage.ts';
import type { AnyResource, Project } from '../spec/project.ts';
import { projectDigest } from '../spec/project-digest.ts';
import type { PastResource, PastState } from '../stores/control/history.ts';
import type { State } from '../stores/control/state.ts';

export function pastProject(project: Project, past: PastState, state: State): Project {
  const managed = new Set(
    state.resources.flatMap(({ address, managedBy }) => (managedBy === 'apply' ? [address] : [])),
  );
  const resources = new Map<Address, AnyResource>();
  // Settings are those of now.
  for (const [address, resource] of project.resources)
    if (resource.kind === 'environment') resources.set(address, resource);
  for (const [address, resource] of past.resources) {
    if (resource.kind === 'environment') continue;
    // What the HTTP interface made is left to it, unless the specs took it over since.
    if (resource.managedBy === 'api' && !managed.has(past.renamedSince.get(address) ?? address)) continue;
    resources.set(address, declared(address, resource, past.renamedSince.get(address)));
  }
  const sorted = new Map([...resources].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...project, resources: sorted, digest: projectDigest(sorted.values()) };
}

function declared(address: Address, resource: PastResource, now: Address | undefined): AnyResource {
  const { kind, name, digest, dependsOn, outputs } = resource;
  const { movedFrom: _, ...spec } = resource.spec;
  return {
    kind,
    name,
    address,
    spec: now === undefined ? spec : { ...spec, movedFrom: now.slice(kind.length + 1) },
    digest,
    dependsOn,
    at: undefined,
    locate: () => undefined,
    ...(kind === 'feature_set' && { lineage: decodeLineage(outputs['lineage']) }),
  } as AnyResource;
}
