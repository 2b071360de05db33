// The orchestrator: draining a large DAG, the latency of dispatch, processes one after the other, and a long history.
// Arguments: names of parts (all), --tasks N for the first, --seconds N for the second, --runs N for the last.
import { dispatch } from './dispatch.mjs';
import { drain } from './drain.mjs';
import { history } from './history.mjs';
import { processes } from './processes.mjs';

const words = process.argv.slice(2);
const asked = words.filter((word) => !word.startsWith('-') && !/^\d+$/.test(word));
const option = (name, otherwise) => Number(words[words.indexOf(`--${name}`) + 1] ?? otherwise) || otherwise;
const parts = {
  drain: () => drain(words.includes('--tasks') ? option('tasks', 100_000) : 100_000),
  dispatch: () => dispatch(words.includes('--seconds') ? option('seconds', 20) : 20),
  processes,
  history: () => history(words.includes('--runs') ? option('runs', 1_000_000) : 1_000_000),
};
for (const [name, run] of Object.entries(parts)) if (asked.length === 0 || asked.includes(name)) await run();
