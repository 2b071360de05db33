/** Runs a case: every command, then the checks; at the end the project is applied until the plan is empty. */

import { MlopsError } from '../../src/lib/error.ts';
import { isNoOp } from '../../src/plan/action.ts';
import { pastProject } from '../../src/plan/past-project.ts';
import { hasChanges, type Plan } from '../../src/plan/plan.ts';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import { type Address, parseAddress } from '../../src/spec/address.ts';
import type { CanonicalPolicy } from '../../src/spec/canonical-specs.ts';
import type { AnyResource, Project, Rules } from '../../src/spec/project.ts';
import type { State } from '../../src/stores/control/state.ts';
import { projectOf, resource } from '../support/specs.ts';
import { type Command, type Mishap, RULE_CODES } from './commands.ts';
import { type Drafts, FIELDS, newDraft, projectFrom } from './drafts.ts';
import {
  backProblems,
  createMemory,
  historyProblems,
  planFileProblems,
  planProblems,
  stateProblems,
} from './invariants.ts';
import type { Outcome, Site } from './site.ts';

/** Applies without a mishap until the plan is empty: more would be no progress. */
const ROUNDS = 6;
const EDITS: readonly Command['do'][] = ['edit', 'remove', 'rename', 'rule', 'warehouse', 'save'];
/** What an apply may be refused with: another was at work, or the plan's own errors. */
const STALE = ['AP101', 'AP102'];
const DENIED = ['AP111', 'AP112'];

export interface Failure {
  /** Index of the command; the number of commands: at the end. */
  readonly at: number;
  readonly problems: readonly string[];
}

