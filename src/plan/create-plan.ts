/** Desired specs against recorded state → the plan. Pure: no clock, no I/O; the same input gives the same plan, byte for byte. */
import type { JsonObject } from '../lib/json.ts';
import { type Address, addressOf, parseAddress } from '../spec/address.ts';
import type { CanonicalSpecs } from '../spec/canonical-specs.ts';
import type { FeatureLineage } from '../spec/column-lineage.ts';
import type { Kind } from '../spec/kinds.ts';
import { type PipelineCircle, pipelineCircles } from '../spec/pipeline-circles.ts';
import type { AnyResource, Project, Resource } from '../spec/project.ts';
import type { PlanFacts } from '../stores/control/facts.ts';
import type { AnyRecordedResource, RecordedResource, State } from '../stores/control/state.ts';
import { isNoOp } from './action.ts';
import { affectedBy } from './affected.ts';
import { createReaders } from './analyzers/readers.ts';
import { type AttributeDiff, type Change, type ChangeClass, graver, type Impact, NO_IMPACT } from './change.ts';
import { classify } from './classify.ts';
import { changedReason, decide } from './decide.ts';
import { decisionsOf } from './decisions.ts';
import { diffSpecs, sensitiveParts } from './diff.ts';
import { createLineage } from './downstream.ts';
import { impactOf } from './impact.ts';
import { observedOf } from './observed.ts';
import { answeredOtherwise } from './online-readers.ts';
import { inApplyOrder, withinTargets } from './order.ts';
import { PLAN_FORMAT, type Plan, type PlanMode, type UnmanagedResource } from './plan.ts';
import type { PlanContext } from './plan-context.ts';
import { isDenial, judgePlan, type PolicyInput } from './policies.ts';
import { refusalsOf } from './refusals.ts';
import { findRenames } from './renames.ts';
import { reusedName } from './reused-names.ts';
import { settle } from './rules.ts';
import { createSetLineages } from './set-lineages.ts';
import { snapshotsToGo } from './snapshots-to-go.ts';
import { columnDiffs, recordedColumns } from './source-columns.ts';
import { recomputeTotal, summarize } from './summarize.ts';
import { factsUnderNewNames, underNewNames } from './under-new-names.ts';

export interface PlanInput {
  readonly project: Project;
  readonly environment: string;
  readonly state: State;
  readonly mode: PlanMode;
  /** Only these and what they need (apply) or what needs them (destroy and deletes). Default: everything. */
  readonly targets?: readonly Address[];
  readonly facts?: PlanFacts;
  /** The serial whose specs the project holds. Default: the project's own. */
  readonly against?: number | null;
  /** The commit that is checked out. Default: none is known. */
  readonly gitCommit?: string | null;
  /** By name of a source that is a query: the outputs that an edit of it changes. Default: it may be any. */
  readonly changedOutputs?: ReadonlyMap<string, readonly string[]>;
}

