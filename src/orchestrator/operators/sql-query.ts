/** sql_query: a query over sources, whose result is written into the set that it names, or kept for the tasks after it. */
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export const sqlQuery: Operator<'sql_query'> = async (task, context) => {
  const result = await context.services.query(task, context);
  context.log(
    `${result.rows} rows of ${result.columns.map(({ name }) => name).join(', ')} (sha256 ${result.digest.slice(0, 12)})`,
  );
  if (task.into === undefined) return asOutputs(result);
  const into = await context.services.materialize(task.into, context, {
    found: [result],
    instant: context.instant,
    named: true,
  });
  context.log(`${task.into} v${into.version}: ${into.rowsWritten} written, ${into.onlineWritten} online`);
  return asOutputs({ ...result, into });
};
