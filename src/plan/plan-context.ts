/** What the change of one resource is worked out from: everything that is wanted, recorded and known. */
import type { Address } from '../spec/address.ts';
import type { PipelineCircle } from '../spec/pipeline-circles.ts';
import type { AnyResource, Rules } from '../spec/project.ts';
import type { PlanFacts } from '../stores/control/facts.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';
import type { Readers } from './analyzers/readers.ts';
import type { KnownColumns } from './changed-columns.ts';
import type { Lineage } from './downstream.ts';
import type { PlanMode } from './plan.ts';
import type { Renames } from './renames.ts';
import type { SetLineages } from './set-lineages.ts';

export interface PlanContext {
  readonly mode: PlanMode;
  readonly desired: ReadonlyMap<Address, AnyResource>;
  /** Under their new names. */
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  /** As recorded, by the old address. */
  readonly written: ReadonlyMap<Address, AnyRecordedResource>;
  readonly stays: (address: Address) => boolean;
  readonly circles: () => readonly PipelineCircle[];
  readonly readers: Readers;
  readonly lineage: Lineage;
  readonly lineages: SetLineages;
  readonly renames: Renames;
  readonly facts: PlanFacts;
  readonly rules: Rules;
  readonly known: (source: Address) => KnownColumns;
  /** Filled as changes are planned: the sets whose rows each has computed again. */
  readonly recomputed: Map<Address, readonly Address[]>;
}
