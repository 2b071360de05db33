// One graph, written for mlops and for Terraform: groups of twenty resources, in the shape that projects have. A group is a source and an entity; eight
// feature sets on both; four services that read two or three sets each; four models, each on a service; two endpoints of two models each.
// The entity of every tenth group is that of the nine after it too, so that changes fan out across groups.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const GROUP = 20;

/** Which of a group's eight sets its service number `service` reads. */
const reads = (service) => [0, 1, ...(service % 2 === 1 ? [2] : [])].map((next) => (2 * service + next) % 8);
const entityOf = (group) => group - (group % 10);

/** `count`: a multiple of 20. `ttl`: that of every feature set. `packageRoot`: the package that the config imports. */
export function writeMlopsProject(folder, count, { packageRoot, ttl = '400d' }) {
  mkdirSync(join(folder, 'data'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(packageRoot, join(folder, 'node_modules', 'mlops'), 'dir');
  writeFileSync(join(folder, 'data', 'visits.csv'), 'id,event_time,a,b\n1,2026-01-01 00:00:00,1.5,2\n');
  writeFileSync(
    join(folder, 'mlops.config.ts'),
    `import { defineConfig, endpoint, entity, featureService, featureSet, model, source } from 'mlops';

const reads = ${JSON.stringify([0, 1, 2, 3].map(reads))};
const resources: object[] = [];
const entities: ReturnType<typeof entity>[] = [];
for (let group = 0; group < ${count / GROUP}; group += 1) {
  const from = source(\`source_\${group}\`, { file: 'data/visits.csv' });
  entities.push(entity(\`entity_\${group}\`, { keys: { id: 'int64' } }));
  const of = entities[group - (group % 10)];
  const sets = Array.from({ length: 8 }, (_, index) =>
    featureSet(\`set_\${group}_\${index}\`, {
      entity: of, source: from, eventTime: 'event_time', ttl: '${ttl}', owner: 'bench',
      features: { a: { dtype: 'float64', expect: { min: 0 } }, b: { dtype: 'int64' }, ratio: { dtype: 'float64', expr: 'a / b' } },
    }),
  );
  const services = reads.map((list, index) =>
    featureService(\`service_\${group}_\${index}\`, { features: list.map((set) => \`set_\${group}_\${set}.ratio\`) }),
  );
  const models = services.map((inputs, index) =>
    model(\`model_\${group}_\${index}\`, { framework: 'onnx', inputs, gates: [{ metric: 'auc', min: 0.8 }] }),
  );
  const endpoints = [0, 2].map((index) =>
    endpoint(\`endpoint_\${group}_\${index}\`, {
      key: 'id',
      variants: { control: { model: models[index], stage: 'production' }, candidate: { model: models[index + 1], stage: 'production' } },
      split: { control: 90, candidate: 10 },
    }),
  );
  resources.push(from, entities[group], ...sets, ...services, ...models, ...endpoints);
}
export default defineConfig({ project: 'bench', resources });
`,
  );
}

/** The same resources and references as `terraform_data`, the one resource that needs no provider's server. */
export function writeTerraformProject(folder, count) {
  const blocks = [];
  const block = (name, values, needs = []) => {
    const inputs = Object.entries(values).map(([key, value]) => `    ${key} = ${JSON.stringify(value)}`);
    const references = needs.map((other) => `terraform_data.${other}.id`);
    blocks.push(
      `resource "terraform_data" "${name}" {\n  input = {\n${[...inputs, ...(references.length === 0 ? [] : [`    needs = [${references.join(', ')}]`])].join('\n')}\n  }\n}`,
    );
  };
  for (let group = 0; group < count / GROUP; group += 1) {
    block(`source_${group}`, { file: 'data/visits.csv' });
    block(`entity_${group}`, { id: 'int64' });
    for (let index = 0; index < 8; index += 1) {
      const values = {
        event_time: 'event_time',
        ttl: '400d',
        owner: 'bench',
        a: 'float64',
        b: 'int64',
        ratio: 'a / b',
      };
      block(`set_${group}_${index}`, values, [`source_${group}`, `entity_${entityOf(group)}`]);
    }
    for (let index = 0; index < 4; index += 1) {
      block(
        `service_${group}_${index}`,
        { feature: 'ratio' },
        reads(index).map((set) => `set_${group}_${set}`),
      );
      block(`model_${group}_${index}`, { gate: 'auc', min: 0.8 }, [`service_${group}_${index}`]);
    }
    for (const index of [0, 2]) {
      const models = [`model_${group}_${index}`, `model_${group}_${index + 1}`];
      block(`endpoint_${group}_${index}`, { key: 'id', control: 90, candidate: 10 }, models);
    }
  }
  writeFileSync(join(folder, 'main.tf'), `${blocks.join('\n')}\n`);
}
