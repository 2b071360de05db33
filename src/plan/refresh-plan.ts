/** The plan of `--refresh-only`: nothing is to be changed, every recorded resource stands as it is, and the drift is told. Pure. */
import { digestOf } from '../lib/canonical.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Observed } from '../stores/control/observed.ts';
import type { AnyRecordedResource, State } from '../stores/control/state.ts';
import { type Change, NO_IMPACT } from './change.ts';
import { sensitiveParts } from './diff.ts';
import { driftOf } from './drift.ts';
import { PLAN_FORMAT, type Plan } from './plan.ts';

export interface RefreshInput {
  readonly project: string;
  readonly environment: string;
  readonly state: State;
  readonly observed: Observed;
  readonly gitCommit: string | null;
}

export function createRefreshPlan({ project, environment, state, observed, gitCommit }: RefreshInput): Plan {
  const sorted = [...state.resources].sort((a, b) => (a.address < b.address ? -1 : 1));
  const changes = sorted.filter(({ managedBy }) => managedBy === 'apply').map(unchanged);
  const unmanaged = sorted
    .filter(({ managedBy }) => managedBy === 'api')
    .map(({ address, kind, name }) => ({ address, kind, name }));
  return {
    format: PLAN_FORMAT,
    mode: 'refresh',
    project,
    environment,
    lineage: state.lineage,
    serial: state.serial,
    // Of the specs as they are recorded: those of the project are not looked at.
    specDigest: digestOf(sorted.map(({ address, digest }) => [address, digest])),
    gitCommit,
    applyable: false,
    errored: false,
    complete: true,
    targets: [],
    leftOut: [],
    rules: {},
    against: null,
    changes,
    drift: driftOf(observed),
    decisions: [],
    policies: [],
    unmanaged,
    summary: {
      create: 0,
      update: 0,
      delete: 0,
      forget: 0,
      noOp: changes.length,
      unmanaged: unmanaged.length,
      errors: 0,
      warnings: 0,
      suppressed: 0,
      denied: 0,
      class: null,
    },
  };
}

function unchanged({ address, kind, name, spec, digest, dependsOn, protect }: AnyRecordedResource): Change {
  const recorded = spec as unknown as JsonObject;
  return {
    address,
    kind,
    name,
    previousAddress: null,
    actions: ['no-op'],
    reason: 'as recorded',
    before: recorded,
    after: recorded,
    beforeSensitive: sensitiveParts(recorded),
    afterSensitive: sensitiveParts(recorded),
    afterUnknown: {},
    diffs: [],
    class: 'safe',
    findings: [],
    impact: NO_IMPACT,
    digest,
    dependsOn,
    dependedOn: dependsOn,
    protect,
  };
}
