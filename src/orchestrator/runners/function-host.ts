/**
 * The worker process of a TypeScript task: loads the function that its argument names (`MODULE#EXPORT`) from the working
 * directory, calls it with what the attempt's variables say, and writes what it returns.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import type { JsonObject } from '../../lib/json.ts';
import { importFunction } from '../../spec/import-function.ts';
import type { TaskContext } from '../../spec/task-context.ts';

const variable = (name: string): string => process.env[name] ?? '';
const readJson = (name: string): unknown => JSON.parse(readFileSync(variable(name), 'utf8'));

const controller = new AbortController();
let heeds = false;
process.on('SIGTERM', () => {
  // Who does not look at the signal need not be waited for.
  if (!heeds) process.exit(143);
  controller.abort(new Error('the task is to end'));
});

const instant = process.env['MLOPS_INSTANT'];
const context: TaskContext = {
  params: readJson('MLOPS_PARAMS') as JsonObject,
  inputs: readJson('MLOPS_INPUTS') as Record<string, JsonObject>,
  run: {
    id: variable('MLOPS_RUN_ID'),
    pipeline: variable('MLOPS_PIPELINE'),
    task: variable('MLOPS_TASK'),
    attempt: Number(variable('MLOPS_ATTEMPT')),
    instant: instant === undefined ? null : new Date(instant),
  },
  log: (...values) => {
    const line = values.map((value) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))));
    process.stdout.write(`${line.join(' ')}\n`);
  },
  get signal() {
    heeds = true;
    return controller.signal;
  },
};

try {
  const outputs: unknown = await (await importFunction(process.argv[2] ?? ''))(context);
  if (outputs !== undefined) writeFileSync(variable('MLOPS_OUTPUTS'), JSON.stringify(outputs) ?? '');
  // What it left open (a timer, a connection) does not keep the task.
  process.exit(0);
} catch (error) {
  process.stderr.write(`${inspect(error)}\n`);
  writeFileSync(variable('MLOPS_ERROR'), error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exit(1);
}
