// Writes src/spec/schema-types.ts from schemas/*.schema.json. `--check` fails where the file on disk is not what would be written.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const kinds = [
  'source',
  'entity',
  'feature_set',
  'feature_service',
  'pipeline',
  'model',
  'endpoint',
  'policy',
  'project',
];
const read = (name) => JSON.parse(readFileSync(join(root, 'schemas', `${name}.schema.json`), 'utf8'));

// One schema with every definition inside, so that a shared shape becomes one type.
const common = read('common');
const definitions = { ...common.$defs };
const properties = {};
const inline = (value) => {
  if (Array.isArray(value)) return value.map(inline);
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === 'x-ts') out.tsType = item;
    else if (key === '$ref') out.$ref = item.replace(/^(common\.schema\.json)?#\/\$defs\//, '#/definitions/');
    else if (key === '$schema' || key === '$id' || key === 'discriminator' || key.startsWith('x-')) continue;
    else out[key] = inline(item);
  }
  // A description beside a $ref would make a copy of what is referred to.
  if (out.$ref && Object.keys(out).length > 1) {
    const { $ref, ...rest } = out;
    return { ...rest, allOf: [{ $ref }] };
  }
  // A choice of required sets is for validation; as a type it would multiply the interface.
  for (const choice of ['oneOf', 'anyOf']) {
    if (Array.isArray(out[choice]) && out[choice].every((branch) => branch.required && !branch.properties))
      delete out[choice];
  }
  return out;
};
for (const kind of kinds) {
  const { $defs: { TaskCommon: _copiedIntoEachTask, ...$defs } = {}, ...schema } = read(kind);
  Object.assign(definitions, $defs);
  definitions[schema.title] = schema;
  properties[kind] = { $ref: `#/definitions/${schema.title}` };
}
const all = inline({ title: 'Specs', type: 'object', additionalProperties: false, properties, definitions });
const generated = await compile(all, 'Specs', {
  bannerComment: '/* Generated from schemas/*.schema.json by scripts/generate-types.mjs: do not edit. */',
  additionalProperties: false,
  unreachableDefinitions: true,
  declareExternallyReferenced: true,
  ignoreMinAndMaxItems: true,
  style: { singleQuote: true, printWidth: 120 },
});
// The root that holds all of them together is of no use by itself.
const code = generated
  .replace(/export interface Specs \{[\s\S]*?\n\}\n/, '')
  .replace(/( \*\n)? \* This interface was referenced by [^\n]*\n \* via the [^\n]*\n/g, '')
  .replace(/\/\*\*\n \*\/\n/g, '');

// The plan's JSON, for policies: its parts are called PlanChange, PlanFinding, ….
const planParts = (value) => {
  if (Array.isArray(value)) return value.map(planParts);
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const [key, item] of Object.entries(value)) {
    out[key] = key === '$ref' ? item.replace('#/definitions/', '#/definitions/Plan') : planParts(item);
  }
  return out;
};
const { $defs: parts, ...plan } = read('plan');
const planDefinitions = Object.fromEntries(Object.entries(parts).map(([name, part]) => [`Plan${name}`, part]));
const planCode = (
  await compile(planParts(inline({ ...plan, title: 'PlanJson', definitions: planDefinitions })), 'PlanJson', {
    bannerComment: '/* Generated from schemas/plan.schema.json by scripts/generate-types.mjs: do not edit. */',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120 },
  })
)
  .replace(/( \*\n)? \* This interface was referenced by [^\n]*\n \* via the [^\n]*\n/g, '')
  .replace(/\/\*\*\n \*\/\n/g, '');

const targets = { 'src/spec/schema-types.ts': code, 'src/spec/plan-json.ts': planCode };
for (const [path, text] of Object.entries(targets)) {
  const file = join(root, path);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`${path} is out of date: run npm run generate\n`);
    process.exitCode = 1;
  }
}
