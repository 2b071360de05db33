/** Endpoints as text: who asks which model, for how much of the traffic. */
import type { CanonicalEndpoint } from '../spec/canonical-specs.ts';
import type { EndpointModel } from '../spec/endpoint-models.ts';

/** `control`, `blend/trees` for a member, `blend (stacking)`, `candidate (shadow)`. */
export function whoAsks({ role, name, member }: EndpointModel): string {
  if (role === 'variant') return name;
  return role === 'member' ? `${name}/${member}` : `${name} (${role})`;
}

/** Of the keys; what stands inside a variant has no share of its own. */
export function shareOf({ split, shadows = {} }: CanonicalEndpoint, { role, name }: EndpointModel): string {
  if (role === 'member' || role === 'stacking') return '';
  return `${role === 'shadow' ? (shadows[name]?.share ?? 100) : (split[name] ?? 0)} %`;
}

export function followed({ stage, version }: EndpointModel): string {
  return version === undefined ? (stage ?? 'production') : `version ${version}`;
}
