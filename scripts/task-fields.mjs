// Copies the fields that every task has, `$defs/TaskCommon` of schemas/pipeline.schema.json, into each task: a strict schema
// of a task names all of its fields. `--check` fails where that was not done.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const file = join(root, 'schemas', 'pipeline.schema.json');
const schema = JSON.parse(readFileSync(file, 'utf8'));
const common = schema.$defs.TaskCommon.properties;
const before = JSON.stringify(schema);
for (const [name, task] of Object.entries(schema.$defs)) {
  if (!task.properties?.operator) continue;
  const own = Object.entries(task.properties).filter(([field]) => !(field in common));
  schema.$defs[name].properties = { ...Object.fromEntries(own), ...common };
}
if (process.argv.includes('--check')) {
  if (JSON.stringify(schema) !== before) {
    process.stderr.write('schemas/pipeline.schema.json: the tasks lack fields of TaskCommon: run npm run generate\n');
    process.exitCode = 1;
  }
} else if (JSON.stringify(schema) !== before) {
  writeFileSync(file, JSON.stringify(schema, null, 2));
  execFileSync(join(root, 'node_modules', '.bin', 'biome'), ['format', '--write', file], { stdio: 'ignore' });
}
