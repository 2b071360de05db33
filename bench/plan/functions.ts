/**
 * The plan's own share of a plan of 5,000 feature sets: difference, classes, order, rendering; without loading specs and
 * without a store. Limit: 200 ms. `node --import jiti/register bench/plan/functions.ts [SETS]`
 */
import { createPlan } from '../../src/plan/create-plan.ts';
import { encodePlanFile } from '../../src/plan/plan-file.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderJson } from '../../src/plan/render/json.ts';
import type { Project } from '../../src/spec/project.ts';
import type { AnyRecordedResource, State } from '../../src/stores/control/state.ts';
import { benchProject } from './project.ts';

const sets = Number(process.argv[2] ?? 5000);
const limitMs = 200;

const recorded = (project: Project): State => ({
  lineage: 'l',
  serial: 1,
  resources: [...project.resources.values()].map(
    (one) =>
      ({
        ...one,
        protect: false,
        managedBy: 'apply',
        status: 'ready',
        outputs: one.kind === 'feature_set' ? { version: 1, keys: { id: 'int64' } } : {},
        createdAt: new Date(0),
        updatedAt: new Date(0),
      }) as unknown as AnyRecordedResource,
  ),
});

const project = benchProject(sets, '400d');
const edited = benchProject(sets, '365d');
const cases = [
  ['create', project, { lineage: null, serial: 0, resources: [] }],
  ['nothing to do', project, recorded(project)],
  ['update all', edited, recorded(project)],
] as const;

let late = false;
for (const [name, desired, state] of cases) {
  const started = performance.now();
  const plan = createPlan({ project: desired, environment: 'dev', state, mode: 'apply' });
  const planned = performance.now();
  const text = renderHuman(plan, { color: true });
  const rendered = performance.now();
  const json = renderJson(plan);
  const file = encodePlanFile({ plan, bundleFiles: {} });
  const encoded = performance.now();
  const shareMs = rendered - started;
  late ||= shareMs > limitMs;
  console.log(
    `${name.padEnd(14)} ${sets} sets: plan ${(planned - started).toFixed(0)} ms + render ${(rendered - planned).toFixed(0)} ms = ${shareMs.toFixed(0)} ms (limit ${limitMs})` +
      `  json and plan file ${(encoded - rendered).toFixed(0)} ms  ${(text.length / 1e6).toFixed(1)} MB text, ${(json.length / 1e6).toFixed(1)} MB json, ${(file.length / 1e6).toFixed(1)} MB file`,
  );
}
console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
process.exitCode = late ? 1 : 0;
