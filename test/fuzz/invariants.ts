/** What holds at any time, whatever happened. Each answers sentences about what does not. */
import { isNoOp } from '../../src/plan/action.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import type { Address } from '../../src/spec/address.ts';
import { structureDigest } from '../../src/spec/feature-set-structure.ts';
import type { Project } from '../../src/spec/project.ts';
import type { PastState } from '../../src/stores/control/history.ts';
import type { AnyRecordedResource, State, StateStore } from '../../src/stores/control/state.ts';
import type { World } from './site.ts';

const STATUSES = ['ready', 'creating', 'updating', 'deleting'];

/** `forgotten`: sets whose record was taken out by hand; their data stays. */
export function stateProblems(state: State, world: World, forgotten: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  const addresses = new Set(state.resources.map(({ address }) => address));
  if (addresses.size !== state.resources.length) problems.push('an address is recorded twice');
  for (const one of state.resources) {
    if (one.address !== `${one.kind}.${one.name}` || one.spec.name !== one.name)
      problems.push(`${one.address} is recorded as ${one.kind} ${one.name}, with a spec of ${one.spec.name}`);
    if (one.protect !== (one.spec.protect ?? false))
      problems.push(`${one.address} is recorded with protect ${one.protect}`);
    if (!STATUSES.includes(one.status)) problems.push(`${one.address} has the status ${one.status}`);
    for (const needed of one.dependsOn)
      if (!addresses.has(needed)) problems.push(`${one.address} needs ${needed}, which is not recorded`);
    if (one.kind !== 'feature_set') continue;
    const data = world.get(one.name);
    if (one.status !== 'ready') continue;
    if (data === undefined) problems.push(`${one.address} is ready and has no data`);
    else if (data.version !== one.outputs['version'])
      problems.push(`${one.address} is recorded at version ${one.outputs['version']}, its data is at ${data.version}`);
    else if (one.outputs['structure'] !== undefined && data.structure !== one.outputs['structure'])
      problems.push(`${one.address} is recorded with another structure than its data has`);
  }
  for (const name of world.keys())
    if (!addresses.has(`feature_set.${name}`) && !forgotten.has(name))
      problems.push(`data of feature_set.${name} is left that nothing records`);
  return problems;
}

/** What a step may not lose: protection, and which structure a version stands for. */
export function createMemory() {
  let before: State | undefined;
  const structures = new Map<string, string>();
  return {
    problems: (state: State, renamed: ReadonlyMap<Address, Address>, byHand: boolean): readonly string[] => {
      const problems: string[] = [];
      const now = new Map(state.resources.map((one) => [one.address, one]));
      for (const { address, protect } of before?.resources ?? []) {
        const there = now.get(address) ?? now.get(renamed.get(address) ?? address);
        if (protect && there === undefined && !byHand) problems.push(`${address} was protected and is gone`);
      }
      if (before !== undefined && state.serial < before.serial) problems.push('the serial went back');
      if (before?.lineage != null && before.lineage !== state.lineage) problems.push('the lineage changed');
      before = state;
      return problems;
    },
    forgetStructures: (): void => structures.clear(),
    /** Within one life of a name: a rename or a record that was forgotten begins another. */
    versionProblems: (world: World, lives: ReadonlyMap<string, number>): readonly string[] => {
      const problems: string[] = [];
      for (const [name, { version, structure }] of world) {
        const key = `${name} ${lives.get(name) ?? 0} ${version}`;
        const known = structures.get(key);
        if (known !== undefined && known !== structure)
          problems.push(`version ${version} of feature_set.${name} was used twice`);
        structures.set(key, structure);
      }
      return problems;
    },
  };
}

export async function historyProblems(store: StateStore): Promise<readonly string[]> {
  const { serial, resources } = await store.read();
  if (serial === 0) return [];
  const past = await store.history.at(serial);
  if (past === undefined) return [`the history does not know serial ${serial}`];
  const problems: string[] = [];
  const now = new Map(resources.map((one) => [one.address, one]));
  for (const one of resources) {
    const then = past.resources.get(one.address);
    if (one.status !== 'ready') continue;
    if (then === undefined) problems.push(`the history does not have ${one.address}`);
    else if (factsOf(then) !== factsOf(one)) problems.push(`the history has ${one.address} otherwise than the state`);
    for (const needed of then?.dependsOn ?? [])
      if (!past.resources.has(needed))
        problems.push(`in the history ${one.address} needs ${needed}, which is not there`);
  }
  for (const address of past.resources.keys())
    if (!now.has(address)) problems.push(`the history has ${address}, which the state has not`);
  return problems;
}