/** Undefined where everything holds. */
export async function runCase(commands: readonly Command[], site: Site): Promise<Failure | undefined> {
  const drafts: Drafts = new Map();
  const rules: Record<string, 'error' | 'warn' | 'off'> = {};
  const memory = createMemory();
  const forgotten = new Set<string>();
  const lives = new Map<string, number>();
  let saved: { readonly text: string; readonly project: Project } | undefined;
  let renamed = new Map<Address, Address>();
  let byHand = false;
  let movedByHand = false;
  let warehouse = false;
  const project = (): Project => projectFrom(drafts, rules as Rules, warehouse);
  const newLife = (name: string): void => void lives.set(name, (lives.get(name) ?? 0) + 1);

  async function planOf(wanted: Project, mode: 'apply' | 'destroy' = 'apply', target?: number): Promise<Plan> {
    const state = await site.state.read();
    const input = { project: wanted, environment: 'dev', state, mode } as const;
    if (target === undefined) return site.createPlan(input);
    const managed = state.resources.filter(({ managedBy }) => managedBy === 'apply').map(({ address }) => address);
    const declared = mode === 'apply' ? wanted.resources.keys() : [];
    const addresses = [...new Set([...declared, ...managed])].sort();
    const address = addresses[target % addresses.length];
    return site.createPlan(address === undefined ? input : { ...input, targets: [address] });
  }

  function tookRenames(plan: Plan): void {
    for (const { address, previousAddress } of plan.changes) {
      if (previousAddress === null) continue;
      renamed.set(previousAddress, address);
      for (const one of [previousAddress, address]) newLife(parseAddress(one)?.name ?? '');
      newStructures(address);
    }
  }

  /** A version stays the version that it is when what it reads is called otherwise. */
  function newStructures(renamedTo: Address): void {
    if (parseAddress(renamedTo)?.kind === 'source') memory.forgetStructures();
  }

  async function afterDeath(): Promise<void> {
    const holder = await site.state.lockHolder();
    if (holder !== null) await site.state.unlock(holder.id);
  }

  async function carryOut(plan: Plan, wanted: Project, atOnce: number, mishap: Mishap = {}): Promise<Outcome> {
    tookRenames(plan);
    const meanwhile = async (): Promise<void> => {
      await afterDeath();
      const other = await planOf(wanted);
      if (!other.errored && other.summary.denied === 0) {
        tookRenames(other);
        await site.apply({ plan: other, atOnce });
      }
    };
    const outcome = await site.apply({ ...mishap, plan, atOnce, meanwhile });
    if (outcome.is === 'died') await afterDeath();
    return outcome;
  }

  function refusalProblems(outcome: Outcome, plan: Plan): readonly string[] {
    const denied = plan.summary.denied > 0;
    if (denied && outcome.is === 'ended' && outcome.result.applyId !== null)
      return ['a plan that a policy denies was made'];
    if (outcome.is !== 'refused') return [];
    const { code } = outcome.error;
    if (denied && DENIED.includes(code)) return [];
    const own = plan.changes.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 'error'));
    if (STALE.includes(code) || own.some((finding) => finding.code === code)) return [];
    return [`an apply was refused with ${outcome.error.message}`];
  }

  async function run(command: Command): Promise<readonly string[]> {
    switch (command.do) {
      case 'edit': {
        const key = `${command.kind}.${command.name}`;
        const draft = drafts.get(key) ?? newDraft(command.kind);
        drafts.set(key, { ...draft, [command.field]: FIELDS[command.kind][command.field]?.[command.value] });
        return [];
      }
      case 'remove':
        drafts.delete(`${command.kind}.${command.name}`);
        return [];
      case 'rename': {
        const draft = drafts.get(`${command.kind}.${command.name}`);
        if (draft === undefined || drafts.has(`${command.kind}.${command.to}`)) return [];
        drafts.delete(`${command.kind}.${command.name}`);
        drafts.set(`${command.kind}.${command.to}`, { ...draft, movedFrom: command.name });
        return [];
      }
      case 'rule':
        rules[command.code] = command.as;
        return [];
      case 'warehouse':
        warehouse = command.on;
        return [];
      case 'apply':
      case 'destroy': {
        const wanted = project();
        const plan = await planOf(wanted, command.do, command.target);
        const outcome = await carryOut(plan, wanted, command.atOnce, command);
        return refusalProblems(outcome, plan);
      }
      case 'save': {
        const wanted = project();
        saved = { text: encodePlanFile({ plan: await planOf(wanted), bundleFiles: {} }), project: wanted };
        return [];
      }
      case 'applySaved': {
        if (saved === undefined) return [];
        const { plan } = decodePlanFile(saved.text, 'saved.plan');
        const before = await site.state.read();
        const stale = plan.serial !== before.serial || plan.lineage !== before.lineage;
        const outcome = await carryOut(plan, saved.project, command.atOnce, command);
        const acted = outcome.is === 'ended' && outcome.result.applyId !== null;
        return [
          ...refusalProblems(outcome, plan),
          ...(stale && acted ? ['a saved plan was applied to a state that had moved since'] : []),
          ...(stale && JSON.stringify(await site.state.read()) !== JSON.stringify(before) && command.sleep === undefined
            ? ['a stale plan changed the state']
            : []),
        ];
      }
      case 'two': {
        const wanted = project();
        const plan = await planOf(wanted);
        tookRenames(plan);
        const order = { plan, atOnce: command.atOnce };
        const outcomes = await Promise.all([site.apply(order), site.apply(order)]);
        const acted = outcomes.filter((one) => one.is === 'ended' && one.result.applyId !== null);
        return [
          ...outcomes.flatMap((outcome) => refusalProblems(outcome, plan)),
          ...(acted.length > 1 ? ['two applies of one plan were both made'] : []),
        ];
      }
      case 'back': {
        const { serial: before } = await site.state.read();
        const serials = await site.state.history.serials(1000);
        const to = serials[command.pick % serials.length];
        if (to === undefined) return [];
        const problems = await goBack(to.serial, command);
        return problems.length > 0 || command.forward === undefined ? problems : goBack(before, command);
      }
      case 'prune': {
        const kept = (await site.state.history.serials(command.keep)).map(({ serial }) => serial);
        const from = kept.at(-1);
        if (from === undefined) return [];
        const known = async () =>
          JSON.stringify(await Promise.all(kept.map((serial) => site.state.history.at(serial))));
        const before = [await known(), JSON.stringify(await site.state.read())];
        await site.state.history.prune(from, 'fuzz@here');
        const after = [await known(), JSON.stringify(await site.state.read())];
        return before.join() === after.join()
          ? []
          : [`summing up the history before serial ${from} changed what stays`];
      }
      case 'api':
        await byApi(command.kind, command.name);
        return [];
      case 'forget': {
        const { state, one } = await picked(command.pick);
        // As `state rm` does it: what others need stays.
        if (one === undefined || state.resources.some(({ dependsOn }) => dependsOn.includes(one.address))) return [];
        await site.state.forget(one.address, by(state));
        if (one.kind === 'feature_set') forgotten.add(one.name);
        byHand = true;
        return [];
      }
      case 'move': {
        const { state, one } = await picked(command.pick);
        if (one === undefined) return [];
        const to = `${one.kind}.${command.to}` as Address;
        try {
          await site.state.move([{ from: one.address, to }], by(state));
        } catch (error) {
          if (error instanceof MlopsError && error.code === 'AP108') return [];
          throw error;
        }
        movedByHand = true;
        renamed.set(one.address, to);
        for (const name of [one.name, command.to]) newLife(name);
        newStructures(to);
        return [];
      }
    }
  }

  async function goBack(serial: number, { atOnce, ...mishap }: Mishap & { readonly atOnce: number }) {
    const past = await site.state.history.at(serial);
    if (past === undefined) return [`the history lists serial ${serial}, and does not know it`];
    const planNow = async () => {
      const state = await site.state.read();
      const wanted = pastProject(project(), past, state);
      const input = { project: wanted, environment: 'dev', state, mode: 'apply', against: serial } as const;
      return { state, wanted, plan: site.createPlan(input), again: site.createPlan(input) };
    };
    const { state, wanted, plan, again } = await planNow();
    const found = [...planProblems(plan, wanted, state), ...planFileProblems(plan, again)];
    if (found.length > 0) return found;
    const outcome = await carryOut(plan, wanted, atOnce, mishap);
    const refused = refusalProblems(outcome, plan);
    const whole = outcome.is === 'ended' && outcome.result.outcome === 'succeeded' && mishap.sleep === undefined;
    if (refused.length > 0 || !whole) return refused;
    const then = await planNow();
    return [
      ...backProblems(past, wanted, then.state),
      ...(hasChanges(then.plan) ? [`after going back to serial ${serial} the plan against it is not empty`] : []),
    ];
  }

  async function picked(index: number) {
    const state = await site.state.read();
    const ready = state.resources.filter(({ status }) => status === 'ready');
    const sorted = [...ready].sort((a, b) => (a.address < b.address ? -1 : 1));
    return { state, one: sorted[index % sorted.length] };
  }

  const by = ({ lineage, serial }: State) => ({ who: 'fuzz@here', gitCommit: null, lineage, serial });

  async function byApi(kind: 'model' | 'feature_set', name: string): Promise<void> {
    const { resources } = await site.state.read();
    const entity = resources.find((one) => one.kind === 'entity' && one.status === 'ready');
    let made: AnyResource;
    let outputs = {};
    if (kind === 'model') made = resource('model', { name, framework: 'sklearn' });
    else {
      if (entity?.kind !== 'entity') return;
      const features = { x: { dtype: 'float64' as const } };
      const spec = { name, entity: entity.name, eventTime: 'event_time', features };
      made = resource('feature_set', spec, [entity.address]);
      const there = resources.find(({ address }) => address === made.address);
      if (there !== undefined && (there.managedBy !== 'api' || there.status !== 'ready')) return;
      outputs = { ...(await site.effects.registerFeatureSet(spec, entity.spec)), keys: { ...entity.spec.keys } };
    }
    const { address, spec, digest, dependsOn } = made;
    try {
      const step = { address, kind, name, spec: spec as never, digest, dependsOn, protect: false };
      await site.state.putFromApi(step, 'key@api', outputs);
    } catch (error) {
      if (!(error instanceof MlopsError && error.code === 'API409')) throw error;
    }
  }

  /** An edit changes no state: what there is to check is what the plan says of it. */
  async function problemsOfEdit(wanted: Project): Promise<readonly string[]> {
    return planProblems(await planOf(wanted), wanted, await site.state.read());
  }

  async function problemsNow(wanted: Project): Promise<readonly string[]> {
    const [state, world] = [await site.state.read(), await site.world()];
    for (const { kind, name } of state.resources) if (kind === 'feature_set' && forgotten.delete(name)) newLife(name);
    const plan = await planOf(wanted);
    const again = await planOf(wanted);
    const found = [
      ...stateProblems(state, world, forgotten),
      ...memory.problems(state, renamed, byHand),
      ...memory.versionProblems(world, lives),
      ...(await historyProblems(site.state)),
      ...planProblems(plan, wanted, state),
      ...planFileProblems(plan, again),
    ];
    renamed = new Map();
    byHand = false;
    return found;
  }

  async function convergence(): Promise<readonly string[]> {
    for (const code of RULE_CODES) rules[code] = 'off';
    for (let round = 0; round < ROUNDS; round += 1) {
      const wanted = project();
      const plan = await planOf(wanted);
      if (plan.errored) {
        const lifted = await lift(plan, wanted);
        if (lifted === 'held back') return [];
        if (lifted.length > 0) return lifted;
        continue;
      }
      if (plan.summary.denied > 0) {
        const problems = await weakenPolicies();
        if (problems.length > 0) return problems;
        continue;
      }
      if (!plan.applyable) return endProblems(plan, wanted);
      const outcome = await carryOut(plan, wanted, 10);
      if (outcome.is !== 'ended' || outcome.result.outcome !== 'succeeded')
        return [`an apply without a mishap did not succeed: ${JSON.stringify(outcome)}`];
      const problems = await problemsNow(wanted);
      if (problems.length > 0) return problems;
    }
    return [`the plan was not empty after ${ROUNDS} applies`];
  }

  /** A denial is lifted in the policy itself, by an apply of nothing else: until then it counts as it is recorded. */
  async function weakenPolicies(): Promise<readonly string[]> {
    for (const [key, draft] of drafts)
      if (key.startsWith('policy.')) drafts.set(key, { ...draft, enforcement: 'warn' });
    const state = await site.state.read();
    const recorded = state.resources.filter(({ kind }) => kind === 'policy');
    if (recorded.length === 0) return [];
    const weak = recorded.map(({ spec }) => {
      const { movedFrom: _, protect, ...rest } = spec as CanonicalPolicy;
      return resource('policy', { ...rest, ...(protect !== undefined && { protect }), enforcement: 'warn' });
    });
    const others = [...project().resources.values()].filter(({ kind }) => kind !== 'policy');
    const wanted: Project = { ...projectOf([...others, ...weak]), rules: rules as Rules };
    const targets = recorded.map(({ address }) => address);
    const plan = site.createPlan({ project: wanted, environment: 'dev', state, mode: 'apply', targets });
    if (!plan.applyable) return hasChanges(plan) ? ['a policy cannot be weakened by itself'] : [];
    const outcome = await carryOut(plan, wanted, 10);
    return outcome.is === 'ended' ? [] : [`weakening policies was refused: ${JSON.stringify(outcome)}`];
  }

  /** What holds a plan back is lifted as its finding says: protection by declaring it off, the rest by leaving it out. */
  async function lift(plan: Plan, wanted: Project): Promise<readonly string[] | 'held back'> {
    const codes = new Set(
      plan.changes.flatMap(({ findings }) =>
        findings.filter(({ severity }) => severity === 'error').map(({ code }) => code),
      ),
    );
    if (codes.has('AP108')) {
      for (const [key, { movedFrom: _, ...draft }] of drafts) drafts.set(key, draft);
      return [];
    }
    if (!codes.has('AP105') && !codes.has('AP107')) return [`the plan is held back by ${[...codes].join(', ')}`];
    // Specs name what was moved by hand as it was called before, so they cannot be declared again as they are recorded.
    if (movedByHand) return 'held back';
    const { resources } = await site.state.read();
    const recorded = new Map(resources.map((one) => [one.address, one]));
    const kept = new Map<Address, AnyResource>(wanted.resources);
    const keep = (address: Address): void => {
      const one = recorded.get(address);
      if (one === undefined || kept.has(address)) return;
      const { protect: _, movedFrom: __, ...spec } = one.spec as typeof one.spec & { movedFrom?: string };
      kept.set(address, resource(one.kind, spec as never, one.dependsOn));
      for (const needed of one.dependsOn) keep(needed);
    };
    for (const { address, protect, managedBy } of resources) if (protect || managedBy === 'api') keep(address);
    const whole: Project = { ...projectOf([...kept.values()]), rules: rules as Rules };
    for (let round = 0; round < ROUNDS; round += 1) {
      const again = await planOf(whole);
      if (again.errored) return ['declaring again what is protected does not lift it'];
      if (!again.applyable) return [];
      const outcome = await carryOut(again, whole, 10);
      if (outcome.is !== 'ended') return [`declaring again what is protected was refused: ${JSON.stringify(outcome)}`];
      const problems = await problemsNow(whole);
      if (problems.length > 0) return problems;
    }
    return ['what was declared again is never as declared'];
  }

  async function endProblems(plan: Plan, wanted: Project): Promise<readonly string[]> {
    const [{ resources }, world] = [await site.state.read(), await site.world()];
    const unmanaged = new Set(plan.unmanaged.map(({ address }) => address));
    const left = resources.filter(({ address }) => !wanted.resources.has(address) && !unmanaged.has(address));
    const sets = resources.filter(({ kind }) => kind === 'feature_set').map(({ name }) => name);
    return [
      ...(hasChanges(plan) || plan.changes.some(({ actions }) => !isNoOp(actions))
        ? ['the last plan is not empty']
        : []),
      ...left.map(({ address }) => `${address} is recorded at the end and nobody wants it`),
      ...sets.filter((name) => !world.has(name)).map((name) => `feature_set.${name} has no data at the end`),
      ...stateProblems({ lineage: null, serial: 0, resources }, world, forgotten),
    ];
  }

  for (const [at, command] of commands.entries()) {
    const problems = await caught(async () => {
      const found = await run(command);
      return [...found, ...(await (EDITS.includes(command.do) ? problemsOfEdit : problemsNow)(project()))];
    });
    if (problems.length > 0) return { at, problems };
  }
  const problems = await caught(convergence);
  return problems.length > 0 ? { at: commands.length, problems } : undefined;
}

async function caught(check: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await check();
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}
