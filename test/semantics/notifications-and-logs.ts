// Notifications and logs: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const notificationsAndLogs: Section = {
  'One notification an event and channel, whoever schedules: it is written down with the note of the event.': {},
  'A receiver gets it once unless it fails, or the daemon dies, while it takes it; then it comes again under the same id.':
    {},
  'None holds a secret.': {},
  'What is expected by a time is late when it did not succeed by then, whatever the reason, also when no run was made; it is told once.':
    {},
  'A search of logs ends after its time, however many runs there are, and goes on where it ended; it misses no line, wherever the text was cut when it came in.':
    {},
};
