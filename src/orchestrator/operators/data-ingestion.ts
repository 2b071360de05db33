/** data_ingestion: an immutable snapshot of a source. */
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export const dataIngestion: Operator<'data_ingestion'> = async (task, context) => {
  const snapshot = await context.services.ingest(task.source, context);
  context.log(
    `${snapshot.source}: ${snapshot.rows} rows${snapshot.changed ? '' : ', unchanged'} (sha256 ${snapshot.digest.slice(0, 12)})`,
  );
  return asOutputs(snapshot);
};