const factsOf = (
  one: Pick<AnyRecordedResource, 'digest' | 'dependsOn' | 'protect' | 'managedBy' | 'outputs'>,
): string =>
  JSON.stringify([one.digest, one.dependsOn, one.protect, one.managedBy, Object.entries(one.outputs).sort()]);

/** After going back wholly: what specs manage is what was there then, and nothing else. */
export function backProblems(past: PastState, wanted: Project, { resources }: State): readonly string[] {
  const problems: string[] = [];
  const now = new Map(resources.filter(({ managedBy }) => managedBy === 'apply').map((one) => [one.address, one]));
  for (const address of wanted.resources.keys()) {
    const [then, is] = [past.resources.get(address), now.get(address)];
    if (is?.status !== 'ready') problems.push(`${address} is not back`);
    else if (then?.digest !== is.digest || then.dependsOn.join() !== is.dependsOn.join())
      problems.push(`${address} is back, and not as it was`);
  }
  for (const address of now.keys())
    if (!wanted.resources.has(address)) problems.push(`${address} is there, and was not then`);
  return problems;
}

/** Every difference is a change with a reason, and what is called equal is. */
export function planProblems(plan: Plan, project: Project, state: State): readonly string[] {
  const problems: string[] = [];
  const recorded = new Map(state.resources.map((one) => [one.address, one]));
  const told = new Set<Address>();
  const moved = new Set(plan.changes.map(({ previousAddress }) => previousAddress));
  const unmanaged = new Set(plan.unmanaged.map(({ address }) => address));
  for (const { address, actions, reason, previousAddress, runs, before } of plan.changes) {
    const translated = project.resources.get(address)?.runs;
    if (runs !== undefined && (isNoOp(actions) || translated === undefined))
      problems.push(`${address} has texts of its store in the plan, and none of its queries changes`);
    if (actions[0] === 'create' && before === null && JSON.stringify(runs) !== JSON.stringify(translated))
      problems.push(`${address} is new, and the plan does not say what will run`);
    if (told.has(address)) problems.push(`${address} is in the plan twice`);
    told.add(address);
    if (previousAddress !== null) told.add(previousAddress);
    if (!/^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(reason))
      problems.push(`${address} has the reason ${JSON.stringify(reason)}`);
    const there = recorded.get(address);
    const equal = there !== undefined && isAsWanted(there, project);
    if (isNoOp(actions) && !equal) problems.push(`${address} differs, and the plan says that it does not`);
    // What it refers to by name is another thing once that name is given up and taken by another.
    const sameNames = !there?.dependsOn.some((needed) => moved.has(needed));
    if (!isNoOp(actions) && equal && sameNames && previousAddress === null)
      problems.push(`${address} is as it should be, and the plan would ${actions.join(' and ')} it: ${reason}`);
    if (
      there !== undefined &&
      there.status !== 'ready' &&
      previousAddress === null &&
      !/interrupted|failed/.test(reason)
    )
      problems.push(`${address} was cut off while ${there.status}, and the plan says "${reason}"`);
  }
  for (const address of project.resources.keys())
    if (!told.has(address)) problems.push(`${address} is not in the plan`);
  for (const { address, managedBy } of state.resources)
    if (!told.has(address) && !(managedBy === 'api' && unmanaged.has(address)))
      problems.push(`${address} is recorded and not in the plan`);
  for (const { findings } of plan.changes)
    for (const { code, detail } of findings)
      if (
        code === 'AP105' &&
        ![...recorded.values()].some(({ address, protect }) => protect && detail.includes(address))
      )
        problems.push(`nothing is protected, and the plan says: ${detail}`);
  return problems;
}

export function planFileProblems(plan: Plan, again: Plan): readonly string[] {
  const text = encodePlanFile({ plan, bundleFiles: {} });
  return [
    ...(encodePlanFile(decodePlanFile(text, 'plan')) === text ? [] : ['the plan is another one when it is read back']),
    ...(encodePlanFile({ plan: again, bundleFiles: {} }) === text
      ? []
      : ['the same plan, made twice, is not the same']),
  ];
}

/** Told from the specs and the state alone, as a person would. */
function isAsWanted(there: AnyRecordedResource, project: Project): boolean {
  const wanted = project.resources.get(there.address);
  if (wanted === undefined || there.status !== 'ready' || there.managedBy !== 'apply') return false;
  if (wanted.digest !== there.digest || JSON.stringify(wanted.dependsOn) !== JSON.stringify(there.dependsOn))
    return false;
  if (wanted.kind !== 'feature_set') return true;
  const entity = project.resources.get(`entity.${wanted.spec.entity}`);
  return entity?.kind === 'entity' && structureDigest(wanted.spec, entity.spec) === there.outputs['structure'];
}
