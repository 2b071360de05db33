/** sql_query: a query over sources, whose result is kept for the tasks after it. */
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export const sqlQuery: Operator<'sql_query'> = async (task, context) => {
  const result = await context.services.query(task, context);
  context.log(
    `${result.rows} rows of ${result.columns.map(({ name }) => name).join(', ')} (sha256 ${result.digest.slice(0, 12)})`,
  );
  return asOutputs(result);
};
