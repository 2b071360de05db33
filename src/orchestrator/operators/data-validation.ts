/** data_validation: fails on expectations that are not met, or with `onFailure: warn` says so and goes on. */
import { MlopsError } from '../../lib/error.ts';
import type { ValidationReport } from '../services.ts';
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export const dataValidation: Operator<'data_validation'> = async (task, context) => {
  const report = await context.services.validate(task, context);
  for (const failure of report.failures) context.log(sentence(failure));
  context.log(`${report.checked} expectations checked, ${report.failures.length} not met`);
  if (report.failures.length > 0 && task.onFailure !== 'warn') {
    throw new MlopsError('FS203', {
      detail: `${report.failures.length} of ${report.checked} expectations are not met: ${report.failures.map(sentence).join('; ')}`,
      hint: 'correct the data or the expectations, or set onFailure: warn',
    });
  }
  return asOutputs(report);
};

function sentence(failure: ValidationReport['failures'][number]): string {
  const rows = failure.rows === null ? '' : ` in ${failure.rows} rows`;
  return `${failure.featureSet}.${failure.feature} is not ${failure.expectation}: ${failure.observed ?? 'no value'}${rows}`;
}