export function createPlan(input: PlanInput): Plan {
  const { project, environment, state, mode } = input;
  const desired: ReadonlyMap<Address, AnyResource> = mode === 'destroy' ? new Map() : project.resources;
  const byAddress = (resources: readonly AnyRecordedResource[]): ReadonlyMap<Address, AnyRecordedResource> =>
    new Map(resources.map((resource) => [resource.address, resource]));
  const written = byAddress(state.resources);
  const renames = findRenames(desired, written);
  const resources = underNewNames(state.resources, renames);
  const recorded = byAddress(resources);
  const stays = (address: Address): boolean => desired.has(address) || recorded.get(address)?.managedBy === 'api';
  const context: PlanContext = {
    mode,
    desired,
    recorded,
    written,
    stays,
    circles: circlesAfter({ desired, recorded, stays }),
    readers: createReaders(recorded),
    lineage: createLineage(() => [...recorded.values(), ...desired.values()]),
    lineages: createSetLineages({ desired, recorded, renames }),
    renames,
    facts: factsUnderNewNames(input.facts ?? {}, renames),
    rules: project.rules,
    known: (source) => ({
      before: recordedColumns(recorded.get(source)),
      after: desired.get(source)?.columns,
      outputs: input.changedOutputs?.get(source.slice('source.'.length)),
    }),
    recomputed: new Map(),
  };

  const unmanaged: UnmanagedResource[] = [];
  const found: Change[] = [];
  for (const address of [...new Set([...desired.keys(), ...recorded.keys()])].sort()) {
    const before = recorded.get(address);
    if (before !== undefined && !desired.has(address) && before.managedBy === 'api') {
      unmanaged.push({ address, kind: before.kind, name: before.name });
    } else {
      found.push(planResource(address, context));
    }
  }

  const ordered = inApplyOrder(found);
  const targets = [...(input.targets ?? [])].sort();
  const changes =
    targets.length === 0
      ? ordered
      : withinTargets(
          ordered,
          targets,
          unmanaged.map(({ address }) => address),
        );
  const summary = summarize(changes, unmanaged.length, recomputeTotal(changes, context));
  const { create, update, delete: deletes, forget } = summary;
  const plan: Plan = {
    format: PLAN_FORMAT,
    mode,
    project: project.name,
    environment,
    lineage: state.lineage,
    serial: state.serial,
    specDigest: project.digest,
    gitCommit: input.gitCommit ?? null,
    applyable: summary.errors === 0 && create + update + deletes + forget > 0,
    errored: summary.errors > 0,
    complete: changes.length === ordered.length,
    targets,
    leftOut: ordered
      .filter((change) => !isNoOp(change.actions) && !changes.includes(change))
      .map(({ address }) => address)
      .sort(),
    against: input.against ?? null,
    changes,
    drift: [],
    decisions: decisionsOf(changes, context),
    policies: [],
    rules: project.rules,
    unmanaged,
    summary: {
      ...summary,
      snapshots: snapshotsToGo(changes, context.facts, project.environments[environment]?.snapshots),
    },
  };
  return judged(plan, {
    resources: project.resources,
    recorded,
    summarize: (some) => summarize(some, unmanaged.length, recomputeTotal(some, context)),
  });
}

/** With what policies say of it. A refresh changes nothing. */
function judged(plan: Plan, input: PolicyInput): Plan {
  const policies = plan.mode === 'refresh' ? [] : judgePlan(plan, input);
  const denied = policies.filter(isDenial).length;
  return {
    ...plan,
    applyable: plan.applyable && denied === 0,
    policies,
    summary: { ...plan.summary, denied },
  };
}

