// Runs and tasks: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const runsAndTasks: Section = {
  'run: queued → running → succeeded | failed | cancelled': {},
  'task: pending → ready → waiting (for resources) → running → succeeded': {},
  'running → failed (its own fault) | timed_out | crashed (lost worker) | cancelled': {},
  'failed, timed_out, crashed → retrying → ready, while their budgets last': {},
  'pending → skipped (`when` is false) | upstream_failed': {},
  'A run fails when any task failed that nothing tolerated, wherever it stands in the graph.': {},
  'What tolerates a failure is a `one_success` task that succeeded another way; tasks that run whatever happened (`all_done`, `always`, `one_failed`) hide nothing.':
    {},
  '[Runs](runs.md) has the table.': {},
  'Trigger rules: `all_success` (default), `all_done`, `one_success`, `one_failed`, `none_failed`, `always`.': {},
  'A claim is one transaction.': {},
  'An attempt number guards every write: a late writer changes nothing.': {},
  'What is in use is the sum over live leases.': {},
  "Only the database's clock counts.": {},
  'Leases are renewed outside the main event loop; a worker that lost one kills the whole process group.': {},
  "Pools, the concurrency of a pipeline and a team's part are shared by all machines; what is used of them, too, is the sum over live leases.":
    {},
  "A run beyond its pipeline's `concurrency.runs` stays queued until another ends.": {},
  'Devices are given by number, each to one attempt at a time.': {},
  '`forEach`: each item is a task of its own, `TASK[INDEX]`; the task goes on until all have ended, its outputs are theirs in order.':
    {},
  'An empty list succeeds.': {},
  '`runs retry` runs again the items that failed.': {},
  'The intent is recorded before a process is started.': {},
  'A process is sent a termination signal first, and killed with its group when it does not end.': {},
  'Retry: `limit` attempts beyond the first; the delay of retry n is min(cap, initial · factor^(n−1)), with full jitter unless it is turned off; `on` says what is tried again.':
    {},
  'A task that takes its worker down with it is stopped after three recoveries.': {},
  '`timeout` for each attempt; `deadline` for the task over all attempts, from the moment it first may run; `queuedTimeout` for the wait for room before each attempt, in which the pause before a retry does not count.':
    {},
  'Schedules: one row for each schedule and instant, so never twice.': {},
  'Daylight saving: a daily time in the gap runs at the first valid instant, one in the overlap once; hourly and finer follow elapsed time.':
    {},
  '`catchup: none | last | all`, `overlap: queue | skip | cancel`.': {},
  'Cache: a task with `cache` takes over what succeeded before with the same code, settings and inputs, within its `ttl`, while what that made is still there; the attempt says which one it was.':
    {},
  'Of tasks that come to the same work at once one works; the others wait, holding nothing, for its end, however it ends.':
    {
      'orchestrator/single-flight.test.ts': [
        'that come to the same work at once do it once: the others wait, hold nothing, and take it over',
        'work in turn while the first fails, and each is told its own end',
        'are not kept back by one whose worker died',
      ],
    },
  'Circuit breaker for each pipeline: open after n failed runs in a row; schedules and triggers then start nothing, and each run that is skipped is told.':
    {},
  'After a pause one run tries: it closes the breaker, or opens it for another pause.': {},
  'What people start always runs.': {},
  'Triggers: an event is written in the transaction of what it tells of, so that one that happens while no scheduler runs is not lost; it is handled once, in the transaction that makes its run, whose cause says what happened.':
    {},
  'Pipelines that start each other in a circle, by triggers, by `run_pipeline` or by both, are refused, those made over HTTP too.':
    {
      'spec/triggers.test.ts': [
        'that start pipelines in a circle are refused: by ends, by sets, by models',
        'that close a circle with tasks that run a pipeline are refused, and circles of such tasks alone',
      ],
      'plan/environment.test.ts': ['a circle through a pipeline that was made over HTTP is an error of the plan'],
      'api/contract.test.ts': ['are refused where pipelines would start each other without end'],
    },
  '[Triggers](triggers.md) has every kind.': {},
  'Backfill: over the instants of a range, with a concurrency and an order of its own, previewed by a dry run; `reprocess: none | failed | all`.':
    {},
  'Never beside a live run of the same instant, of which there is one at most.': {},
  'A scheduler that died is replaced by the next.': {},
  'A Job of a cluster outlives its daemon: the next one goes on with the same attempt, its log whole and in order, its program not started again.':
    {},
  "A Job of the same name that is another's is left alone; Jobs whose attempt is over or unknown are removed.": {},
  'A program that holds more memory than its task asks for is killed with all that it started, and has crashed; the error names the limit.':
    {},
  'Cancelling works in every state and leaves no process behind.': {},
  '`runs retry` runs only what failed and what that blocked.': {},
  'Every attempt of a process starts in a fresh directory that holds just the code bundle that was applied: an edit in the working tree changes nothing that runs before it is planned and applied.':
    {},
  'A task that waits for something outside (`wait_for`, `run_pipeline`) holds no attempt, lease or slot meanwhile and survives every daemon.':
    {},
  'The run that a `run_pipeline` task started belongs to it: found again by every attempt, taken up where it failed, cancelled with it.':
    {},
  'A value of a run in the text of a task is a value there, never code: a literal in SQL, a word in a shell, a part of a url.':
    {},
};
