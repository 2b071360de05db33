/**
 * What the crash test applies, in this process or in a child that is killed: two projects that differ in every way (create, in place,
 * new version, replace of readers, delete), real Postgres state, effects as files that outlive the process.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApplyResult, applyPlan } from '../../src/apply/apply.ts';
import type { ResourceEffects } from '../../src/apply/effects.ts';
import type { ApplyEvent } from '../../src/apply/events.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import type { Plan, PlanMode } from '../../src/plan/plan.ts';
import { structureDigest } from '../../src/spec/feature-set-structure.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { memoryArtifacts } from '../support/apply.ts';
import { healthcare, projectOf, resource, TREND_QUERY } from '../support/specs.ts';

export type Step = 'first' | 'second' | 'rename' | 'destroy';

/** Without a part of the kinds, so that the second step creates and deletes. */
const first = healthcare({
  without: ['model.pbc_mortality', 'endpoint.mortality'],
});

const second = projectOf([
  ...healthcare({
    without: ['feature_set.patient_labs', 'endpoint.mortality'],
    source: { nulls: ['NA', ''] },
    trend: { query: TREND_QUERY.replace('365 days', '180 days') },
    service: { features: ['patient_trend.visits_365d'] },
    pipeline: { schedule: { cron: '0 1 * * 0' } },
  }).resources.values(),
  resource(
    'feature_set',
    {
      name: 'patient_notes',
      entity: 'patient',
      source: 'visits',
      eventTime: 'event_time',
      features: { words: { dtype: 'int64' } },
    },
    ['entity.patient', 'source.visits'],
  ),
]);

/** The second step's project: two sets move up one name, the model gets another, and what names them says so. */
const SETS = new Map([
  ['patient_trend', 'trend'],
  ['patient_notes', 'patient_trend'],
]);
const renamed = projectOf(
  [...second.resources.values()].map((one): AnyResource => {
    const dependsOn = one.dependsOn.map((address) => {
      const set = SETS.get(address.replace('feature_set.', ''));
      return set === undefined ? address : (`feature_set.${set}` as const);
    });
    switch (one.kind) {
      case 'feature_set':
        return resource(
          'feature_set',
          { ...one.spec, name: SETS.get(one.name) ?? one.name, movedFrom: one.name, owner: 'renamed' },
          dependsOn,
        );
      case 'feature_service':
        return resource('feature_service', { ...one.spec, features: ['trend.visits_365d'] }, dependsOn);
      case 'model':
        return resource('model', { ...one.spec, name: 'mortality', movedFrom: one.name }, dependsOn);
      case 'pipeline':
        return resource(
          'pipeline',
          {
            ...one.spec,
            name: 'retraining',
            movedFrom: one.name,
            tasks: { materialize: { operator: 'feature_materialization', featureSets: ['trend'], needs: [] } },
          },
          ['feature_set.trend'],
        );
      default:
        return one;
    }
  }),
);

export const PROJECTS: Readonly<Record<Step, Project>> = { first, second, rename: renamed, destroy: second };

const modeOf = (step: Step): PlanMode => (step === 'destroy' ? 'destroy' : 'apply');

export async function planStep(step: Step, state: StateStore): Promise<Plan> {
  return createPlan({
    project: { ...PROJECTS[step], rules: { FS101: 'warn', FS116: 'warn' } },
    environment: 'dev',
    state: await state.read(),
    mode: modeOf(step),
  });
}

export async function applyStep(
  step: Step,
  state: StateStore,
  effects: ResourceEffects,
  concurrency: number,
  onEvent: (event: ApplyEvent) => void = () => {},
): Promise<ApplyResult> {
  return applyPlan({
    plan: await planStep(step, state),
    bundleFiles: new Map(),
    state,
    effects,
    artifacts: memoryArtifacts(),
    who: 'crash@test',
    gitCommit: null,
    root: '/project',
    concurrency,
    onEvent,
  });
}

/** `DIR/SET.json`: the structure digests of the set's versions, in order. */
export function fileEffects(directory: string): ResourceEffects {
  mkdirSync(directory, { recursive: true });
  const fileOf = (set: string): string => join(directory, `${set}.json`);
  return {
    registerFeatureSet: async (set, entity) => {
      const versions = readVersions(fileOf(set.name));
      const digest = structureDigest(set, entity);
      if (versions.at(-1) !== digest) {
        versions.push(digest);
        writeFileSync(`${fileOf(set.name)}.next`, JSON.stringify(versions));
        renameSync(`${fileOf(set.name)}.next`, fileOf(set.name));
      }
      return { version: versions.length };
    },
    dropFeatureSet: async (name) => rmSync(fileOf(name), { force: true }),
    liveRuns: async () => 0,
  };
}

function readVersions(file: string): string[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as string[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Everything that two undisturbed runs have in common. */
export async function outcomeOf(state: StateStore, directory: string): Promise<unknown> {
  const { resources } = await state.read();
  return {
    resources: resources.map(({ address, spec, digest, dependsOn, protect, managedBy, status, outputs }) => ({
      address,
      spec,
      digest,
      dependsOn,
      protect,
      managedBy,
      status,
      outputs,
    })),
    effects: Object.fromEntries(
      readdirSync(directory)
        .filter((file) => file.endsWith('.json'))
        .sort()
        .map((file) => [file, readVersions(join(directory, file))]),
    ),
  };
}
