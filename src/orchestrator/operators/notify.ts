/** notify: a message to a channel of the environment. It is written down at once and sent by the daemon, once, however often the task runs. */
import type { Operator } from './operator.ts';

export const notify: Operator<'notify'> = async (task, context) => {
  await context.services.notify(
    {
      channel: task.channel,
      title: task.title ?? `${context.pipeline}: ${context.task}`,
      text: task.message,
      severity: task.severity ?? 'info',
      key: `task/${context.runId}/${context.task}`,
    },
    context,
  );
  context.log(`to ${task.channel}: ${task.message}`);
  return { channel: task.channel };
};
