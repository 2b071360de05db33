// Notifications and logs: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const notificationsAndLogs: Section = {
  'One notification an event and channel, whoever schedules: it is written down with the note of the event.': {
    'notify/notifier.test.ts': [
      'tell a failure, the recovery and each success once to each channel that asks, however many daemons lead',
      'takes a key once a channel, and no channel that the environment lacks',
    ],
  },
  'A receiver gets it once unless it fails, or the daemon dies, while it takes it; then it comes again under the same id.':
    {
      'notify/notifier.test.ts': [
        'sends again what a receiver did not take, later each time, under the same id, and then no more',
        'sends once more what a sender took that died with it, when its time is over',
      ],
    },
  'None holds a secret.': {
    'notify/channels.test.ts': [
      'tells no secret in a failure',
      'is tried again after a passing refusal, and not after one for good; no failure tells the password',
    ],
    'orchestrator/process.test.ts': ['gets secrets that are named, shows none, and inherits none'],
  },
  'What is expected by a time is late when it did not succeed by then, whatever the reason, also when no run was made; it is told once.':
    {
      'notify/notifier.test.ts': [
        'is told once, by the last of many instants, also where no run was made',
        'is not what succeeded in time',
        'by a time of day is judged in the time zone of the schedule, and a new expectation begins anew',
      ],
    },
  'The first success after a failure, or after something was late, is a recovery; it is told once.': {
    'notify/notifier.test.ts': [
      'tell a failure, the recovery and each success once to each channel that asks, however many daemons lead',
      'and then there is told as a recovery, once, of a schedule and of a run that nobody scheduled',
      'are feature sets until they are fresh again',
    ],
  },
  'A search of logs ends after its time, however many runs there are, and goes on where it ended; it misses no line, wherever the text was cut when it came in.':
    {
      'orchestrator/logs.test.ts': [
        'takes no more time than it may, however many runs there are, and goes on from its cursor',
        'finds lines in the newest runs first, within one pipeline, also where a text is cut between two parts of the log',
      ],
      'orchestrator/log-lines.test.ts': [
        'are whole however the text comes in pieces, each stream for itself',
        'the first look for a level leaves out no line of it',
      ],
    },
  'The events of all runs are one stream that a reader leaves and takes up again at any event, also with another daemon: it misses none and gets none twice, and those of a run come in their order.':
    {
      'orchestrator/run-feed.test.ts': [
        'that leaves and comes back anywhere, while runs go on, sees each event once and those of a run in order',
        'gets what a transaction wrote that was still under way when it read what came after',
      ],
      'api/events.test.ts': [
        'goes on after a dropped connection and after a daemon that was killed, without loss or doubles',
      ],
    },
};
