/** Plan and apply against a store, with effects that remember what was asked of them. */
import { type ApplyInput, type ApplyResult, applyPlan } from '../../src/apply/apply.ts';
import type { ResourceEffects } from '../../src/apply/effects.ts';
import { sha256 } from '../../src/lib/canonical.ts';
import { createPlan, type PlanInput } from '../../src/plan/create-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { structureDigest } from '../../src/spec/feature-set-structure.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { Project, Rules } from '../../src/spec/project.ts';
import type { ArtifactStore } from '../../src/stores/artifacts.ts';
import type { StateStore } from '../../src/stores/control/state.ts';

export interface MemoryEffects extends ResourceEffects {
  /** Feature set → structure digests; the version is the place, from 1. */
  readonly registered: ReadonlyMap<string, readonly string[]>;
  readonly calls: readonly string[];
  /** For `memoryStateStore`: versions go along with their set. */
  readonly rename: (kind: Kind, from: string, to: string) => void;
}

export function memoryEffects(overrides: Partial<ResourceEffects> = {}): MemoryEffects {
  const registered = new Map<string, string[]>();
  const calls: string[] = [];
  return {
    registered,
    calls,
    rename: (kind, from, to) => {
      const versions = registered.get(from);
      if (kind !== 'feature_set' || versions === undefined) return;
      registered.delete(from);
      registered.set(to, versions);
    },
    registerFeatureSet: async (set, entity) => {
      calls.push(`register ${set.name}`);
      const versions = registered.get(set.name) ?? [];
      registered.set(set.name, versions);
      const digest = structureDigest(set, entity);
      if (versions.at(-1) !== digest) versions.push(digest);
      return { version: versions.length };
    },
    dropFeatureSet: async (name) => {
      calls.push(`drop ${name}`);
      registered.delete(name);
    },
    liveRuns: async () => 0,
    ...overrides,
  };
}

export function memoryArtifacts(
  files: ReadonlyMap<string, string> = new Map(),
): ArtifactStore & { readonly stored: ReadonlySet<string> } {
  const stored = new Set<string>();
  const refuse = async (): Promise<never> => {
    throw new Error('not used by apply');
  };
  return {
    stored,
    put: refuse,
    putFile: async (path) => {
      const text = files.get(path);
      if (text === undefined) throw new Error(`no such file: ${path}`);
      stored.add(sha256(text));
      return { digest: sha256(text), bytes: text.length };
    },
    has: async (digest) => (stored.has(digest) ? { digest, bytes: 0 } : undefined),
    read: refuse,
    stream: refuse,
    localPath: refuse,
  };
}

export async function planOf(
  project: Project,
  state: StateStore,
  { rules = project.rules, ...options }: Partial<PlanInput> & { readonly rules?: Rules } = {},
): Promise<Plan> {
  return createPlan({
    project: { ...project, rules },
    environment: 'dev',
    state: await state.read(),
    mode: 'apply',
    ...options,
  });
}

export async function applyProject(
  project: Project,
  state: StateStore,
  { plan, ...rest }: Partial<ApplyInput> & { readonly plan?: Plan } = {},
): Promise<ApplyResult> {
  return applyPlan({
    plan: plan ?? (await planOf(project, state)),
    bundleFiles: project.bundleFiles,
    state,
    effects: memoryEffects(),
    artifacts: memoryArtifacts(),
    who: 'test@here',
    gitCommit: null,
    root: project.root,
    ...rest,
  });
}
