// biome-ignore-all lint/suspicious/noTemplateCurlyInString: titles of tests as their source has them
// Runs and tasks: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const runsAndTasks: Section = {
  'run: queued → running → succeeded | failed | cancelled': {
    'contract/runs.test.ts': ['is cancelled in every state', 'is created once for a key'],
    'orchestrator/runs.test.ts': [
      'runs its tasks in the order of their needs and keeps their outputs',
      'fails when a task failed that nothing tolerated, wherever it stands',
    ],
    'simulation/store.test.ts': ['does what the pure function says, action by action, in ${SCHEDULES} schedules'],
  },
  'task: pending → ready → waiting (for resources) → running → succeeded': {
    'contract/runs.test.ts': ['packs what live leases leave free, and what does not fit waits'],
    'simulation/store.test.ts': ['does what the pure function says, action by action, in ${SCHEDULES} schedules'],
  },
  'running → failed (its own fault) | timed_out | crashed (lost worker) | cancelled': {
    'orchestrator/process.test.ts': [
      'fails with its exit code, which `on` may name',
      'are all gone when the run is cancelled, however stubborn',
      'killed by somebody else are a crash, tried again without a retry, at most three times',
    ],
    'orchestrator/runs.test.ts': ['end an attempt at its timeout'],
    'contract/runs.test.ts': ['of a worker known to be gone is over at once'],
  },
  'failed, timed_out, crashed → retrying → ready, while their budgets last': {
    'orchestrator/rules.test.ts': ['depends on the budget of its kind'],
    'orchestrator/runs.test.ts': ['stop at the limit, and do not happen for what `on` does not name'],
    'simulation/simulation.test.ts': ['are exact: min(cap, initial·factor^(n−1)), as often as the limit says'],
  },
  'pending → skipped (`when` is false) | upstream_failed': {
    'orchestrator/runs.test.ts': [
      'decides `when` over params, outputs and run, and skips what follows',
      'ends where every task is skipped',
    ],
    'orchestrator/rules.test.ts': ['%s'],
  },
  'A run fails when any task failed that nothing tolerated, wherever it stands in the graph.': {
    'orchestrator/runs.test.ts': ['fails when a task failed that nothing tolerated, wherever it stands'],
    'simulation/simulation.test.ts': [
      'never holds more than a machine has, runs nothing twice at once, and ends every run as its tasks ended',
    ],
  },
  'What tolerates a failure is a `one_success` task that succeeded another way; tasks that run whatever happened (`all_done`, `always`, `one_failed`) hide nothing.':
    {
      'orchestrator/rules.test.ts': [
        'is a failure that a clean-up at the end does not hide',
        'is a success where another way was found, also for what fell on the way',
        'is found for a chain of 100,000',
      ],
      'orchestrator/runs.test.ts': ['succeeds when an alternative made good for a failure'],
    },
  '[Runs](runs.md) has the table.': {
    'orchestrator/rules.test.ts': ['%s', 'docs/runs.md has a line for each trigger rule'],
  },
  'Trigger rules: `all_success` (default), `all_done`, `one_success`, `one_failed`, `none_failed`, `always`.': {
    'orchestrator/rules.test.ts': ['%s'],
  },
  'A claim is one transaction.': {
    'contract/runs.test.ts': ['gives a task to one of many that claim at once'],
    'crash/orchestrator.test.ts': ['at the boundary "%s" loses no task and starts no program that nobody knows of'],
  },
  'An attempt number guards every write: a late writer changes nothing.': {
    'contract/runs.test.ts': ['that lost its lease changes nothing, whatever it says'],
    'contract/external-work.test.ts': ['what a worker writes that lost its lease to another is not taken'],
    'crash/orchestrator.test.ts': [
      'takes a task over once the lease ended; who wakes up late changes nothing and kills its program',
    ],
  },
  'What is in use is the sum over live leases.': {
    'contract/runs.test.ts': [
      'packs what live leases leave free, and what does not fit waits',
      'of a worker known to be gone is over at once',
    ],
    'orchestrator/worker.test.ts': ['shares its machine with another'],
    'simulation/store.test.ts': ['does what the pure function says, action by action, in ${SCHEDULES} schedules'],
  },
  "Only the database's clock counts.": {
    'crash/orchestrator.test.ts': [
      'whose clocks are hours off take nothing from each other, and record the times of the store',
    ],
  },
  'Leases are renewed outside the main event loop; a worker that lost one kills the whole process group.': {
    'crash/orchestrator.test.ts': [
      'does not take over from a worker whose event loop is blocked',
      'takes a task over once the lease ended; who wakes up late changes nothing and kills its program',
    ],
    'orchestrator/worker.test.ts': ['gives up every lease once it can no longer be sure of it, and kills its program'],
    'contract/runs.test.ts': ['has its lease renewed as long as it is tracked, and its loss reported'],
  },
  "Pools, the concurrency of a pipeline and a team's part are shared by all machines; what is used of them, too, is the sum over live leases.":
    {
      'orchestrator/limits.test.ts': [
        'takes slots of a pool on all machines together, and says what a task waits for',
        'fails a task that asks for a pool that is not there, or for more slots than it has',
        'runs at most so many tasks of a pipeline at once, and so many of a team',
      ],
    },
  "A run beyond its pipeline's `concurrency.runs` stays queued until another ends.": {
    'orchestrator/limits.test.ts': [
      'lets at most so many runs of a pipeline be under way; the next waits for one of them',
    ],
  },
  'Devices are given by number, each to one attempt at a time.': {
    'orchestrator/limits.test.ts': ['gives each attempt devices of its own by number'],
  },
  '`forEach`: each item is a task of its own, `TASK[INDEX]`; the task goes on until all have ended, its outputs are theirs in order.':
    {
      'orchestrator/items.test.ts': [
        'runs a task for each item of a list, and gives their outputs in order to those after it',
        'fails with its items, and tried again runs those that failed alone',
      ],
    },
  'An empty list succeeds.': {
    'orchestrator/items.test.ts': [
      'takes the list from what came before, asks the condition of each item, and of none at all succeeds with an empty list',
    ],
  },
  '`runs retry` runs again the items that failed.': {
    'orchestrator/items.test.ts': ['fails with its items, and tried again runs those that failed alone'],
  },
  'The items of a query are found once and recorded with the task: neither a source that changes nor a daemon that dies changes them.':
    {
      'orchestrator/items-query.test.ts': [
        'leaves the items as they were found: each is done, none twice at its end, whatever the source holds now',
      ],
    },
  'Files that tasks leave go once their run is old enough, but for content that a younger run left too.': {
    'orchestrator/artifacts.test.ts': ['go with their content, but for what another run still refers to'],
  },
  'Room: cores, memory and gpus of a machine are packed together with what tasks share: by priority, then the most gpus first, then age.':
    {
      'orchestrator/rules.test.ts': [
        'takes gpu tasks before the cpu tasks that would keep them out',
        'takes what waited longest before all, and keeps the room for it',
        'never takes more than there is, and leaves nothing out that fits',
      ],
      'orchestrator/limits.test.ts': ['keeps slots for a task that has waited too long for them'],
      'contract/runs.test.ts': ['prefers priority, and touches no other scope'],
    },
  'What has waited for five minutes goes before all others, and nothing smaller takes its room.': {
    'orchestrator/rules.test.ts': ['takes what waited longest before all, and keeps the room for it'],
    'orchestrator/limits.test.ts': ['keeps slots for a task that has waited too long for them'],
  },
  'What no machine can ever hold fails, with the reason.': {
    'contract/runs.test.ts': ['fails what no machine can ever hold'],
    'orchestrator/rules.test.ts': [
      'refuses what no one machine holds, and keeps no room for what only another machine holds',
    ],
  },
  'Each attempt keeps what it took: processor time, the most memory, how long.': {
    'orchestrator/usage.test.ts': [
      'counts the processor time and the memory of its program and of all that the program started',
      'is no less than the program itself was told by the kernel, also of a program that is over in no time',
      'is told of attempts that were killed',
    ],
  },
  'The intent is recorded before a process is started.': {
    'crash/orchestrator.test.ts': ['at the boundary "%s" loses no task and starts no program that nobody knows of'],
  },
  'A Job has a name of its run, task and attempt: one that is there already is adopted.': {
    'orchestrator/kubernetes/answers.test.ts': [
      'is found when it is made again, and adopted',
      'is refused where the one of its name carries other labels',
    ],
    'orchestrator/kubernetes/cluster.test.ts': [
      'the Job is under a deterministic name, passes the restricted pod security standard, and holds no secret',
    ],
  },
  'A process is sent a termination signal first, and killed with its group when it does not end.': {
    'orchestrator/process.test.ts': [
      'are all gone when the run is cancelled, however stubborn',
      'are all gone at the timeout',
      'end with the program: what it leaves in the background does not survive it',
    ],
    'orchestrator/typescript.test.ts': [
      'is told by its signal that it is to end, and ends at once where it does not look at it',
    ],
  },
  'Retry: `limit` attempts beyond the first; the delay of retry n is min(cap, initial · factor^(n−1)), with full jitter unless it is turned off; `on` says what is tried again.':
    {
      'orchestrator/rules.test.ts': [
        'is min(cap, initial·factor^(n−1)), exactly',
        'with full jitter is anything from 0 up to that',
        'is only what `on` names',
      ],
      'orchestrator/runs.test.ts': [
        'wait min(cap, initial·factor^(n−1)) before the nth',
        'stop at the limit, and do not happen for what `on` does not name',
      ],
      'orchestrator/waiting-and-retries.test.ts': [
        'wait as long as their policy says, to the millisecond: exponentially, with the part that chance gives',
      ],
    },
  'A failure and a crash have a budget each.': {
    'orchestrator/rules.test.ts': ['depends on the budget of its kind'],
    'orchestrator/process.test.ts': [
      'killed by somebody else are a crash, tried again without a retry, at most three times',
    ],
    'orchestrator/worker.test.ts': [
      'that is stopped kills its programs and gives its tasks back, at the cost of no budget',
    ],
  },
  'A task that takes its worker down with it is stopped after three recoveries.': {
    'crash/orchestrator.test.ts': ['that takes its worker down each time stops after three recoveries'],
  },
  '`timeout` for each attempt; `deadline` for the task over all attempts, from the moment it first may run; `queuedTimeout` for the wait for room before each attempt, in which the pause before a retry does not count.':
    {
      'orchestrator/runs.test.ts': ['end an attempt at its timeout', 'end a task at its deadline over all attempts'],
      'orchestrator/rules.test.ts': ['never begins after the deadline'],
      'orchestrator/waiting-and-retries.test.ts': [
        'ends a task that waits longer for room, not before, and no other',
        'ends no task that runs, and counts anew for each attempt',
        'holds for a run that is tried again',
      ],
    },
  'Schedules: one row for each schedule and instant, so never twice.': {
    'contract/runs.test.ts': ['fires an instant once, also for two schedulers at once'],
    'stores/postgres/rename.test.ts': ['fires no instant twice, whoever still knows it by the old name'],
    'faults/roles.test.ts': ['lose no run, fire no instant twice and leave nothing behind'],
  },
  'Daylight saving: a daily time in the gap runs at the first valid instant, one in the overlap once; hourly and finer follow elapsed time.':
    {
      'lib/schedule.test.ts': [
        'run a daily time in the gap of daylight saving at the first valid instant',
        'run a daily time in the overlap once',
        'follow elapsed time where they are hourly or finer',
      ],
      'lib/schedule-daylight.test.ts': [
        'daily at minute %i comes once a day',
        'several times a day come each once',
        'hourly and finer follow elapsed time',
      ],
      'orchestrator/schedules.test.ts': ['in the gap of daylight saving fire at the first valid one after it'],
    },
  '`catchup: none | last | all`, `overlap: queue | skip | cancel`.': {
    'orchestrator/schedules.test.ts': ['that nobody was there for are left out, or the last is made up for, or all'],
    'contract/runs.test.ts': ['lets a run wait for the one before, skips it, or cancels that one'],
  },
  'Cache: a task with `cache` takes over what succeeded before with the same code, settings and inputs, within its `ttl`, while what that made is still there; the attempt says which one it was.':
    {
      'orchestrator/task-cache.test.ts': [
        'takes over what the same work gave, and says which attempt that was',
        'works anew where its code, its settings, its parameters or what came before it is other',
        'takes over nothing after its time, and with another name or other limits the same',
        'takes over nothing that failed, and nothing whose artifacts are gone',
      ],
      'orchestrator/cached-queries.test.ts': [
        'are taken over while snapshots and rows are the same, and made anew when they are not',
        'are made anew where what they gave is gone',
      ],
    },
  'Of tasks that come to the same work at once one works; the others wait, holding nothing, for its end, however it ends.':
    {
      'orchestrator/single-flight.test.ts': [
        'that come to the same work at once do it once: the others wait, hold nothing, and take it over',
        'work in turn while the first fails, and each is told its own end',
        'are not kept back by one whose worker died',
      ],
    },
  'Circuit breaker for each pipeline: open after n failed runs in a row; schedules and triggers then start nothing, and each run that is skipped is told.':
    {
      'orchestrator/breaker.test.ts': [
        'opens after as many runs in a row as it says, and a success in between begins anew',
        'that is open keeps schedules and triggers from starting runs, tells each, and lets people',
      ],
      'notify/notifier.test.ts': ['that open the breaker of their pipeline tell that too, once'],
    },
  'After a pause one run tries: it closes the breaker, or opens it for another pause.': {
    'orchestrator/breaker.test.ts': [
      'lets one run try after the pause; that fails, and it opens again',
      'closes when the run that tries succeeds',
      'lets another try where the one that tried was cancelled',
      'lets one of two schedulers try',
    ],
  },
  'What people start always runs.': {
    'orchestrator/breaker.test.ts': [
      'that is open keeps schedules and triggers from starting runs, tells each, and lets people',
    ],
  },
  'Triggers: an event is written in the transaction of what it tells of, so that one that happens while no scheduler runs is not lost; it is handled once, in the transaction that makes its run, whose cause says what happened.':
    {
      'orchestrator/triggers.test.ts': [
        'starts a run with the version as its cause, also where it was promoted before any scheduler ran, and never twice',
        'starts nothing that was applied later, nor anything where the promotion was undone',
        'starts each time a run of its own, and a registration is a promotion to development',
        'starts those that wait for an end of its kind',
      ],
    },
  'Pipelines that start each other in a circle, by triggers, by `run_pipeline` or by both, are refused, those made over HTTP too.':
    {
      'spec/triggers.test.ts': [
        'that start pipelines in a circle are refused: by ends, by sets, by models',
        'that close a circle with tasks that run a pipeline are refused, and circles of such tasks alone',
      ],
      'plan/environment.test.ts': ['a circle through a pipeline that was made over HTTP is an error of the plan'],
      'api/contract.test.ts': ['are refused where pipelines would start each other without end'],
    },
  '[Triggers](triggers.md) has every kind.': {
    'spec/triggers.test.ts': ['of every kind are accepted, cycles aside', 'have a line each in docs/triggers.md'],
  },
  'Backfill: over the instants of a range, with a concurrency and an order of its own, previewed by a dry run; `reprocess: none | failed | all`.':
    {
      'orchestrator/backfills.test.ts': [
        'are those of the schedule, both ends of the range included, in either order',
        'runs every instant once, in order, no more at once than it may',
        'previews what it would do, and why, and starts nothing',
        'runs again what failed, or all, or nothing, as it is told',
      ],
    },
  'Never beside a live run of the same instant, of which there is one at most.': {
    'orchestrator/backfills.test.ts': [
      'depends on its newest run, and beside a live one it never is',
      'never runs an instant beside a live run of it, and the schedule runs none that it ran',
      'and the retry of an older run of its instant do not run side by side',
    ],
  },
  'A scheduler that died is replaced by the next.': {
    'orchestrator/backfills.test.ts': ['is gone on with by another scheduler where the one that began is gone'],
  },
  'A Job of a cluster outlives its daemon: the next one goes on with the same attempt, its log whole and in order, its program not started again.':
    {
      'orchestrator/kubernetes/cluster.test.ts': [
        'a daemon that stops leaves its Job running, and the next one sees it to its end, log and outputs included',
        'a log is taken once, whole and in order, however often the connection breaks',
      ],
      'contract/external-work.test.ts': [
        'an attempt whose program runs outside goes to another worker under its own number, once, when its lease is over',
      ],
    },
  "A Job of the same name that is another's is left alone; Jobs whose attempt is over or unknown are removed.": {
    'orchestrator/kubernetes/cluster.test.ts': [
      "a Job of its name that is another attempt's is left alone",
      'Jobs whose attempt is over or unknown are removed, those of others are not',
    ],
  },
  'A program that holds more memory than its task asks for is killed with all that it started, and has crashed; the error names the limit.':
    {
      'orchestrator/process-limits.test.ts': [
        'that holds more memory than it asked for is killed with all that it started, and has crashed',
        'that stays within it runs to its end',
      ],
      'orchestrator/kubernetes/cluster.test.ts': [
        'a program that goes over its memory has crashed, with the limit named',
      ],
    },
  'Cancelling works in every state and leaves no process, no Job and no slot behind.': {
    'orchestrator/cancel.test.ts': ['%s'],
    'contract/runs.test.ts': ['is cancelled in every state'],
    'orchestrator/process.test.ts': ['are all gone when the run is cancelled, however stubborn'],
    'orchestrator/waiting-tasks.test.ts': [
      'times out for good after its timeout, is cancelled at once, and leaves nothing',
    ],
    'orchestrator/items.test.ts': ['is cancelled with all its items'],
    'orchestrator/kubernetes/cluster.test.ts': [
      'the Job is under a deterministic name, passes the restricted pod security standard, and holds no secret',
    ],
    'faults/campaign.test.ts': ['%s'],
  },
  '`runs retry` runs only what failed and what that blocked.': {
    'orchestrator/runs.test.ts': ['repeat of a run only what failed and what that held up'],
  },
  'Every attempt of a process starts in a fresh directory that holds just the code bundle that was applied: an edit in the working tree changes nothing that runs before it is planned and applied.':
    {
      'orchestrator/process.test.ts': [
        'runs in a fresh directory that holds just its bundle, and leaves nothing behind',
      ],
      'faults/reapply.test.ts': ['a run goes on as its pipeline was when it was made, also under the next daemon'],
    },
  'A task that waits for something outside (`wait_for`, `run_pipeline`) holds no attempt, lease or slot meanwhile and survives every daemon.':
    {
      'orchestrator/waiting-tasks.test.ts': [
        'holds no slot and no attempt while it waits, and goes on once the file is there',
        'goes on waiting when every daemon is gone, and ends with the next',
        'gives parameters, waits without a slot, and has the outputs of the run',
      ],
    },
  'The run that a `run_pipeline` task started belongs to it: found again by every attempt, taken up where it failed, cancelled with it.':
    {
      'orchestrator/waiting-tasks.test.ts': [
        'fails with the run, and a further attempt takes the same run up where it failed',
        'is cancelled down to the last, and the run of one that timed out ends too',
      ],
    },
  'A value of a run in the text of a task is a value there, never code: a literal in SQL, a word in a shell, a part of a url.':
    {
      'orchestrator/templates.test.ts': [
        'gives SQL literals, by the type of the value',
        'gives a shell line words from variables, in double quotes and outside',
        'never becomes code of a shell, whatever the value is',
        'never becomes code of SQL, whatever the value is',
      ],
      'orchestrator/http-request.test.ts': ['sends what the task says, and what is answered is its outputs'],
      'spec/templates.test.ts': ['are refused where their value could be code: %j'],
    },
};
