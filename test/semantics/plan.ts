// biome-ignore-all lint/suspicious/noTemplateCurlyInString: titles of tests as their source has them
// Plan: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const plan: Section = {
  '`plan` is a function of the specs with the columns of their files, the recorded state, and what was measured.': {
    'plan/create-plan.test.ts': ['is the same value for the same input, and does not touch its input'],
    'plan/plan-file.test.ts': ['is the same text for the same plan'],
  },
  'It writes nothing to the store: it reads on a read-only connection.': {
    'cli/commands.test.ts': ['plan writes nothing, and exits with 2 where asked'],
    'e2e/external-postgres.test.ts': ['is left as it is by plan, and starts no server of ours'],
    'e2e/warehouse.test.ts': ['is not touched by plan'],
    'stores/postgres/database.test.ts': ['writes nothing where it is read-only'],
  },
  '`apply` then `plan` is empty, for every kind and every edit, description, owner and protection included.': {
    'apply/convergence.property.test.ts': [
      'is empty after any sequence of projects, and the state is what the specs say',
    ],
    'fuzz/lifecycle.test.ts': [
      'stays explained and converges through 600 random lives: edits, failures, deaths, sleepers, two at once, stale plans, renames, going back, policies',
    ],
  },
  'Each change has one class, the gravest that an analyzer found: `safe` < `backfill` < `new-version` < `breaking` < `destructive`.':
    {
      'plan/create-plan.test.ts': ['keeps classes apart: in place, backfill, new version, breaking, destructive'],
      'plan/edits.test.ts': ["${field} ${edit}: ${gravest}${codes.length === 0 ? '' : ` ${codes.join(' ')}`}"],
    },
  'In place: description, tags, owner, ttl, expectations, schedule, resources, retry.': {
    'plan/edits.test.ts': ["${field} ${edit}: ${gravest}${codes.length === 0 ? '' : ` ${codes.join(' ')}`}"],
    'plan/create-plan.test.ts': ['keeps classes apart: in place, backfill, new version, breaking, destructive'],
  },
  'A new version of a feature set: its keys, where its rows come from (source or query) and by when they must be known, its columns, their types and expressions.':
    {
      'plan/edits.test.ts': ["${field} ${edit}: ${gravest}${codes.length === 0 ? '' : ` ${codes.join(' ')}`}"],
      'plan/create-plan.test.ts': [
        'makes a new version where other rows count from now on',
        'makes new versions of the sets of an entity whose keys changed, also when only they were left over',
      ],
    },
  'The version before serves until the new one is filled.': {
    'features/materialize.test.ts': ['serves the old version until the new one is complete'],
  },
  'Refused, unless a rule or a reason in the specs lets it pass: removing or retyping a feature that a service, a model or an endpoint reads; changing what a feature means for a version in production or staging that learned from it: its default, its unit, how its source is read; and its query, expression, column, source or times where that version does not name the version of the set that it learned from.':
    {
      'plan/create-plan.test.ts': ['refuses to remove a feature that is read, unless that is allowed'],
      'plan/rules.test.ts': [
        'is refused where a version in production or staging learned from the values before',
        'is refused too where only the version that answers still reads a feature: its service has dropped it',
        'lets its finding pass, counts it, and keeps its text and reason in every output',
        'raises, lowers and turns off, and the plan says which are set',
      ],
    },
  'One that does goes on reading that one; the plan says so.': {
    'plan/rules.test.ts': ['is none for a version that goes on reading what it learned from: the plan says so'],
    'features/versions.test.ts': [
      'goes on filling the version that a model in production learned from, beside the newest',
    ],
  },
  'Refused in any case: destroying what is protected, or what something made through the HTTP interface needs.': {
    'plan/create-plan.test.ts': ['refuses to destroy what an unmanaged resource needs'],
    'plan/rules.test.ts': [
      'holds from the recorded state in every mode: apply, destroy, target; no rule and no reason lifts it',
    ],
  },
  'The protection is kept in the recorded state: taking the whole block out of the specs does not take it away.': {
    'plan/create-plan.test.ts': ['refuses to destroy what is recorded as protected, also when its block is gone'],
  },
  'A finding that is let pass stays in the plan with its text and the reason.': {
    'plan/rules.test.ts': ['lets its finding pass, counts it, and keeps its text and reason in every output'],
  },
  'What a resource that goes suppressed does not count.': {
    'plan/rules.test.ts': ['that was recorded does not let the resource go: only a rule of the specs does'],
  },
  '[Plan](plan.md) has a line for every edit of every field.': {
    'plan/edits.test.ts': [
      'have a line in the table for every field of the schema, and for no other',
      'docs/plan.md shows the table',
    ],
  },
  'Lineage is by column: a feature depends on the source columns that its column, query or expression reads, on those that decide which rows there are, and on no others.':
    {
      'spec/feature-lineage.test.ts': [
        'goes through queries, query sources, added columns and expressions to the columns of files',
      ],
      'plan/impact.test.ts': [
        'that features read must not go: FS120 names just them',
        'names all below where the key, or which rows there are, changed',
        'of a column is what reads the features that read it, and no other service',
      ],
      'stores/duckdb/lineage.test.ts': ['names every column that changes an output of the queries people write'],
    },
  'What cannot be told may be any.': {
    'spec/query-lineage.test.ts': ['knows nothing of a query that the parser does not understand'],
    'plan/impact.test.ts': ['that an older state has no lineage for are found by the columns that features name'],
  },
  'A source whose file lost, gained or retyped a column is in the plan, also where its spec did not change.': {
    'plan/impact.test.ts': [
      'show in the plan when the file lost, gained or retyped one, and are as the specs say after an apply',
    ],
    'e2e/external-postgres.test.ts': ['shows a file that lost a column, and is as the specs say once that is applied'],
  },
  'A column that features read must not go.': {
    'plan/impact.test.ts': [
      'that features read must not go: FS120 names just them',
      'that the specs add are lost like those of a file',
    ],
  },
  'Impact: the features whose values change, what reads them down to the endpoints with their owners and predictions a day, who read online within 30 days what changes, and the rows, days, bytes and seconds to compute them again as last measured.':
    {
      'plan/impact.test.ts': [
        'is what was measured of the version before',
        'counts a set once that two changes touch',
        'of a feature set is what reads the features that change',
      ],
      'contract/facts.test.ts': [
        'tell of a set the newest version that has rows, the time that they span and the last speed',
        'count the predictions of seven days, none of an endpoint that nobody asked',
      ],
      'e2e/external-postgres.test.ts': [
        'tells plans what changes cost, whom they touch, and what a destroy would leave behind',
      ],
    },
  'It is read in a look of at most 2 seconds that writes nothing.': {
    'contract/facts.test.ts': [
      'leave out what does not answer in time, and tell the rest',
      'are none of a store without a schema, and of a scope that was never applied; nothing is made',
    ],
  },
  'What is not known is `null`, never 0.': {
    'plan/impact.test.ts': [
      'is unknown, never 0, where nothing was measured',
      'is known to be none where nothing is computed again',
    ],
    'plan/create-plan.test.ts': ['says what is downstream of a change, and null for what it does not know'],
  },
  '`plan --refresh-only` reads the stores and says where they are not as recorded.': {
    'cli/drift.test.ts': [
      'parts that are missing, cut off or of other rows are computed again',
      'a snapshot that is missing or damaged is taken again',
      'a set that the online store lost, half lost or is behind with is told',
      'what is wrong with the control store is told with its SQL, also where nothing can be read of it',
    ],
  },
  'It writes nothing, migrates nothing, and ends in bounded time whatever a store does.': {
    'cli/drift.test.ts': ['finds nothing where nothing is wrong, changes no file and asks for nothing of the specs'],
    'compose/observe.test.ts': [
      'goes on where one never answers, and says which',
      'ends where nothing answers at all',
      'a table that somebody holds is waited for, but not for ever',
    ],
    'stores/postgres/inspect.test.ts': ['says that it was not compared where the store is behind this program'],
  },
  'What an environment says of runs (pools, teams, resources, runner, channels, telemetry, how long things are kept) is planned, recorded and kept in the history like a resource, `environment.NAME`; no secret of it is.':
    {
      'plan/environment.test.ts': [
        'that change are in the plan with what was and will be, and are recorded: the next plan is empty',
        'hold no secret: a reference stays one, and of a plain text the host and a digest are kept',
      ],
      'cli/environment.test.ts': ['is recorded by an apply, and in the history'],
    },
  'A task that asks for more than its environment has is told (PL123).': {
    'plan/environment.test.ts': [
      'is told: cores, memory, gpus of the machine and of the team, slots of pools',
      'is told of the environment where that alone changes, and once',
    ],
  },
  'What the HTTP interface made is listed and never changed or destroyed.': {
    'plan/create-plan.test.ts': ['lists what the HTTP interface made and never destroys it'],
    'api/contract.test.ts': ['are recorded as managed by the interface, run, and left alone by plan'],
  },
  '`import` takes it over as it is recorded, all of what was asked for or none, under the lock.': {
    'contract/state.test.ts': [
      'is adopted as it is, with its outputs, the serial moved once and one audit entry each',
      'is adopted with all the others or with none, where one was changed since it was read',
    ],
    'cli/import.test.ts': [
      'takes over at once where the specs hold it already, and moves the serial by one',
      'brings along what it needs, and leaves a clean plan',
    ],
  },
};
