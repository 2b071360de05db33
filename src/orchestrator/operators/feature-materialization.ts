/** feature_materialization: one set after the other, as they are named. */
import type { MaterializationReport } from '../services.ts';
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export const featureMaterialization: Operator<'feature_materialization'> = async (task, context) => {
  const reports: Record<string, MaterializationReport> = {};
  for (const featureSet of task.featureSets) {
    context.signal.throwIfAborted();
    const report = await context.services.materialize(featureSet, context);
    reports[featureSet] = report;
    context.log(
      `${featureSet} v${report.version}: ${report.rowsRead} rows read, ${report.rowsWritten} written, ${report.onlineWritten} online` +
        (report.watermark === null ? '' : `, up to ${report.watermark}`),
    );
  }
  return asOutputs({ featureSets: reports });
};