function planResource(address: Address, context: PlanContext): Change {
  const desired = context.desired.get(address) as Resource | undefined;
  const recorded = context.recorded.get(address) as RecordedResource | undefined;
  const subject = desired ?? (recorded as RecordedResource);
  const kind: Kind = subject.kind;
  const existed =
    recorded !== undefined &&
    recorded.status !== 'creating' &&
    !(recorded.status === 'deleting' && desired !== undefined);
  const before = existed || desired === undefined ? (recorded?.spec as CanonicalSpecs[Kind] | undefined) : undefined;
  const after = desired?.spec;
  const rename = context.renames.to.get(address);
  const previousAddress = rename === undefined || rename.refused !== undefined ? null : rename.from;
  const shown = before && context.written.get(previousAddress ?? address)?.spec;
  const asJson = (spec: CanonicalSpecs[Kind] | undefined): JsonObject | null => (spec ?? null) as JsonObject | null;

  const { actions, reason: found } = decide(address, context, desired, recorded);
  const untouched = isNoOp(actions);
  const diffsFrom = (spec: CanonicalSpecs[Kind] | undefined): readonly AttributeDiff[] =>
    spec === undefined || after === undefined || untouched ? [] : diffSpecs(asJson(spec) ?? {}, asJson(after) ?? {});
  const observedDiffs = untouched || kind !== 'source' ? [] : columnDiffs(recorded, desired);
  const diffs = [...diffsFrom(shown), ...observedDiffs];
  const bySpec = before === shown ? diffsFrom(shown) : diffsFrom(before);
  const analysis = untouched
    ? { class: 'safe' as const, findings: [], reason: undefined }
    : classify(kind, {
        address,
        actions,
        previousAddress,
        before,
        after,
        diffs: bySpec,
        recorded,
        desired,
        desiredResources: context.desired,
        stays: context.stays,
        circles: context.circles,
        isRecorded: (other) => context.recorded.has(other),
        unchanged: (other) => context.recorded.get(other)?.digest === context.desired.get(other)?.digest,
        readers: context.readers,
        facts: context.facts,
        source: {
          observed: observedDiffs,
          known: context.known(address),
          featuresAffected: (some) =>
            affectedBy(address, some, context).features.filter((feature) =>
              context.stays(addressOf('feature_set', feature.split('.', 1)[0] ?? '')),
            ),
          lineagesAfter: () => lineagesAfter(address, context),
        },
      });
  const refusals = untouched ? [] : refusalsOf(address, actions, desired, recorded, context);
  const interrupted = recorded !== undefined && recorded.status !== 'ready';
  const own = found ?? (interrupted ? undefined : analysis.reason) ?? changedReason(diffs);
  const renamed = previousAddress === null ? [] : [`renamed from ${previousAddress}`];
  const reason = [...renamed, ...(own === undefined ? [] : [own])].join('; ') || 'changed';
  let gravest: ChangeClass = analysis.class;
  if (actions.includes('delete') && kind === 'feature_set') gravest = graver(gravest, 'destructive');
  const impact = ((): Impact => {
    if (untouched || actions[0] === 'create') return NO_IMPACT;
    const affected = affectedBy(address, [...bySpec, ...observedDiffs], context);
    context.recomputed.set(address, affected.recomputed);
    const touched =
      desired?.kind === 'feature_set' ? answeredOtherwise((desired as Resource<'feature_set'>).spec, bySpec) : [];
    return impactOf(address, gravest, affected, touched, context);
  })();
  const beforeSensitive = sensitiveParts(asJson(shown));
  return {
    address,
    kind,
    name: subject.name,
    previousAddress,
    actions,
    reason,
    before: asJson(shown),
    after: asJson(after),
    beforeSensitive,
    afterSensitive: untouched ? beforeSensitive : sensitiveParts(asJson(after)),
    afterUnknown: {},
    diffs,
    class: gravest,
    findings: [
      ...refusals,
      ...(untouched
        ? []
        : settle([...reusedName(desired, context), ...analysis.findings], context.rules, desired, actions)),
    ],
    impact,
    digest: subject.digest,
    dependsOn: subject.dependsOn,
    dependedOn: recorded?.dependsOn ?? [],
    protect: after === undefined ? (recorded?.protect ?? false) : (after.protect ?? false),
    ...(untouched ? {} : runsOf(desired, before === undefined ? undefined : bySpec)),
    ...(untouched ? {} : observedOf(desired, recorded, bySpec, context.known(address))),
  };
}

/** Of the queries that change; of a new resource all. */
function runsOf(
  desired: Resource | undefined,
  diffs: readonly AttributeDiff[] | undefined,
): { readonly runs?: Readonly<Record<string, string>> } {
  const all = Object.entries(desired?.runs ?? {});
  const changing = all.filter(
    ([pointer]) =>
      diffs === undefined || diffs.some(({ path }) => pointer.startsWith(path) || path.startsWith(`${pointer}/`)),
  );
  return changing.length === 0 ? {} : { runs: Object.fromEntries(changing) };
}

/** Looked for when first asked for, and once. */
function circlesAfter({
  desired,
  recorded,
  stays,
}: Pick<PlanContext, 'desired' | 'recorded' | 'stays'>): PlanContext['circles'] {
  let found: readonly PipelineCircle[] | undefined;
  return () => {
    const all = [...recorded.values(), ...desired.values()];
    const there = all.flatMap((one) =>
      one.kind === 'pipeline' && stays(one.address) ? [[one.name, one.spec] as const] : [],
    );
    found ??= pipelineCircles(new Map(there));
    return found;
  };
}

/** Of the sets below a source that are there after the plan. */
function* lineagesAfter(
  source: Address,
  { lineage, lineages, stays }: PlanContext,
): Iterable<{ readonly set: string; readonly lineage: FeatureLineage }> {
  for (const address of lineage.downstream(source)) {
    const set = parseAddress(address);
    if (set?.kind !== 'feature_set' || !stays(address)) continue;
    const found = lineages.after(address);
    if (found !== undefined) yield { set: set.name, lineage: found };
  }
}
