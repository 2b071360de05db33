// Plan: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const plan: Section = {
  '`plan` is a function of the specs with the columns of their files, the recorded state, and what was measured.': {},
  'It writes nothing to the store: it reads on a read-only connection.': {},
  '`apply` then `plan` is empty, for every kind and every edit, description, owner and protection included.': {},
  'Each change has one class, the gravest that an analyzer found: `safe` < `backfill` < `new-version` < `breaking` < `destructive`.':
    {},
  'In place: description, tags, owner, ttl, expectations, schedule, resources, retry.': {},
  'A new version of a feature set: its keys, where its rows come from (source or query) and by when they must be known, its columns, their types and expressions.':
    {},
  'The version before serves until the new one is filled.': {},
  'Refused, unless a rule or a reason in the specs lets it pass: removing or retyping a feature that a service, a model or an endpoint reads; changing what a feature means for a version in production or staging that learned from it: its default, its unit, how its source is read; and its query, expression, column, source or times where that version does not name the version of the set that it learned from.':
    {},
  'One that does goes on reading that one; the plan says so.': {},
  'Refused in any case: destroying what is protected, or what something made through the HTTP interface needs.': {},
  'The protection is kept in the recorded state: taking the whole block out of the specs does not take it away.': {},
  'A finding that is let pass stays in the plan with its text and the reason.': {},
  'What a resource that goes suppressed does not count.': {},
  '[Plan](plan.md) has a line for every edit of every field.': {},
  'Lineage is by column: a feature depends on the source columns that its column, query or expression reads, on those that decide which rows there are, and on no others.':
    {},
  'What cannot be told may be any.': {},
  'A source whose file lost, gained or retyped a column is in the plan, also where its spec did not change.': {},
  'A column that features read must not go.': {},
  'Impact: the features whose values change, what reads them down to the endpoints with their owners and predictions a day, and the rows, days, bytes and seconds to compute them again as last measured.':
    {},
  'It is read in a look of at most 2 seconds that writes nothing.': {},
  'What is not known is `null`, never 0.': {},
  '`plan --refresh-only` reads the stores and says where they are not as recorded.': {},
  'It writes nothing, migrates nothing, and ends in bounded time whatever a store does.': {},
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
  'What the HTTP interface made is listed and never changed or destroyed.': {},
  '`import` takes it over as it is recorded, all of what was asked for or none, under the lock.': {},
};
