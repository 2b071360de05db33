/** feature_materialization: one set after the other, as they are named; what queries before it found is written where it fits. */
import type { MaterializationReport, QueryResult } from '../services.ts';
import type { Operator } from './operator.ts';
import { asOutputs, fromOutputs, upstreamOf } from './upstream-outputs.ts';

export const featureMaterialization: Operator<'feature_materialization'> = async (task, context) => {
  const reports: Record<string, MaterializationReport> = {};
  const queries = upstreamOf('sql_query', context);
  for (const featureSet of task.featureSets) {
    const found = queries.flatMap(({ task: name, outputs }) => {
      const query = context.pipelineSpec.tasks[name];
      const isFor = query?.operator === 'sql_query' && (query.into === undefined || query.into === featureSet);
      return isFor ? [fromOutputs<QueryResult>(outputs)] : [];
    });
    const results = found.length === 0 ? undefined : { found, instant: context.instant };
    context.signal.throwIfAborted();
    const report = await context.services.materialize(featureSet, context, results);
    reports[featureSet] = report;
    context.log(
      `${featureSet} v${report.version}: ${report.rowsRead} rows read, ${report.rowsWritten} written, ${report.onlineWritten} online` +
        (report.watermark === null ? '' : `, up to ${report.watermark}`),
    );
  }
  return asOutputs({ featureSets: reports });
};
